/** Small dense linear algebra; matrices are arrays of rows. */

/** A pivot below this share of the largest element of its column means that the equations do not determine x. */
const SINGULAR = 1e-12

/** Solves a · x = b by elimination with partial pivoting; undefined for a singular matrix. */
export function solve(
  a: readonly (readonly number[])[],
  b: readonly number[],
): number[] | undefined {
  const n = b.length
  const rows = a.map((row, i) => [...row, b[i]!])
  const largest = Math.max(...a.flatMap((row) => row.map(Math.abs)))
  for (let column = 0; column < n; column++) {
    let pivot = column
    for (let row = column + 1; row < n; row++)
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row
    if (!(Math.abs(rows[pivot]![column]!) > SINGULAR * largest)) return undefined
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    for (let row = column + 1; row < n; row++) {
      const factor = rows[row]![column]! / rows[column]![column]!
      for (let k = column; k <= n; k++) rows[row]![k]! -= factor * rows[column]![k]!
    }
  }
  const x = new Array<number>(n).fill(0)
  for (let row = n - 1; row >= 0; row--) {
    let sum = rows[row]![n]!
    for (let k = row + 1; k < n; k++) sum -= rows[row]![k]! * x[k]!
    x[row] = sum / rows[row]![row]!
  }
  return x
}

/** Undefined for a singular matrix. */
export function inverseOf(a: readonly (readonly number[])[]): number[][] | undefined {
  const n = a.length
  const columns: number[][] = []
  for (let i = 0; i < n; i++) {
    const column = solve(
      a,
      Array.from({ length: n }, (_, k) => (k === i ? 1 : 0)),
    )
    if (column === undefined) return undefined
    columns.push(column)
  }
  return Array.from({ length: n }, (_, row) => columns.map((column) => column[row]!))
}

/** Columns of the lower root L of a symmetric positive matrix, a = L · Lᵀ; undefined when it is not positive. */
export function choleskyOf(a: readonly (readonly number[])[]): number[][] | undefined {
  const n = a.length
  const lower = Array.from({ length: n }, () => new Array<number>(n).fill(0))
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = a[i]![j]!
      for (let k = 0; k < j; k++) sum -= lower[i]![k]! * lower[j]![k]!
      if (i === j) {
        if (!(sum > 0)) return undefined
        lower[i]![i] = Math.sqrt(sum)
      } else lower[i]![j] = sum / lower[j]![j]!
    }
  }
  return Array.from({ length: n }, (_, column) => lower.map((row) => row[column]!))
}
