/** The little SVG that pictures are made of: presentation attributes only, so that they look the same anywhere. */

export const COLORS = {
  background: '#12141a',
  plot: '#1a1d26',
  grid: '#343842',
  dim: '#687086',
  soft: '#98a1b0',
  ink: '#e2e6ee',
  band: '#1d4635',
  good: '#5cd68c',
  warm: '#ffa046',
  cool: '#5aa0ff',
  bad: '#ff6262',
  violet: '#be8cff',
  amber: '#f0c14b',
} as const

export type Color = (typeof COLORS)[keyof typeof COLORS]

type Attributes = Readonly<Record<string, string | number | undefined>>

export function element(name: string, attributes: Attributes, content = ''): string {
  const text = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escapeXml(value!)}"`,
    )
    .join('')
  return content === '' ? `<${name}${text}/>` : `<${name}${text}>${content}</${name}>`
}

export interface TextLook {
  readonly size?: number
  readonly color?: Color
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly bold?: boolean
  /** Turned a quarter to the left, around its place. */
  readonly upright?: boolean
  /** A dark rim, for text on pictures. */
  readonly rim?: boolean
}

export function text(content: string, x: number, { y, ...look }: TextLook & { y: number }): string {
  const { size = 13, color = COLORS.ink, anchor = 'start', bold, upright, rim } = look
  const attributes = {
    x,
    y,
    fill: color,
    'font-size': size,
    'text-anchor': anchor,
    'font-weight': bold ? 600 : undefined,
    transform: upright ? `rotate(-90 ${round(x)} ${round(y)})` : undefined,
    ...(rim && { stroke: COLORS.background, 'stroke-width': 3, 'paint-order': 'stroke' }),
  }
  return element('text', attributes, escapeXml(content))
}

export function line(
  from: readonly [number, number],
  to: readonly [number, number],
  look: { color: Color; width?: number; dashed?: boolean },
): string {
  return element('line', {
    x1: from[0],
    y1: from[1],
    x2: to[0],
    y2: to[1],
    stroke: look.color,
    'stroke-width': look.width ?? 1,
    'stroke-dasharray': look.dashed ? '5 4' : undefined,
  })
}

export function path(points: readonly (readonly [number, number])[]): string {
  return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join('')
}

/** A document of this size in CSS pixels. */
export function picture(size: { width: number; height: number }, content: string): string {
  const { width, height } = size
  const head = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    'font-family': 'system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif',
  }
  const ground = element('rect', { width, height, rx: 8, fill: COLORS.background })
  return element('svg', head, ground + content)
}

function round(value: number): string {
  return Number.isFinite(value) ? String(Math.round(value * 100) / 100) : '0'
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

function escapeXml(content: string): string {
  return content.replace(/[&<>"]/g, (char) => ENTITIES[char]!)
}
