import { z } from 'zod'

/** The newest layout of network.json that this runtime reads. */
export const NETWORK_VERSION = 1

const name = z.string().min(1).max(80)
const shape = z.array(z.int().positive().max(4096)).min(1).max(4)
const count = z.int().positive().max(4096)
const numbers = name.describe('Name of an array in the data file.')

const tensorSchema = z.strictObject({
  type: z
    .enum(['bytes', 'spikes', 'increment', 'membrane', 'product', 'logit'])
    .describe('What the integers mean.'),
  shape: shape.describe('Without the batch; maps are [channels, height, width].'),
  exponent: z
    .int()
    .min(0)
    .max(24)
    .nullable()
    .describe("Value = integer * 2^-exponent; null: per channel, the layer's exponents."),
  low: z.int().optional().describe('Least integer that can be written, where it saturates.'),
  high: z.int().optional().describe('Largest integer that can be written, where it saturates.'),
})

const inputSchema = tensorSchema.extend({ name, low: z.int(), high: z.int() })

const common = {
  name: name.describe('Of the layer and of the tensor that it writes.'),
  output: tensorSchema,
  onnx: z
    .strictObject({ int8: name, fp32: name })
    .describe('The tensor with the same values in either graph.'),
}
const one = z.tuple([name])
const two = z.tuple([name, name])
const four = z.tuple([z.int().min(0), z.int().min(0), z.int().min(0), z.int().min(0)])

const layerSchema = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('conv'),
      ...common,
      inputs: one,
      weight: numbers.describe('int8 [outputs, inputs / groups, rows, columns].'),
      bias: numbers.describe('int32 [outputs], in units of the accumulator.'),
      exponents: numbers.describe('uint8 [outputs]: an accumulator is worth 2^-exponent.'),
      stride: z.tuple([count, count]).describe('Down, across.'),
      pads: four.describe('Zeros at top, left, bottom, right.'),
      groups: count.describe('As many as channels: a depthwise convolution.'),
    })
    .describe('Sums, then rounds to spikes or increments; a logit is the sum itself.'),
  z.strictObject({ kind: z.literal('spike'), ...common, inputs: one }).describe('I-LIF: rounds.'),
  z
    .strictObject({
      kind: z.literal('add'),
      ...common,
      inputs: z.array(name).min(1).max(8),
      constant: numbers.describe('int32 [1|C, 1|H, 1|W], in units of the output.').optional(),
    })
    .describe('Residual connections, offsets and biases.'),
  z
    .strictObject({
      kind: z.literal('slice'),
      ...common,
      inputs: one,
      first: z.int().min(0).describe('First channel.'),
    })
    .describe('A range of channels.'),
  z
    .strictObject({
      kind: z.literal('matmul'),
      ...common,
      inputs: two,
      groups: count.describe('Attention heads.'),
      rows: count,
      inner: count,
      columns: count,
      transposeB: z.boolean().describe('The second factor is stored [columns, inner].'),
    })
    .describe(
      "Product of two activations: attention, correlation. Scaled by the output's exponent.",
    ),
  z
    .strictObject({ kind: z.literal('minimum'), ...common, inputs: two })
    .describe('Elementwise; the second has one channel.'),
  z
    .strictObject({ kind: z.literal('transpose'), ...common, inputs: one })
    .describe('[channels, cells] to [cells, channels].'),
])

const partSchema = z.strictObject({
  inputs: z.array(inputSchema).min(1),
  layers: z.array(layerSchema).min(1).max(4096).describe('In an order in which they can be run.'),
  outputs: z.array(z.strictObject({ name, layer: name })).min(1),
})

/** network.json: the network as integers, independent of any runtime. */
export const networkSchema = z.strictObject({
  format: z.literal('evtrackd-network'),
  version: z.literal(NETWORK_VERSION),
  depth: z.int().positive().describe('Levels of a spike above zero.'),
  data: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
    .describe('The file of the arrays below, little-endian.'),
  tensors: z.array(
    z.strictObject({
      name,
      dtype: z.enum(['int8', 'uint8', 'int32']),
      shape,
      offset: z.int().min(0).describe('First byte, a multiple of 8.'),
    }),
  ),
  parts: z.strictObject({ template: partSchema, search: partSchema }),
})

export type NetworkDescription = z.infer<typeof networkSchema>
export type NetworkPart = z.infer<typeof partSchema>
export type NetworkLayer = z.infer<typeof layerSchema>
export type NetworkTensor = z.infer<typeof tensorSchema>
export type NetworkInput = z.infer<typeof inputSchema>
export type LayerOf<K extends NetworkLayer['kind']> = Extract<NetworkLayer, { kind: K }>
