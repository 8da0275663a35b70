import { z } from 'zod'

/** The newest layout of model.json that this runtime reads. */
export const MODEL_SCHEMA_VERSION = 1

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

/** model.json: everything the runtime must know of a network, and what it says of its origin. */
export const modelSchema = z.strictObject({
  schemaVersion: z.literal(MODEL_SCHEMA_VERSION).describe('Layout of this file.'),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/),
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
  golden: z.strictObject({ file: fileName, tensors: z.array(goldenTensorSchema).min(1) }),
  energy: energySchema,
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
