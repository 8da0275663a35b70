import { elements, type Network, type PartName, shapesOf } from '../../inference/exact/network.js'
import type { LayerOf, NetworkLayer } from '../../inference/exact/network-schema.js'
import { proveExact } from '../../inference/exact/prove.js'

/** What a convolution asks of a chip. Sizes in elements, bits with the sign. */
export interface ConvFacts {
  readonly layer: LayerOf<'conv'>
  /** Reads the crop: bytes, not spikes. */
  readonly first: boolean
  readonly kernel: readonly [number, number]
  readonly input: readonly [number, number, number]
  readonly output: readonly [number, number, number]
  readonly inputBits: number
  readonly outputBits: number
  readonly weights: number
  /** Of the largest mantissa, each channel with an exponent of its own. */
  readonly weightBits: number
  /** The same when all channels share one exponent, common factors of two taken out. */
  readonly sharedWeightBits: number
  /** Different exponents of its channels. */
  readonly exponents: number
  /** Of the largest sum that any input can make. */
  readonly sumBits: number
  /** Pairs of an input and an output that a weight joins. */
  readonly synapses: number
  /** Layers that read what this one writes, through neurons included. */
  readonly readers: number
}

export interface OtherFacts {
  readonly layer: Exclude<NetworkLayer, { readonly kind: 'conv' }>
  readonly sumBits: number
}

export interface PartFacts {
  readonly part: PartName
  readonly convs: readonly ConvFacts[]
  /** Sums of two membranes or more: residual connections. */
  readonly residuals: readonly OtherFacts[]
  /** Products and minima of two activations, and sums of products. */
  readonly products: readonly OtherFacts[]
  /** Values that are rounded to spikes, each by a neuron. */
  readonly neurons: number
  readonly synapses: number
  /** Weights and biases as the network stores them, and a 32-bit sum for each neuron. */
  readonly weightBytes: number
  readonly stateBytes: number
}

const PRODUCTS: ReadonlySet<string> = new Set(['matmul', 'minimum'])

/** All that limits are held against, from weights and shapes alone. */
export function factsOf(network: Network, part: PartName): PartFacts {
  const { description, numbers } = network
  const { inputs, layers } = description.parts[part]
  const shapes = shapesOf(description.parts[part])
  const tensors = new Map([
    ...inputs.map((each) => [each.name, each] as const),
    ...layers.map((each) => [each.name, each.output] as const),
  ])
  const sums = new Map(
    proveExact(network)
      .layers.filter((each) => each.part === part)
      .map((each) => [each.name, bits(each.largestSum) + 1] as const),
  )
  const convs = layers
    .filter((layer) => layer.kind === 'conv')
    .map((layer): ConvFacts => {
      const from = tensors.get(layer.inputs[0])!
      const { shape, data } = numbers.get(layer.weight)!
      const exponents = numbers.get(layer.exponents)!.data
      const { own, shared } = mantissaBits(data, exponents)
      const [, , rows, columns] = shape as [number, number, number, number]
      return {
        layer,
        first: from.type === 'bytes',
        kernel: [rows, columns],
        input: from.shape as [number, number, number],
        output: layer.output.shape as [number, number, number],
        inputBits: rangeBits(from.low ?? 0, from.high ?? 0),
        outputBits:
          layer.output.high === undefined
            ? sums.get(layer.name)!
            : rangeBits(layer.output.low ?? 0, layer.output.high),
        weights: data.length,
        weightBits: own,
        sharedWeightBits: shared,
        exponents: new Set(exponents).size,
        sumBits: sums.get(layer.name)!,
        synapses: synapsesOf(layer, shape, shapes.get(layer.inputs[0])!),
        readers: readersOf(layers, layer.name),
      }
    })
  const other = (layer: OtherFacts['layer']) => ({ layer, sumBits: sums.get(layer.name)! })
  const neurons = neuronsOf(layers)
  return {
    part,
    convs,
    residuals: layers
      .filter((layer) => layer.kind === 'add' && layer.output.type === 'membrane')
      .filter((layer) => layer.inputs.length > 1)
      .map((layer) => other(layer as OtherFacts['layer'])),
    products: layers
      .filter(({ kind, output }) => PRODUCTS.has(kind) || output.type === 'product')
      .map((layer) => other(layer as OtherFacts['layer'])),
    neurons,
    synapses: convs.reduce((sum, each) => sum + each.synapses, 0),
    weightBytes: convs.reduce((sum, each) => sum + each.weights + 4 * each.output[0], 0),
    stateBytes: 4 * neurons,
  }
}

/** Layers that round have neurons, those that only pass spikes on have none; one membrane is one neuron for all readers. */
function neuronsOf(layers: readonly NetworkLayer[]): number {
  const counts = new Map<string, number>()
  for (const { kind, name, inputs, output } of layers) {
    if (output.type !== 'spikes' || (kind !== 'conv' && kind !== 'spike')) continue
    counts.set(kind === 'spike' ? inputs[0]! : name, elements(output.shape))
  }
  return [...counts.values()].reduce((a, b) => a + b, 0)
}

/** Bits of a magnitude. */
export function bits(magnitude: number): number {
  return Math.ceil(Math.log2(magnitude + 1))
}

function rangeBits(low: number, high: number): number {
  return low < 0 ? Math.max(bits(-low - 1), bits(high)) + 1 : bits(high)
}

function mantissaBits(
  weights: ArrayLike<number>,
  exponents: ArrayLike<number>,
): { readonly own: number; readonly shared: number } {
  const each = weights.length / exponents.length
  const finest = Math.max(...Array.from(exponents))
  let own = 0
  let aligned = 0
  let common = 0
  for (let i = 0; i < weights.length; i++) {
    const weight = Math.abs(weights[i]!)
    const shifted = weight << (finest - exponents[Math.floor(i / each)]!)
    own = Math.max(own, weight)
    aligned = Math.max(aligned, shifted)
    common |= shifted
  }
  const zeros = common === 0 ? 0 : 31 - Math.clz32(common & -common)
  return { own: bits(own) + 1, shared: bits(aligned >> zeros) + 1 }
}

function synapsesOf(
  { stride, pads, output }: LayerOf<'conv'>,
  weight: readonly number[],
  [, height, width]: readonly number[],
): number {
  const [outputs, inGroup, rows, columns] = weight as [number, number, number, number]
  const [, outHeight, outWidth] = output.shape as [number, number, number]
  const along = (length: number, of: { taps: number; pad: number; step: number; out: number }) => {
    let hits = 0
    for (let to = 0; to < of.out; to++) {
      for (let tap = 0; tap < of.taps; tap++) {
        const at = to * of.step - of.pad + tap
        if (at >= 0 && at < length) hits++
      }
    }
    return hits
  }
  const down = along(height!, { taps: rows, pad: pads[0], step: stride[0], out: outHeight })
  const across = along(width!, { taps: columns, pad: pads[1], step: stride[1], out: outWidth })
  return outputs * inGroup * down * across
}

/** Layers that read a tensor, directly or as what its neurons make of it. */
function readersOf(layers: readonly NetworkLayer[], name: string): number {
  const same = new Set([name])
  let readers = 0
  for (const { name: own, kind, inputs } of layers) {
    if (!inputs.some((input) => same.has(input))) continue
    const passes = kind === 'spike' || kind === 'slice' || (kind === 'add' && inputs.length === 1)
    if (passes) same.add(own)
    else readers++
  }
  return readers
}
