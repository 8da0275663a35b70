import { deflateSync } from 'node:zlib'
import type { Page, Shape, Tone } from './drawing.js'

/** Points of 1/72 inch in a millimetre. */
const POINTS = 72 / 25.4
/** Height of a capital letter of Helvetica over its size. */
const CAPITAL = 0.718

/**
 * A PDF 1.4 of some pages in true size: areas and text in Helvetica, which every reader brings along. It asks viewers
 * to print without scaling. The same pages give the same bytes.
 */
export function pdfOf(pages: readonly Page[], title: string): Buffer {
  const objects: Buffer[] = []
  const add = (body: string | Buffer): number => objects.push(Buffer.from(body))
  const catalog = add('')
  const tree = add('')
  const font = add(
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
  )
  const info = add(`<< /Title ${textOf(title)} /Producer (evtrackd) >>`)
  const kids = pages.map((page) => {
    const content = deflateSync(Buffer.from(page.shapes.map((s) => operators(s, page)).join('\n')))
    const stream = add(
      Buffer.concat([
        Buffer.from(`<< /Length ${content.length} /Filter /FlateDecode >>\nstream\n`),
        content,
        Buffer.from('\nendstream'),
      ]),
    )
    const box = `[0 0 ${number(page.width * POINTS)} ${number(page.height * POINTS)}]`
    return add(
      `<< /Type /Page /Parent ${tree} 0 R /MediaBox ${box} /Contents ${stream} 0 R ` +
        `/Resources << /Font << /F ${font} 0 R >> >> >>`,
    )
  })
  objects[catalog - 1] = Buffer.from(
    `<< /Type /Catalog /Pages ${tree} 0 R /ViewerPreferences << /PrintScaling /None >> >>`,
  )
  objects[tree - 1] = Buffer.from(
    `<< /Type /Pages /Kids [${kids.map((kid) => `${kid} 0 R`).join(' ')}] /Count ${kids.length} >>`,
  )
  return assemble(objects, { catalog, info })
}

/** Header, objects, cross-reference table, trailer. */
function assemble(
  objects: readonly Buffer[],
  { catalog, info }: { catalog: number; info: number },
): Buffer {
  // Bytes above 127 tell transfer programs that the file is binary.
  const parts = [Buffer.from('%PDF-1.4\n%\xe2\xe3\xcf\xd3\n', 'latin1')]
  let length = parts[0]!.length
  const offsets = objects.map((body, i) => {
    const at = length
    const whole = Buffer.concat([Buffer.from(`${i + 1} 0 obj\n`), body, Buffer.from('\nendobj\n')])
    parts.push(whole)
    length += whole.length
    return at
  })
  const entries = offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`)
  parts.push(
    Buffer.from(
      `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${entries.join('')}` +
        `trailer\n<< /Size ${objects.length + 1} /Root ${catalog} 0 R /Info ${info} 0 R >>\n` +
        `startxref\n${length}\n%%EOF\n`,
    ),
  )
  return Buffer.concat(parts)
}

/** PDF counts from the lower left, upwards. */
function operators(shape: Shape, { height }: Page): string {
  const place = ([x, y]: readonly [number, number]) =>
    `${number(x * POINTS)} ${number((height - y) * POINTS)}`
  if (shape.kind === 'text') {
    const size = number((shape.height / CAPITAL) * POINTS)
    return `${fill(shape.tone)} BT /F ${size} Tf ${place(shape.at)} Td ${textOf(shape.text)} Tj ET`
  }
  const paths = shape.polygons.map((corners) => {
    const [first, ...rest] = corners.map(place)
    return `${first} m ${rest.map((corner) => `${corner} l`).join(' ')} h`
  })
  return `${fill(shape.tone)}\n${paths.join('\n')}\nf`
}

const fill = (tone: Tone) => `${tone.map(number).join(' ')} rg`

/** A thousandth of a point is 0.35 µm. */
function number(value: number): string {
  return String(Math.round(value * 1000) / 1000 + 0)
}

function textOf(text: string): string {
  return `(${text.replace(/[\\()]/g, '\\$&').replace(/[^\x20-\x7e]/g, '?')})`
}
