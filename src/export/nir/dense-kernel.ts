import type { NumberArray } from '../../inference/exact/network.js'
import type { LayerOf } from '../../inference/exact/network-schema.js'
import { unsupportedExport } from '../errors.js'

/**
 * A kernel of any groups and padding as one of a single group and one padding: zeros for the other groups' channels, and
 * rows and columns of zeros where a side is padded less than the most padded one.
 */
export function denseKernel(
  { name, groups, pads, output }: LayerOf<'conv'>,
  { shape, data }: NumberArray,
): {
  readonly weight: { readonly data: Float32Array; readonly shape: readonly number[] }
  readonly pad: number
} {
  const [outputs, inGroup, rows, columns] = shape as [number, number, number, number]
  const [top, left, bottom, right] = pads
  const pad = Math.max(...pads)
  const height = rows + 2 * pad - top - bottom
  const width = columns + 2 * pad - left - right
  if (height !== width) {
    throw unsupportedExport('nir', `the kernel ${height}x${width} of layer ${name}: not square`)
  }
  const inputs = inGroup * groups
  const perGroup = output.shape[0]! / groups
  const dense = new Float32Array(outputs * inputs * height * width)
  for (let i = 0; i < data.length; i++) {
    const x = i % columns
    const y = Math.floor(i / columns) % rows
    const c = Math.floor(i / (columns * rows)) % inGroup
    const o = Math.floor(i / (columns * rows * inGroup))
    const from = Math.floor(o / perGroup) * inGroup + c
    dense[((o * inputs + from) * height + y + pad - top) * width + x + pad - left] = data[i]!
  }
  return { weight: { data: dense, shape: [outputs, inputs, height, width] }, pad }
}
