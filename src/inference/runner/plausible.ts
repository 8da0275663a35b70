import type { NetworkDescription, NetworkLayer } from '../exact/network-schema.js'
import type { ModelPackage } from '../model-package.js'
import type { Part, TensorPlace } from './protocol.js'

/**
 * Whether numbers can be outputs of a package at all. Every output of an exact network is an integer times a known power
 * of two, some within known bounds, so an answer that was rounded or never written is found out at once. What else is
 * wrong shows only in comparison.
 */
export type Plausible = (tensor: TensorPlace, values: Float32Array) => boolean

interface Grid {
  /** 2^exponent for each channel. */
  readonly scales: Float64Array
  readonly low: number
  readonly high: number
}

export function plausibleFor(pkg: ModelPackage, part: Part, graph: 'int8' | 'fp32'): Plausible {
  const exact = graph === 'int8' || pkg.manifest.fidelity === null
  const grids = exact && pkg.network !== null ? gridsOf(pkg, pkg.network, part) : new Map()
  return ({ name, shape }, values) => {
    const grid: Grid | undefined = grids.get(name)
    if (grid === undefined) return values.every(Number.isFinite)
    const { scales, low, high } = grid
    const plane = shape.reduce((a, b) => a * b, 1) / scales.length
    for (let i = 0; i < values.length; i++) {
      const integer = values[i]! * scales[Math.floor(i / plane) % scales.length]!
      // Not true of what is no number either.
      if (!(integer >= low && integer <= high && integer === Math.round(integer))) return false
    }
    return true
  }
}

function gridsOf(pkg: ModelPackage, network: NetworkDescription, part: Part): Map<string, Grid> {
  const { outputs, layers } = network.parts[part]
  const grids = new Map<string, Grid>()
  for (const { name, layer: wanted } of outputs) {
    const layer = layers.find((one) => one.name === wanted)
    const exponents = layer && exponentsOf(pkg, network, layer)
    if (layer === undefined || exponents === undefined) continue
    const { low = -Number.MAX_VALUE, high = Number.MAX_VALUE } = layer.output
    grids.set(name, { scales: Float64Array.from(exponents, (each) => 2 ** each), low, high })
  }
  return grids
}

function exponentsOf(
  pkg: ModelPackage,
  network: NetworkDescription,
  layer: NetworkLayer,
): Iterable<number> | undefined {
  if (layer.output.exponent !== null) return [layer.output.exponent]
  if (layer.kind !== 'conv') return undefined
  const { offset, shape } = network.tensors.find(({ name }) => name === layer.exponents)!
  return pkg.files[network.data]!.subarray(offset, offset + shape[0]!)
}
