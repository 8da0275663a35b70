/**
 * Rows of numbers as data sets write them: separated by commas, semicolons, tabs or spaces; `NaN` in any case is a
 * number here. Empty lines and lines that start with # are left out.
 */
export interface NumberRows {
  readonly rows: readonly (readonly number[])[]
  /** The first line that is no row of one of the wanted lengths, counted from 1, and why. */
  readonly problem?: string
}

export function parseRows(text: string, columns: readonly number[]): NumberRows {
  const rows: number[][] = []
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!.trim()
    if (line === '' || line.startsWith('#')) continue
    const cells = line.split(/[\s,;]+/).filter((cell) => cell !== '')
    if (!columns.includes(cells.length)) {
      return {
        rows,
        problem: `line ${i + 1} has ${cells.length} columns instead of ${columns.join(' or ')}`,
      }
    }
    const row = cells.map((cell) => (/^[-+]?nan$/i.test(cell) ? Number.NaN : Number(cell)))
    const wrong = row.findIndex((value, k) => Number.isNaN(value) && !/nan/i.test(cells[k]!))
    if (wrong >= 0) return { rows, problem: `line ${i + 1} has "${cells[wrong]}" for a number` }
    rows.push(row)
  }
  return { rows }
}
