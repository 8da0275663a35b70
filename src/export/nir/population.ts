import type { PartName } from '../../inference/exact/network.js'
import type { LayerOf, NetworkLayer } from '../../inference/exact/network-schema.js'

/** A tensor that the graph is given from outside: a crop, what a template handed over, or a result of the host. */
export interface Given {
  readonly name: string
  /** As its reader sees it: [channels, height, width]. */
  readonly shape: readonly [number, number, number]
  /** Step in which it is presented, as a current, once. */
  readonly step: number
  readonly origin: 'input' | 'host'
}

/** What flows into a membrane: a spike weighs `factor`, a bit of a converter that times its power of two. */
export interface Term {
  readonly from: string
  readonly factor: number
}

/**
 * Neurons that fire for one layer, in integer units of its membrane. `levels`: an I-LIF neuron that may fire once in each
 * of its steps. `ladder`: the same as one neuron for each level, which fire once in the same step and so do not depend on
 * what firing does to a membrane. `bits`: a converter of eight neurons for each increment, one for each bit, the largest first: what one of
 * them takes away when it fires is kept from the smaller ones. That is how a rounding is written without rounding.
 */
export interface Population {
  readonly layer: string
  readonly kind: 'levels' | 'ladder' | 'bits'
  readonly shape: readonly [number, number, number]
  /** Neurons for each place of the shape: 1, or one for each rung or bit. */
  readonly copies: number
  /** Steps from the one that opens the gate on, in which it fires. */
  readonly open: number
  readonly steps: number
  /** By channel: what a spike (of the smallest bit) is worth. */
  readonly unit: readonly number[]
  /** What a membrane holds before anything arrives, half a step included: [channels] or one for each place. */
  readonly start: Float64Array
  readonly conv: LayerOf<'conv'> | null
  readonly terms: readonly Term[]
  /** More than any membrane can reach: keeps a gate shut. */
  readonly shut: number
}

export interface NirPlan {
  readonly part: PartName
  readonly given: readonly Given[]
  readonly populations: readonly Population[]
  /** Convolutions whose sum leaves the graph as it is. */
  readonly sums: readonly LayerOf<'conv'>[]
  /** Populations whose spikes the host reads. */
  readonly read: readonly string[]
  readonly host: readonly NetworkLayer[]
  readonly steps: number
}

/** Whether NIR has no node for a layer: products of activations, their rearrangement, comparisons. */
export function isHost({ kind, output }: NetworkLayer): boolean {
  return (
    kind === 'matmul' ||
    kind === 'minimum' ||
    kind === 'transpose' ||
    kind === 'slice' ||
    (kind === 'add' && output.type === 'product')
  )
}
