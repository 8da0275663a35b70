import type { Verdict } from '../kind.js'
import { COLORS, type Color, element, text } from './svg.js'

export const HEADER_HEIGHT = 50
export const LEGEND_HEIGHT = 24

const VERDICT_COLORS: Readonly<Record<Verdict, Color>> = {
  PASS: COLORS.good,
  WARN: COLORS.amber,
  FAIL: COLORS.bad,
}

const LEFT = 16
/** Rough width of a character of the legend, pixels. */
const CHARACTER = 6.6

/** Two lines at the top: what is shown, and what was found. */
export function header(
  title: string,
  finding: { readonly verdict?: Verdict; readonly text: string } | undefined,
): string {
  const first = text(title, LEFT, { y: 22, size: 15, bold: true })
  if (finding === undefined) return first
  const { verdict } = finding
  if (verdict === undefined) return first + text(finding.text, LEFT, { y: 42, color: COLORS.soft })
  const color = VERDICT_COLORS[verdict]
  return (
    first +
    text(verdict, LEFT, { y: 42, color, bold: true }) +
    text(finding.text, LEFT + 46, { y: 42, color: COLORS.soft })
  )
}

/** What the colours mean, in a line on the base `y`; entries without a label are left out. */
export function legend(
  entries: readonly { readonly label: string; readonly color: Color }[],
  at: { x: number; y: number },
): string {
  let { x } = at
  return entries
    .filter(({ label }) => label !== '')
    .map(({ label, color }) => {
      const swatch = element('rect', { x, y: at.y - 9, width: 12, height: 10, rx: 2, fill: color })
      const drawn = swatch + text(label, x + 18, { y: at.y, size: 12, color: COLORS.soft })
      x += 18 + label.length * CHARACTER + 18
      return drawn
    })
    .join('')
}
