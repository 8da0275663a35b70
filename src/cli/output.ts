import { EvtrackError, exitStatus } from '../events/errors.js'

/** Printing for people and for programs: every command that a program might read has `--json`. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

export function print(line = ''): void {
  process.stdout.write(`${line}\n`)
}

/** Rows of cells as aligned columns; numbers to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((h, c) =>
    Math.max(h.length, ...rows.map((row) => (row[c] ?? '').length)),
  )
  const numeric = header.map((_, c) =>
    rows.every(
      (row) => /^[-+]?[\d.,]*\s?[%a-zA-Z/]*$/.test(row[c] ?? '') && /\d/.test(row[c] ?? ''),
    ),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, c) => (numeric[c] ? cell.padStart(widths[c] ?? 0) : cell.padEnd(widths[c] ?? 0)))
      .join('  ')
      .trimEnd()
  return [line(header), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line)].join('\n')
}

/** Says what went wrong and what to do, on stderr, and returns the exit status. */
export function reportError(error: unknown): number {
  if (error instanceof EvtrackError) {
    process.stderr.write(`evtrackd: ${error.code}: ${error.message}\n`)
    process.stderr.write(`  next: ${error.next}\n`)
    return exitStatus(error.code)
  }
  process.stderr.write(
    `evtrackd: unexpected error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  return 1
}
