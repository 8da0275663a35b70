import { z } from 'zod'

/** The layout of model.json that this runtime reads: 2 since packages describe their integers (network.json). */
export const MODEL_SCHEMA_VERSION = 2

const fileName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
  .describe('A file of the package folder itself, never a path.')
const graphPair = z.strictObject({ template: fileName, search: fileName })
const shape = z.array(z.int().positive()).min(1).max(6)

const goldenTensorSchema = z.strictObject({
  name: z.string().describe("'template.' or 'search.' and the tensor's name in that graph."),
  dtype: z.enum(['uint8', 'float32']),
  shape: shape.describe('Batch first.'),
  offset: z.int().min(0).describe('First byte in the golden file; little-endian values.'),
})

const energySchema = z.strictObject({
  picojoulePerMac: z.number().positive().describe('Energy of one multiply-accumulate, 45 nm.'),
  picojoulePerAc: z.number().positive().describe('Energy of one accumulate, 45 nm.'),
  layers: z
    .array(
      z.strictObject({
        name: z.string(),
        crop: z.enum(['template', 'search']),
        kind: z.enum(['MAC', 'AC']),
        operations: z.number().min(0).describe('Mean operations an inference.'),
        rate: z.number().nullable().describe('Mean spikes (0..4) of an input neuron.'),
      }),
    )
    .describe('Counted on validation crops when the package was made.'),
})

const decodeSchema = z
  .strictObject({
    offset: z
      .enum(['sigmoid', 'raw'])
      .default('sigmoid')
      .describe('What the offset map goes through.'),
    windowStrength: z
      .number()
      .min(0)
      .max(1)
      .nullable()
      .default(null)
      .describe('In place of the configured preference for the middle; null: as configured.'),
    minBoxPx: z
      .number()
      .min(0)
      .default(0)
      .describe('Smallest side of an answer; the configured one applies where it is larger.'),
  })
  .describe('How the maps become a box.')

const share = z.number().min(0).max(1)
const fidelitySchema = z
  .strictObject({
    samples: z.int().positive().describe('Pairs of crops that were run.'),
    medianSqnrDb: z.number().describe('Median over the layers, each fed with the same spikes.'),
    flippedSameInput: share.describe('Share of spikes that differ, each layer fed the same.'),
    flippedEndToEnd: share.describe('Share of spikes that differ, from the crops on.'),
    samePeak: share.describe('Share of crops whose best cell is the same.'),
    maps: z.array(
      z.strictObject({
        name: z.enum(['score', 'size', 'offset']),
        meanDifference: z.number().min(0),
        maxDifference: z.number().min(0),
        deviation: z.number().min(0).describe('Standard deviation of the map, for comparison.'),
      }),
    ),
    layers: z.array(
      z.strictObject({
        name: z.string(),
        sqnrDb: z.number(),
        flipped: share.optional().describe('Absent where a layer writes no spikes.'),
      }),
    ),
  })
  .describe('How near the int8 graph is to the fp32 one, where they are not the same network.')

/** model.json: everything the runtime must know of a network, and what it says of its origin. */
export const modelSchema = z.strictObject({
  schemaVersion: z.literal(MODEL_SCHEMA_VERSION).describe('Layout of this file.'),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
  kind: z
    .enum(['compact', 'canvas'])
    .default('compact')
    .describe('canvas: both crops meet in one picture, the template costs nothing of its own.'),
  description: z.string(),
  license: z.string(),
  input: z
    .strictObject({
      planes: z.array(z.enum(['trajectory', 'negative', 'positive', 'prior'])).min(1),
      templateSize: z.int().positive().max(1024),
      searchSize: z.int().positive().max(1024),
      templateFactor: z.number().positive().max(16),
      searchFactor: z.number().positive().max(16),
    })
    .describe('Crops: planes in order, sides in pixels, crop side as a multiple of sqrt(w * h).'),
  aggregation: z
    .strictObject({
      windowUs: z.int().positive(),
      amount: z.number().positive(),
      decay: z.number().min(0).max(1),
    })
    .describe('Global Trajectory Prompt parameters that the network was trained with.'),
  decode: decodeSchema.prefault({}),
  network: z.strictObject({
    neuron: z.literal('I-LIF'),
    depth: z.int().positive().describe('Levels of a spike above zero.'),
    mapSize: z.int().positive().max(256),
    parameters: z.int().positive(),
    macs: z
      .strictObject({ template: z.number().min(0), search: z.number().min(0) })
      .describe('Dense multiply-accumulates of one crop, for comparison with other networks.'),
  }),
  state: z
    .array(z.strictObject({ name: z.string(), shape }))
    .min(1)
    .describe('Outputs of the template graph that the search graph takes, without the batch.'),
  graphs: z
    .strictObject({ int8: graphPair, fp32: graphPair })
    .describe('The same integers in two dialects.'),
  integers: fileName
    .nullable()
    .describe('The network as integers (network.json); null for one that is not exact.'),
  golden: z.strictObject({ file: fileName, tensors: z.array(goldenTensorSchema).min(1) }),
  energy: energySchema,
  fidelity: fidelitySchema
    .nullable()
    .default(null)
    .describe('Null: both graphs are the same exact network.'),
  provenance: z.record(z.string(), z.json()).describe('How the weights came to be.'),
  files: z
    .record(
      fileName,
      z.strictObject({
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        bytes: z
          .int()
          .min(0)
          .max(2 ** 31),
      }),
    )
    .describe('Every file of the package but model.json and the card.'),
})

export type ModelManifest = z.infer<typeof modelSchema>
export type ModelEnergy = z.infer<typeof energySchema>
export type GoldenTensor = z.infer<typeof goldenTensorSchema>
