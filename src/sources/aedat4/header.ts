import type { Size } from '../../events/geometry.js'
import { fieldAt, int64Field, openFlat, putInt64, vectorAt } from './flatbuffer.js'
import { COMPRESSIONS, type Compression, IDENTIFIERS, MAGIC, type StreamKind } from './format.js'
import { escapeXml, parseXml, type XmlNode } from './xml.js'

/** One stream that the header announces. */
export interface StreamInfo {
  readonly id: number
  readonly identifier: string
  /** Undefined for a type this program does not read (bounding boxes, depth and the like). */
  readonly kind: StreamKind | undefined
  readonly name: string
  readonly size: Size | undefined
  /** Camera name and serial, such as `DAVIS346_00000489`. */
  readonly source: string | undefined
  /** Microseconds that were added to device time to make Unix time. */
  readonly tsOffsetUs: number | undefined
}

export interface Aedat4Header {
  readonly compression: Compression
  /** File offset of the data table; negative while the file was never closed. */
  readonly dataTablePosition: number
  readonly streams: readonly StreamInfo[]
}

/** File offset of the 8 bytes of dataTablePosition in a header made by `encodeHeader`: patched when the file closes. */
export const TABLE_POSITION_OFFSET = MAGIC.length + 32

const KINDS = new Map(
  Object.entries(IDENTIFIERS).map(([kind, identifier]) => [identifier, kind as StreamKind]),
)

function integer(text: string | undefined): number | undefined {
  if (text === undefined || !/^-?\d{1,16}$/.test(text.trim())) return undefined
  return Number(text)
}

function streamOf(node: XmlNode): StreamInfo | undefined {
  const identifier = node.attributes.get('typeIdentifier')
  if (!/^\d{1,9}$/.test(node.name) || identifier === undefined) return undefined
  const info = node.children.find((child) => child.name === 'info')?.attributes
  const width = integer(info?.get('sizeX'))
  const height = integer(info?.get('sizeY'))
  return {
    id: Number(node.name),
    identifier,
    kind: KINDS.get(identifier),
    name: node.attributes.get('originalOutputName') ?? '',
    size: width === undefined || height === undefined ? undefined : { width, height },
    source: info?.get('source'),
    tsOffsetUs: integer(info?.get('tsOffset')),
  }
}

/**
 * Parses an IOHeader (size prefix included). Throws where it is not one, or its compression is unknown; a stream
 * without type is left out.
 */
export function decodeHeader(bytes: Uint8Array): Aedat4Header {
  const flat = openFlat(bytes, 'IOHE')
  const compressionAt = fieldAt(flat, flat.root, 0)
  const code = compressionAt === 0 ? 0 : flat.view.getInt32(compressionAt, true)
  const compression = COMPRESSIONS[code]
  if (compression === undefined) throw new Error(`its compression ${code} is unknown`)
  const infoAt = fieldAt(flat, flat.root, 2)
  let xml = ''
  if (infoAt !== 0) {
    const { start, count } = vectorAt(flat, infoAt, 1)
    xml = new TextDecoder().decode(flat.bytes.subarray(start, start + count))
  }
  const outInfo = parseXml(xml).children.find((node) => node.name === 'outInfo')
  return {
    compression,
    dataTablePosition: int64Field(flat, flat.root, { id: 1, fallback: -1 }),
    streams: (outInfo?.children ?? []).map(streamOf).filter((stream) => stream !== undefined),
  }
}

/** What a written header says beside the fixed texts. */
export interface HeaderContent {
  readonly compression: 'NONE' | 'LZ4'
  readonly size: Size
  readonly source: string
  readonly tsOffsetUs: number
}

/** The four streams of a DAVIS with their customary ids, names and descriptions (dv-runtime, dv-processing). */
const STREAMS: readonly (readonly [StreamKind, string, string])[] = [
  ['events', 'events', 'Array of events (polarity ON/OFF).'],
  ['images', 'frames', 'Standard frame (8-bit image).'],
  ['imu', 'imu', 'Inertial Measurement Unit data samples.'],
  ['triggers', 'triggers', 'External triggers and special signals.'],
]

/** StreamID of each kind in files written here. */
export const STREAM_IDS = Object.fromEntries(STREAMS.map(([kind], id) => [kind, id])) as Readonly<
  Record<StreamKind, number>
>

/** The header's XML; attributes sorted by key and before child nodes, four spaces a level, as dv writes it. */
export function headerXml(content: HeaderContent): string {
  const lines = [
    '<dv version="2.0">',
    '    <node name="outInfo" path="/mainloop/Recorder/outInfo/">',
  ]
  const attr = (indent: number, key: string, [type, value]: readonly [string, string | number]) =>
    lines.push(
      `${' '.repeat(indent)}<attr key="${key}" type="${type}">${escapeXml(String(value))}</attr>`,
    )
  for (const [id, [kind, name, description]] of STREAMS.entries()) {
    const path = `/mainloop/Recorder/outInfo/${id}/`
    lines.push(`        <node name="${id}" path="${path}">`)
    attr(12, 'compression', ['string', content.compression])
    attr(12, 'originalModuleName', ['string', 'capture'])
    attr(12, 'originalOutputName', ['string', name])
    attr(12, 'typeDescription', ['string', description])
    attr(12, 'typeIdentifier', ['string', IDENTIFIERS[kind]])
    lines.push(`            <node name="info" path="${path}info/">`)
    if (kind === 'events' || kind === 'images') {
      attr(16, 'sizeX', ['int', content.size.width])
      attr(16, 'sizeY', ['int', content.size.height])
    }
    attr(16, 'source', ['string', content.source])
    attr(16, 'tsOffset', ['long', content.tsOffsetUs])
    lines.push('            </node>', '        </node>')
  }
  lines.push('    </node>', '</dv>', '')
  return lines.join('\n')
}

/**
 * Magic and IOHeader of a new file. The table position is stored explicitly as −1, so that closing the file can patch
 * it in place; until then readers scan (and a file cut by a power loss stays readable).
 */
export function encodeHeader(content: HeaderContent): Buffer {
  const text = Buffer.from(headerXml(content), 'utf8')
  const total = Math.ceil((53 + text.length) / 8) * 8
  const file = Buffer.alloc(MAGIC.length + total)
  MAGIC.copy(file)
  const view = new DataView(file.buffer, file.byteOffset + MAGIC.length, total)
  view.setUint32(0, total - 4, true)
  view.setUint32(4, 20, true)
  file.write('IOHE', MAGIC.length + 8, 'latin1')
  for (const [i, word] of [10, 24, 4, 8, 20].entries()) view.setUint16(14 + 2 * i, word, true)
  view.setInt32(24, 10, true)
  view.setInt32(28, COMPRESSIONS.indexOf(content.compression), true)
  putInt64(view, 32, -1)
  view.setUint32(44, 4, true)
  view.setUint32(48, text.length, true)
  text.copy(file, MAGIC.length + 52)
  return file
}
