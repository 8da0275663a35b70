import { z } from 'zod'

const node = z.string().min(1).describe('Name of a node of the graph.')
const file = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
  .describe('A file of the folder itself.')
const step = z.int().min(0).max(1e6)
const shape = z.array(z.int().positive()).min(1).max(4)
const layer = z.string().min(1).describe('Name of a layer of the model package.')

const partSchema = z.strictObject({
  file,
  steps: z.int().positive().max(1e6).describe('Steps of one inference.'),
  given: z
    .array(z.strictObject({ node, from: layer, origin: z.enum(['input', 'host']), step, shape }))
    .describe('Presented once, in this step, as currents; zero in every other.'),
  gates: z
    .array(
      z.strictObject({ input: node, channel: z.int().min(0), step, value: z.literal([1, -1]) }),
    )
    .describe('Presented in this step at every place of the channel; zero in every other.'),
  populations: z
    .array(
      z.strictObject({
        node,
        layer,
        kind: z
          .enum(['levels', 'ladder', 'bits'])
          .describe('Spikes are counted over steps, over rungs, or are the bits of a number.'),
        open: step.describe('First step in which it may fire.'),
        steps: z.int().positive().describe('Steps in which it may fire.'),
      }),
    )
    .describe('The IF nodes.'),
  read: z.array(z.strictObject({ node, layer })).describe('Outputs whose spikes the host counts.'),
  sums: z
    .array(z.strictObject({ node, layer }))
    .describe('Outputs whose values over all steps add up to a result.'),
  host: z
    .array(
      z.strictObject({
        layer,
        kind: z.enum(['matmul', 'add', 'minimum', 'transpose', 'slice']),
        reads: z.array(layer).describe('Layers, or inputs of the part.'),
        shape,
        first: z.int().min(0).optional().describe('slice: first channel.'),
        groups: z.int().positive().optional().describe('matmul: heads.'),
        rows: z.int().positive().optional().describe('matmul: of the first factor.'),
        inner: z.int().positive().optional().describe('matmul: summed over.'),
        columns: z.int().positive().optional().describe('matmul: of the second factor.'),
        transposeB: z.boolean().optional().describe('matmul: the second is [columns, inner].'),
      }),
    )
    .describe('What the host computes, in this order; whole numbers throughout.'),
  outputs: z.array(z.strictObject({ name: z.string(), layer })).describe('What the part hands on.'),
})

/** `details` of the manifest of a NIR folder: when what is presented, and what the host does in between. */
export const scheduleSchema = z.strictObject({
  reset: z
    .enum(['subtract', 'either'])
    .describe(
      'What a neuron must do when it fires: take its threshold off, or that or forget all.',
    ),
  threshold: z.literal('strict').describe('A neuron fires above its threshold, not at it.'),
  golden: z.strictObject({ file, inputs: z.array(z.string()) }),
  parts: z.strictObject({ template: partSchema, search: partSchema }),
})

export type NirSchedule = z.infer<typeof scheduleSchema>
export type NirPart = z.infer<typeof partSchema>
export type HostStep = NirPart['host'][number]
