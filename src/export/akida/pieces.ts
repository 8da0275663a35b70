import { PART_NAMES, type PartName, shapesOf } from '../../inference/exact/network.js'
import type {
  LayerOf,
  NetworkDescription,
  NetworkLayer,
} from '../../inference/exact/network-schema.js'

/** Layers that the chip's tools take: convolutions, residual sums and the clipping of activations. */
export type ChipLayer = LayerOf<'conv'> | LayerOf<'spike'> | LayerOf<'add'>

/** What runs on the chip between two visits to the host. */
export interface Piece {
  readonly part: PartName
  readonly name: string
  readonly layers: readonly ChipLayer[]
  /** Tensors that come from outside, in the shape in which they are used. */
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[]
  /** Layers that the host or a later piece reads. */
  readonly outputs: readonly string[]
}

export function isOnChip(layer: NetworkLayer): layer is ChipLayer {
  const { kind, output } = layer
  return kind === 'conv' || kind === 'spike' || (kind === 'add' && output.type === 'membrane')
}

/** Cuts both parts at the host's layers: a piece holds what has the same number of visits to the host behind it. */
export function piecesOf(description: NetworkDescription): Piece[] {
  return PART_NAMES.flatMap((part) => {
    const { layers, outputs } = description.parts[part]
    const shapes = shapesOf(description.parts[part])
    const byName = new Map(layers.map((layer) => [layer.name, layer]))
    const visits = new Map<string, number>()
    for (const layer of layers) {
      const behind = layer.inputs.map((name) => {
        const from = byName.get(name)
        if (from === undefined) return 0
        return visits.get(name)! + (isOnChip(layer) && !isOnChip(from) ? 1 : 0)
      })
      visits.set(layer.name, Math.max(...behind))
    }
    const levels = [...new Set(visits.values())].sort((a, b) => a - b)
    return levels.flatMap((level): Piece[] => {
      const own = layers.filter(isOnChip).filter(({ name }) => visits.get(name) === level)
      if (own.length === 0) return []
      const inside = new Set(own.map(({ name }) => name))
      const inputs = new Map<string, readonly number[]>()
      for (const layer of own) {
        for (const name of layer.inputs) {
          if (inside.has(name)) continue
          inputs.set(name, layer.kind === 'add' ? layer.output.shape : shapes.get(name)!)
        }
      }
      const read = new Set(layers.flatMap((l) => (inside.has(l.name) ? [] : l.inputs)))
      for (const { layer } of outputs) read.add(layer)
      return [
        {
          part,
          name: `${part}-${level}`,
          layers: own,
          inputs: [...inputs].map(([name, shape]) => ({ name, shape })),
          outputs: own.map(({ name }) => name).filter((name) => read.has(name)),
        },
      ]
    })
  })
}
