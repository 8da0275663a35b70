import type { HostStep } from './schedule-schema.js'

/**
 * What the host computes between the steps of a NIR graph, on whole numbers: spike counts and products of them. Written
 * from the manifest alone, for its verification and as an example for the program beside a chip.
 * @throws RangeError where the sizes do not fit.
 */
export function hostStep(step: HostStep, read: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(step.shape.reduce((a, b) => a * b, 1))
  const [a, b] = read
  if (a === undefined) throw new RangeError(`host layer ${step.layer} reads nothing`)
  switch (step.kind) {
    case 'add':
      for (const each of read) for (let i = 0; i < out.length; i++) out[i]! += each[i]!
      break
    case 'minimum':
      for (let i = 0; i < out.length; i++) out[i] = Math.min(a[i]!, b![i % b!.length]!)
      break
    case 'slice': {
      const map = step.shape.slice(1).reduce((x, y) => x * y, 1)
      out.set(a.subarray((step.first ?? 0) * map, (step.first ?? 0) * map + out.length))
      break
    }
    case 'transpose': {
      const channels = step.shape[1]!
      const cells = out.length / channels
      for (let c = 0; c < channels; c++) {
        for (let cell = 0; cell < cells; cell++) out[cell * channels + c] = a[c * cells + cell]!
      }
      break
    }
    case 'matmul':
      product(step, { a, b: b!, out })
  }
  return out
}

function product(
  step: HostStep,
  { a, b, out }: { readonly a: Float64Array; readonly b: Float64Array; readonly out: Float64Array },
): void {
  const { groups = 1, rows = 1, inner = 1, columns = 1, transposeB = false } = step
  if (a.length !== groups * rows * inner || b.length !== groups * inner * columns) {
    throw new RangeError(`host layer ${step.layer} multiplies ${a.length} by ${b.length} numbers`)
  }
  for (let g = 0; g < groups; g++) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = 0
        for (let k = 0; k < inner; k++) {
          const second = transposeB ? column * inner + k : k * columns + column
          sum += a[(g * rows + row) * inner + k]! * b[g * inner * columns + second]!
        }
        out[(g * rows + row) * columns + column] = sum
      }
    }
  }
}

/** The same in words, for the manifest's readers. */
export function hostWords(step: Omit<HostStep, 'shape'>): string {
  const [a, b] = step.reads
  switch (step.kind) {
    case 'matmul':
      return `${step.groups} products of [${step.rows}, ${step.inner}] of ${a} by [${step.inner}, ${step.columns}] of ${b}${step.transposeB ? ', which is stored [columns, inner]' : ''}`
    case 'add':
      return `the sum of ${step.reads.join(' and ')}`
    case 'minimum':
      return `the smaller of ${a} and ${b}, whose one channel stands for all`
    case 'transpose':
      return `${a} as [cells, channels]`
    case 'slice':
      return `channels of ${a} from ${step.first} on`
  }
}
