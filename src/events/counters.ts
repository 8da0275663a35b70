/**
 * Named counters over one Float64Array, so that hot code increments an index and health reads names.
 * Float64 holds integers exactly to 2^53.
 */
export interface Counters<Name extends string> {
  readonly values: Float64Array
  /** Index of each name in `values`; read it once, outside the hot loop. */
  readonly index: Readonly<Record<Name, number>>
  snapshot(): Record<Name, number>
}

export function createCounters<const Name extends string>(names: readonly Name[]): Counters<Name> {
  const values = new Float64Array(names.length)
  const index = Object.fromEntries(names.map((name, i) => [name, i])) as Record<Name, number>
  return {
    values,
    index,
    snapshot: () =>
      Object.fromEntries(names.map((name, i) => [name, values[i]])) as Record<Name, number>,
  }
}
