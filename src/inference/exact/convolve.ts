import type { NumberArray, Read } from './network.js'
import type { LayerOf } from './network-schema.js'

/**
 * A convolution as events do it: every spike adds its weights to the accumulators that it reaches. Then each accumulator
 * is rounded to spikes or increments; a logit stays as it is. Returns the operations (see Run).
 */
// hot
export function convolve(
  layer: LayerOf<'conv'>,
  input: Read,
  { out, array }: { readonly out: Int32Array; readonly array: (name: string) => NumberArray },
): number {
  const [outputs, outHeight, outWidth] = layer.output.shape as [number, number, number]
  const [channels, height, width] = input.shape as [number, number, number]
  const weight = array(layer.weight)
  const [, inGroup, rows, columns] = weight.shape as [number, number, number, number]
  const outGroup = outputs / layer.groups
  const taps = rows * columns
  const [down, across] = layer.stride
  const [top, left] = layer.pads
  const bytes = input.type === 'bytes'
  const { integers } = input
  const weights = byTap(weight, layer.groups)

  // [cells, outputs]: the accumulators that one spike reaches at a tap lie side by side.
  const sums = new Int32Array(out.length)
  const bias = array(layer.bias).data
  for (let i = 0; i < sums.length; i++) sums[i] = bias[i % outputs]!

  let operations = 0
  for (let c = 0; c < channels; c++) {
    const group = Math.floor(c / inGroup)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const spikes = integers[(c * height + y) * width + x]!
        if (spikes === 0) continue
        for (let ky = 0; ky < rows; ky++) {
          const oy = (y + top - ky) / down
          if (oy < 0 || oy >= outHeight || oy !== Math.floor(oy)) continue
          for (let kx = 0; kx < columns; kx++) {
            const ox = (x + left - kx) / across
            if (ox < 0 || ox >= outWidth || ox !== Math.floor(ox)) continue
            const to = (oy * outWidth + ox) * outputs + group * outGroup
            const from = (c * taps + ky * columns + kx) * outGroup
            for (let o = 0; o < outGroup; o++) sums[to + o]! += weights[from + o]! * spikes
            operations += spikes * outGroup
          }
        }
      }
    }
  }
  round(layer, sums, { out, exponents: array(layer.exponents).data })
  return bytes ? out.length * inGroup * taps : operations
}

/** [outputs, inputs of a group, rows, columns] -> [inputs, rows, columns, outputs of a group] */
function byTap({ shape, data }: NumberArray, groups: number): Int32Array {
  const [outputs, inGroup, rows, columns] = shape as [number, number, number, number]
  const outGroup = outputs / groups
  const taps = inGroup * rows * columns
  const weights = new Int32Array(data.length)
  for (let o = 0; o < outputs; o++) {
    const group = Math.floor(o / outGroup)
    for (let i = 0; i < taps; i++) {
      weights[(group * taps + i) * outGroup + (o % outGroup)] = data[o * taps + i]!
    }
  }
  return weights
}

/** Accumulators [cells, outputs] -> integers [outputs, cells] of the output's exponent, rounded half up. */
function round(
  { output }: LayerOf<'conv'>,
  sums: Int32Array,
  { out, exponents }: { readonly out: Int32Array; readonly exponents: ArrayLike<number> },
): void {
  const outputs = output.shape[0]!
  const cells = out.length / outputs
  for (let o = 0; o < outputs; o++) {
    const shift = output.exponent === null ? 0 : exponents[o]! - output.exponent
    const half = (1 << shift) >> 1
    for (let p = 0; p < cells; p++) {
      const rounded = (sums[p * outputs + o]! + half) >> shift
      out[o * cells + p] =
        output.exponent === null ? rounded : Math.min(Math.max(rounded, output.low!), output.high!)
    }
  }
}
