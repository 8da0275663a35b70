import { PART_NAMES, type PartName } from '../inference/exact/network.js'
import type { NetworkDescription, NetworkLayer } from '../inference/exact/network-schema.js'

const ROW = 26
const COLUMN = 310
const BOX = { width: 240, height: 18 }
const TOP = 64
const CHIP = { fill: '#dcebf7', line: '#2b6ca3' }
const HOST = { fill: '#fbe3d0', line: '#b8621b' }
const INPUT = { fill: '#eeeeee', line: '#777777' }

/**
 * The layers of both parts as an SVG, one row each, with the connections between them; what runs on the host lies in a
 * column of its own and in another colour. Connections that skip layers bend out to the side.
 */
export function networkPicture(
  { parts }: NetworkDescription,
  options: {
    readonly title: string
    readonly onHost: (part: PartName, layer: NetworkLayer) => boolean
  },
): string {
  const drawn = PART_NAMES.map((part, i) => {
    const { inputs, layers } = parts[part]
    const left = 90 + i * 2.3 * COLUMN
    const rows = new Map<string, { readonly x: number; readonly y: number }>()
    const boxes: string[] = []
    const lines: string[] = []
    let row = 0
    const place = (name: string, host: boolean) => {
      const at = { x: left + (host ? COLUMN : 0), y: TOP + row++ * ROW }
      rows.set(name, at)
      return at
    }
    for (const { name, shape } of inputs) {
      const at = place(name, false)
      boxes.push(box(at, name, INPUT), shapeLabel(at, shape))
    }
    for (const layer of layers) {
      const host = options.onHost(part, layer)
      const at = place(layer.name, host)
      for (const from of layer.inputs) lines.push(line(rows.get(from)!, at))
      boxes.push(box(at, `${layer.name} · ${layer.kind}`, host ? HOST : CHIP))
      boxes.push(shapeLabel(at, layer.output.shape))
    }
    const heading = `<text class="part" x="${left}" y="${TOP - 12}">${part}</text>`
    return { height: TOP + row * ROW, body: [heading, ...lines, ...boxes] }
  })
  const height = Math.max(...drawn.map((part) => part.height)) + 20
  const width = 90 + 2 * 2.3 * COLUMN - 40
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    '<style>text{font:11px sans-serif;fill:#222}.title{font-size:15px}.part{font-weight:bold}.shape{font-size:9px;fill:#666;text-anchor:end}path{fill:none;stroke:#99a}</style>',
    '<rect width="100%" height="100%" fill="#fff"/>',
    `<text class="title" x="20" y="24">${escapeXml(options.title)}</text>`,
    ...legend(width - 300),
    ...drawn.flatMap((part) => part.body),
    '</svg>\n',
  ].join('\n')
}

function legend(left: number): string[] {
  return [
    { name: 'on the target', style: CHIP },
    { name: 'on the host', style: HOST },
  ].flatMap(({ name, style }, i) => [box({ x: left + i * 140, y: 12 }, name, style, 125)])
}

/** At the right end of the box. */
function shapeLabel({ x, y }: Place, shape: readonly number[]): string {
  return `<text class="shape" x="${x + BOX.width - 5}" y="${y + 13}">${shape.join('×')}</text>`
}

interface Place {
  readonly x: number
  readonly y: number
}

function box(
  { x, y }: Place,
  label: string,
  { fill, line }: typeof CHIP,
  width = BOX.width,
): string {
  return (
    `<rect x="${x}" y="${y}" width="${width}" height="${BOX.height}" rx="3" fill="${fill}" stroke="${line}"/>` +
    `<text x="${x + 6}" y="${y + 13}">${escapeXml(label)}</text>`
  )
}

/** Neighbours are joined straight down; others around the left side, further out the more rows they skip. */
function line(from: Place, to: Place): string {
  const rows = Math.round((to.y - from.y) / ROW)
  const start = { x: from.x + 20, y: from.y + BOX.height }
  if (rows <= 1 && from.x === to.x) return `<path d="M${start.x} ${start.y}V${to.y}"/>`
  if (from.x !== to.x) {
    const [a, b] = from.x < to.x ? [from.x + BOX.width, to.x] : [from.x, to.x + BOX.width]
    const [ay, by] = [from.y + BOX.height / 2, to.y + BOX.height / 2]
    return `<path d="M${a} ${ay}C${(a + b) / 2} ${ay} ${(a + b) / 2} ${by} ${b} ${by}"/>`
  }
  const out = from.x - Math.min(70, 8 + 3 * rows)
  const [ay, by] = [from.y + BOX.height / 2, to.y + BOX.height / 2]
  return `<path d="M${from.x} ${ay}C${out} ${ay} ${out} ${by} ${from.x} ${by}"/>`
}

const escapeXml = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
