/** Three digits, for people: 0.0573, 265, 272 k, 6 M. */
export function numberText(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))} M`
  if (size >= 1e5) return `${Number((value / 1e3).toPrecision(3))} k`
  if (Number.isInteger(value)) return String(value)
  return size >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}
