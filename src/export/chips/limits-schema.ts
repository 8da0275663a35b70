import { z } from 'zod'

const source = z.string().min(1).describe('A key of `sources`: where the number was read.')

function limit<T extends z.ZodType>(value: T, meaning: string) {
  return z
    .strictObject({ value, source })
    .nullable()
    .default(null)
    .describe(`${meaning} Null: no such limit is published.`)
}

const count = z.int().positive()
const few = z.array(count).min(1).max(32)
const cores = z
  .strictObject({
    kernelKi: z.array(count).min(1).max(64).describe('Kernel memory of each core, in 1024 words.'),
    neuronKi: z.array(count).min(1).max(64).describe('Neuron memory of each core, likewise.'),
  })
  .refine((each) => each.kernelKi.length === each.neuronKi.length, {
    message: 'kernelKi and neuronKi must name the same cores',
  })

const limitsSchema = z.strictObject({
  residual: limit(z.boolean(), 'Whether membranes may be added past a layer.'),
  products: limit(z.boolean(), 'Whether two activations can be multiplied or compared.'),
  kernels: limit(few, 'Sides of kernels that there are.'),
  maxKernel: limit(count, 'Largest side of a kernel.'),
  strides: limit(few, 'Strides that there are.'),
  stride2Kernel: limit(count, 'The one kernel side that may have a stride of 2.'),
  inputSide: limit(count, 'Largest width and height of what a layer reads.'),
  outputSide: limit(count, 'Largest width and height of what a layer writes.'),
  firstChannels: limit(few, 'Channels that the first layer may read.'),
  channels: limit(count, 'Most channels of a layer.'),
  weightBits: limit(count, 'Bits of a weight, sign included.'),
  firstWeightBits: limit(count, 'The same in the layer that reads the crop, where it differs.'),
  sharedExponent: limit(z.boolean(), 'Whether all weights of a layer share one power of two.'),
  activationBits: limit(count, 'Bits of what layers pass on.'),
  stateBits: limit(count, "Bits of a neuron's sum."),
  fanOut: limit(count, 'Layers that may read what one layer writes.'),
  cores: limit(cores, 'Memory of the cores, each of which holds one layer.'),
  elements: limit(count, 'Processing elements, which share the memory evenly.'),
  neurons: limit(count, 'Neurons of a chip.'),
  synapses: limit(count, 'Connections of a chip.'),
  memoryBytes: limit(count, 'Memory for weights and states.'),
})

const chipSchema = z.strictObject({
  name: z.string().min(1).describe('Maker and chip.'),
  limits: limitsSchema.describe('What the chip can hold.'),
})

const chips = z.strictObject({
  lynxi: chipSchema,
  loihi2: chipSchema,
  akida2: chipSchema,
  akida1: chipSchema,
  speck: chipSchema,
  spinnaker2: chipSchema,
  innatera: chipSchema,
})

/** firmware-config/chip-limits.json: what chips can hold, each number with the place where it was read. */
export const chipLimitsSchema = z
  .strictObject({
    version: z.literal(1).describe('Layout of this file.'),
    sources: z.record(z.string(), z.string().min(1)).describe('Publications by key.'),
    chips: chips.describe('Chips by the name that `--target` and its table use.'),
  })
  .superRefine(({ sources, chips: all }, context) => {
    for (const [chip, { limits }] of Object.entries(all)) {
      for (const [name, entry] of Object.entries(limits)) {
        if (entry === null || entry.source in sources) continue
        context.addIssue({
          code: 'custom',
          path: ['chips', chip, 'limits', name, 'source'],
          message: `there is no source "${entry.source}"`,
        })
      }
    }
  })

export type ChipLimits = z.infer<typeof chipLimitsSchema>
export type ChipName = keyof ChipLimits['chips']
export type Chip = ChipLimits['chips'][ChipName]
export type Limits = Chip['limits']
export type Cores = NonNullable<Limits['cores']>['value']
