import { elements, shapesOf } from './exact/network.js'
import type { LayerOf, NetworkDescription, NetworkPart } from './exact/network-schema.js'
import type { ModelEnergy } from './schema.js'

/** Operations of a layer that multiplies weights or activations. */
export interface LayerOperations {
  readonly name: string
  /** MAC: bytes come in, every one of them is multiplied. AC: a spike adds its weights to what it reaches. */
  readonly kind: 'MAC' | 'AC'
  /** Of one inference. */
  readonly operations: number
  /** What a network without spikes would multiply in the same layer. */
  readonly denseMacs: number
  /** Spikes that came in, and their mean per input neuron; null where bytes come in. */
  readonly spikes: number | null
  readonly rate: number | null
}

export interface SpikeCounter {
  /** The tensors that `count` reads. */
  readonly reads: ReadonlySet<string>
  count(tensors: ReadonlyMap<string, ArrayLike<number>>): LayerOperations[]
}

/** One layer that is counted: how many accumulators a spike reaches, at every place of a map of its input. */
interface Fan {
  readonly name: string
  readonly from: string
  readonly bytes: boolean
  readonly denseMacs: number
  /** By place; places repeat with every channel. */
  readonly reach: Int32Array
}

/**
 * Counts operations from spikes: accumulates = spikes x fan-out, where the fan-out is the number of accumulators that a
 * spike really reaches (fewer at the borders of a map, and by stride). In the products of attention and correlation a
 * spike of the second factor adds one column of the first. Slices, sums, comparisons and membranes are not counted.
 */
export function createSpikeCounter(
  { parts, tensors }: Pick<NetworkDescription, 'parts' | 'tensors'>,
  part: 'template' | 'search',
): SpikeCounter {
  const fans = fansOf(parts[part], new Map(tensors.map(({ name, shape }) => [name, shape])))
  return {
    reads: new Set(fans.filter((fan) => !fan.bytes).map((fan) => fan.from)),
    count: (values) =>
      fans.map(({ name, from, bytes, denseMacs, reach }) => {
        if (bytes) {
          return { name, kind: 'MAC', operations: denseMacs, denseMacs, spikes: null, rate: null }
        }
        const spikes = values.get(from)!
        const { operations, sum } = reached(spikes, reach)
        return { name, kind: 'AC', operations, denseMacs, spikes: sum, rate: sum / spikes.length }
      }),
  }
}

// hot
function reached(
  spikes: ArrayLike<number>,
  reach: Int32Array,
): { readonly operations: number; readonly sum: number } {
  const { length } = spikes
  const places = reach.length
  let operations = 0
  let sum = 0
  for (let start = 0; start < length; start += places) {
    for (let p = 0; p < places; p++) {
      const spike = spikes[start + p]!
      operations += spike * reach[p]!
      sum += spike
    }
  }
  return { operations, sum }
}

function fansOf(part: NetworkPart, arrays: ReadonlyMap<string, readonly number[]>): Fan[] {
  const shapes = shapesOf(part)
  const bytes = new Set(part.inputs.filter((t) => t.type === 'bytes').map((t) => t.name))
  const fans: Fan[] = []
  for (const layer of part.layers) {
    const { name } = layer
    if (layer.kind === 'conv') {
      const from = layer.inputs[0]
      const kernel = arrays.get(layer.weight)!
      const denseMacs = elements(kernel) * elements(layer.output.shape.slice(1))
      const reach = convReach(layer, shapes.get(from)!, kernel)
      fans.push({ name, from, bytes: bytes.has(from), denseMacs, reach })
    } else if (layer.kind === 'matmul') {
      const { groups, rows, inner, columns } = layer
      const denseMacs = groups * rows * inner * columns
      fans.push({
        name,
        from: layer.inputs[1],
        bytes: false,
        denseMacs,
        reach: Int32Array.of(rows),
      })
    }
  }
  return fans
}

/** Accumulators that a spike at each place of the input map reaches: taps that fall on the output, times its channels. */
function convReach(
  { stride, pads, groups, output }: LayerOf<'conv'>,
  [, height, width]: readonly number[],
  [outputs, , rows, columns]: readonly number[],
): Int32Array {
  const along = (length: number, of: { taps: number; pad: number; step: number; out: number }) =>
    Array.from({ length }, (_, at) => {
      let hits = 0
      for (let tap = 0; tap < of.taps; tap++) {
        const to = (at + of.pad - tap) / of.step
        if (Number.isInteger(to) && to >= 0 && to < of.out) hits++
      }
      return hits
    })
  const [, outHeight, outWidth] = output.shape as [number, number, number]
  const down = along(height!, { taps: rows!, pad: pads[0], step: stride[0], out: outHeight })
  const across = along(width!, { taps: columns!, pad: pads[1], step: stride[1], out: outWidth })
  const channels = outputs! / groups
  return Int32Array.from(down.flatMap((y) => across.map((x) => y * x * channels)))
}

/** Microjoules of some layers, each kind of operation at its price. */
export function microjoules(
  layers: readonly Pick<LayerOperations, 'kind' | 'operations'>[],
  { picojoulePerMac, picojoulePerAc }: Pick<ModelEnergy, 'picojoulePerMac' | 'picojoulePerAc'>,
): number {
  let picojoules = 0
  for (const { kind, operations } of layers) {
    picojoules += operations * (kind === 'MAC' ? picojoulePerMac : picojoulePerAc)
  }
  return picojoules / 1e6
}
