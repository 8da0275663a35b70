export interface GatherConv {
  /** Channels, height, width. */
  readonly input: readonly [number, number, number]
  readonly output: readonly [number, number, number]
  /** [outputs, inputs of a group, rows, columns] */
  readonly weight: { readonly shape: readonly number[]; readonly data: ArrayLike<number> }
  readonly stride: readonly [number, number]
  /** Zeros above and to the left; those below and to the right follow from the shapes. */
  readonly padding: readonly [number, number]
  readonly groups: number
}

/**
 * The sums of a convolution without bias, gathered output by output. Whole numbers stay exact up to 2^53. It shares nothing
 * with the executor that makes the golden vectors, which scatters spike by spike.
 * @throws RangeError where weights and shapes do not belong together.
 */
export function gatherConv(conv: GatherConv, input: ArrayLike<number>): Float64Array {
  const { weight, groups, stride, padding } = conv
  const [channels, height, width] = conv.input
  const [outputs, outHeight, outWidth] = conv.output
  const [filters, inGroup, rows, columns] = weight.shape as [number, number, number, number]
  if (inGroup * groups !== channels) {
    throw new RangeError(`weights for ${inGroup * groups} channels, ${channels} come in`)
  }
  if (filters !== outputs || outputs % groups !== 0 || input.length !== channels * height * width) {
    throw new RangeError('shapes of input, weights and output do not belong together')
  }
  const values = Float64Array.from(input)
  const out = new Float64Array(outputs * outHeight * outWidth)
  const outGroup = outputs / groups
  for (let o = 0; o < outputs; o++) {
    const first = Math.floor(o / outGroup) * inGroup
    for (let tap = 0; tap < inGroup * rows * columns; tap++) {
      const w = weight.data[o * inGroup * rows * columns + tap]!
      if (w === 0) continue
      const ky = Math.floor(tap / columns) % rows
      addTap(out, values, {
        w,
        to: o * outHeight * outWidth,
        from: (first + Math.floor(tap / (rows * columns))) * height * width,
        down: { count: outHeight, step: stride[0], offset: ky - padding[0], limit: height },
        across: {
          count: outWidth,
          step: stride[1],
          offset: (tap % columns) - padding[1],
          limit: width,
        },
      })
    }
  }
  return out
}

interface Axis {
  readonly count: number
  readonly step: number
  readonly offset: number
  readonly limit: number
}

/** One weight times the plane that it sees. */
// hot
function addTap(
  out: Float64Array,
  input: Float64Array,
  of: {
    readonly w: number
    readonly to: number
    readonly from: number
    readonly down: Axis
    readonly across: Axis
  },
): void {
  const { w, to, from, down } = of
  const { count, step, offset, limit } = of.across
  for (let y = 0; y < down.count; y++) {
    const inY = y * down.step + down.offset
    if (inY < 0 || inY >= down.limit) continue
    const line = from + inY * limit
    const row = to + y * count
    for (let x = 0; x < count; x++) {
      const inX = x * step + offset
      if (inX >= 0 && inX < limit) out[row + x]! += w * input[line + inX]!
    }
  }
}
