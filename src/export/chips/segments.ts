import { PART_NAMES, type PartName } from '../../inference/exact/network.js'
import type { LayerOf, NetworkDescription } from '../../inference/exact/network-schema.js'

/**
 * Convolutions in a row: each reads the spikes that the one before writes, and nothing else reads them. What lies
 * between segments (membranes, residual sums, products) is the host's.
 */
export interface Segment {
  readonly part: PartName
  /** Of its first convolution. */
  readonly name: string
  /** The tensor that it reads. */
  readonly input: string
  readonly convs: readonly LayerOf<'conv'>[]
}

/** Cuts both parts into the longest sequences that a chip without residual connections can run. */
export function segmentsOf(description: NetworkDescription): Segment[] {
  return PART_NAMES.flatMap((part) => {
    const { layers, outputs } = description.parts[part]
    const readers = new Map<string, number>()
    for (const { inputs } of layers) {
      for (const input of inputs) readers.set(input, (readers.get(input) ?? 0) + 1)
    }
    for (const { layer } of outputs) readers.set(layer, (readers.get(layer) ?? 0) + 1)
    const segments: { -readonly [K in keyof Segment]: Segment[K] }[] = []
    for (const conv of layers) {
      if (conv.kind !== 'conv') continue
      const [input] = conv.inputs
      const before = segments.find((segment) => {
        const last = segment.convs.at(-1)!
        return last.name === input && last.output.type === 'spikes' && readers.get(input) === 1
      })
      if (before !== undefined) before.convs = [...before.convs, conv]
      else segments.push({ part, name: conv.name, input, convs: [conv] })
    }
    return segments
  })
}
