import { type Network, type Numbers, PART_NAMES, type PartName } from './network.js'
import type { LayerOf, NetworkLayer, NetworkTensor } from './network-schema.js'

/** Every integer up to here is a float32, so float32 sums below it are exact in any order. */
export const EXACT_SUMS = 2 ** 24

export interface LayerProof {
  readonly part: PartName
  readonly name: string
  /** No sum of this layer, nor any part of one, can be larger, whatever the input. */
  readonly largestSum: number
  /** It rounds, and its sums cannot lie halfway between two results. */
  readonly tieFree: boolean | undefined
}

export interface Proof {
  readonly layers: readonly LayerProof[]
  readonly largestSum: number
  /** Layers whose sums could leave float32's exact integers, or meet a rounding tie. Empty: proven for every input. */
  readonly problems: readonly string[]
}

/** What is known of a tensor for every input: bounds of its integers, and whether all of them are odd. */
interface Known {
  readonly magnitude: number
  readonly odd: boolean
  readonly exponent: number
}

/**
 * Proves from the weights alone that the network is exact on every backend: no sum, in whatever order it is made, leaves
 * the integers that float32 holds (nor those of int32), and no rounding meets a tie, because what is rounded is odd and a
 * tie is even.
 */
export function proveExact({ description, numbers }: Network): Proof {
  const layers: LayerProof[] = []
  const problems: string[] = []
  for (const part of PART_NAMES) {
    const known = new Map<string, Known>()
    const { inputs, layers: ordered } = description.parts[part]
    for (const { name, low, high, exponent } of inputs) {
      const magnitude = Math.max(Math.abs(low), Math.abs(high))
      known.set(name, { magnitude, odd: false, exponent: exponent ?? 0 })
    }
    for (const layer of ordered) {
      const read = layer.inputs.map((name) => known.get(name)!)
      const { largestSum, tieFree, odd } = judge(layer, read, numbers)
      layers.push({ part, name: layer.name, largestSum, tieFree })
      const where = `${layer.name} of the ${part}`
      if (largestSum >= EXACT_SUMS) problems.push(`${where}: a sum may reach ${largestSum}`)
      if (tieFree === false) problems.push(`${where}: a sum may lie halfway between two results`)
      known.set(layer.name, {
        magnitude: bound(layer.output, largestSum),
        odd,
        exponent: layer.output.exponent ?? 0,
      })
    }
  }
  return { layers, problems, largestSum: Math.max(...layers.map((layer) => layer.largestSum)) }
}

function bound({ low, high }: NetworkTensor, largestSum: number): number {
  const saturated = low === undefined || high === undefined ? Infinity : Math.max(-low, high)
  return Math.min(saturated, largestSum)
}

interface Judgement {
  readonly largestSum: number
  readonly tieFree: boolean | undefined
  readonly odd: boolean
}

function judge(layer: NetworkLayer, read: readonly Known[], numbers: Numbers): Judgement {
  const [a, b] = read
  switch (layer.kind) {
    case 'conv':
      return judgeConv(layer, a!, numbers)
    case 'spike':
      // Halfway is an odd multiple of 2^(exponent - 1): even from exponent 2 on.
      return { largestSum: a!.magnitude, tieFree: a!.odd && a!.exponent >= 2, odd: false }
    case 'add':
      return judgeAdd(layer, read, numbers)
    case 'matmul':
      return plain(layer.inner * a!.magnitude * b!.magnitude)
    case 'minimum':
      return plain(Math.min(a!.magnitude, b!.magnitude))
    case 'slice':
    case 'transpose':
      return { ...plain(a!.magnitude), odd: a!.odd }
  }
}

const plain = (largestSum: number): Judgement => ({ largestSum, tieFree: undefined, odd: false })

function judgeConv(layer: LayerOf<'conv'>, input: Known, numbers: Numbers): Judgement {
  const weight = numbers.get(layer.weight)!
  const bias = numbers.get(layer.bias)!.data
  const exponents = numbers.get(layer.exponents)!.data
  const each = weight.data.length / bias.length
  const { exponent } = layer.output
  let largestSum = 0
  let odd = true
  let leastShift = Infinity
  for (let o = 0; o < bias.length; o++) {
    let sum = Math.abs(bias[o]!)
    for (let i = o * each; i < (o + 1) * each; i++) {
      sum += Math.abs(weight.data[i]!) * input.magnitude
      if (weight.data[i]! % 2 !== 0) odd = false
    }
    if (bias[o]! % 2 === 0) odd = false
    largestSum = Math.max(largestSum, sum)
    leastShift = Math.min(leastShift, exponents[o]! - (exponent ?? 0))
  }
  if (exponent === null) return { largestSum, tieFree: undefined, odd }
  return { largestSum, tieFree: odd && leastShift >= 2, odd: false }
}

function judgeAdd(layer: LayerOf<'add'>, read: readonly Known[], numbers: Numbers): Judgement {
  const constants = layer.constant === undefined ? [0] : numbers.get(layer.constant)!.data
  let largestSum = 0
  for (const value of constants) largestSum = Math.max(largestSum, Math.abs(value))
  // Parities that are certain: whatever is shifted is even.
  const parities = read.map(({ odd, exponent }) =>
    layer.output.exponent! > exponent ? 0 : odd ? 1 : undefined,
  )
  for (const { magnitude, exponent } of read) {
    largestSum += magnitude * 2 ** (layer.output.exponent! - exponent)
  }
  const first = Math.abs(constants[0]! % 2)
  const steady = Array.prototype.every.call(constants, (value) => Math.abs(value % 2) === first)
  const certain = steady && parities.every((parity) => parity !== undefined)
  const total = parities.reduce((sum: number, parity) => sum + (parity ?? 0), first)
  return { largestSum, tieFree: undefined, odd: certain && total % 2 === 1 }
}
