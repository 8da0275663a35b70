import { PT_LOAD, PT_NOTE, programHeaders, writeProgramHeaders } from './elf.mjs'

/**
 * Node.js carries the data of all languages that ICU knows, 33 MB in the middle of the program. evtrackd speaks English
 * to programs and needs no more than a Node.js configured with `--with-intl=small-icu` has. The table of contents is written
 * anew for what stays, the items that stay move together behind it, and the pages that become free leave the file.
 * Addresses do not change: the loader maps the two parts of the segment where they always were, with a gap between.
 *
 * Format of the data: ICU's `udata` common data, "CmnD": header, count, {offset of name, offset of item}..., names,
 * items aligned to 16 bytes, ordered by name; offsets count from behind the header.
 */

const MAGIC = Buffer.from('CmnD')
const ITEM_ALIGN = 16
const LITTLE_ENDIAN_ASCII = 0

/**
 * Whether an item is needed for Unicode, time zones and English.
 * @param {string} name e.g. `icudt78l/curr/de_AT.res`
 */
export function staysInIcu(name) {
  const match = /^icudt\d+l\/(?:(\w+)\/)?([^/]+)\.(\w+)$/.exec(name)
  if (match === null) return true
  const [, tree, base = '', kind] = match
  // Legacy encodings, dictionaries that break Thai or Japanese into words, transliteration, numbers in words.
  if (kind === 'cnv' || kind === 'dict' || tree === 'translit' || tree === 'rbnf') return false
  // Without its index (res_index) a tree offers no language but the default, and so none that is gone.
  const isLocale = kind === 'res' && /^[a-z]{2,3}(_|$)/.test(base)
  return !isLocale || base === 'en' || base === 'en_US'
}

/** @param {Buffer} file @returns {number} offset of the header of ICU's data; throws unless there is exactly one */
function findData(file) {
  const found = []
  for (let at = file.indexOf(MAGIC); at >= 0; at = file.indexOf(MAGIC, at + 1)) {
    const start = at - 12
    const isHeader = start >= 0 && file[start + 2] === 0xda && file[start + 3] === 0x27
    if (isHeader && file.readUInt16LE(start + 8) === LITTLE_ENDIAN_ASCII) found.push(start)
  }
  const [start] = found
  if (start === undefined || found.length > 1)
    throw new Error(`expected the data of ICU once in the program, found it ${found.length} times`)
  return start
}

/** @param {Buffer} file @param {number} base end of the header */
function readContents(file, base) {
  const count = file.readUInt32LE(base)
  const items = Array.from({ length: count }, (_, i) => {
    const name = base + file.readUInt32LE(base + 4 + 8 * i)
    const start = base + file.readUInt32LE(base + 8 + 8 * i)
    if (start > file.length || name > file.length) throw new Error('the data of ICU is cut short')
    return { name: file.toString('latin1', name, file.indexOf(0, name)), start }
  })
  if (items.length < 2) throw new Error('the data of ICU is empty')
  return items
}

/** @param {number} value @param {number} unit */
const roundUp = (value, unit) => Math.ceil(value / unit) * unit

/**
 * @param {Buffer} file an ELF program with the data of ICU in one of its segments
 * @param {(name: string) => boolean} stays
 * @returns {Buffer} the shorter program; throws when the data is not where and how it is expected
 */
export function trimIcu(file, stays = staysInIcu) {
  const start = findData(file)
  const base = start + file.readUInt16LE(start)
  const items = readContents(file, base)
  const last = items.at(-1)?.start ?? 0
  // How long the last one is, nothing in the data says: it goes in any case, and its bytes stay.
  const kept = items.slice(0, -1).flatMap(({ name, start: from }, i) => {
    const to = items[i + 1]?.start ?? from
    return stays(name) ? [{ name, bytes: file.subarray(from, to) }] : []
  })
  const contents = layOut(kept)
  if (base + contents.length > last) throw new Error('nothing to leave out of the data of ICU')

  const trimmed = Buffer.from(file)
  contents.copy(trimmed, base)
  return removePages(trimmed, base + contents.length, last)
}

/** @param {readonly { name: string, bytes: Buffer }[]} kept */
function layOut(kept) {
  const head = Buffer.alloc(4 + 8 * kept.length)
  head.writeUInt32LE(kept.length)
  const names = Buffer.from(kept.map(({ name }) => `${name}\0`).join(''), 'latin1')
  let nameAt = head.length
  let itemAt = roundUp(head.length + names.length, ITEM_ALIGN)
  const parts = [head, names, Buffer.alloc(itemAt - head.length - names.length)]
  kept.forEach(({ name, bytes }, i) => {
    head.writeUInt32LE(nameAt, 4 + 8 * i)
    head.writeUInt32LE(itemAt, 8 + 8 * i)
    nameAt += name.length + 1
    const room = roundUp(bytes.length, ITEM_ALIGN)
    parts.push(bytes, Buffer.alloc(room - bytes.length))
    itemAt += room
  })
  return Buffer.concat(parts)
}

/**
 * Takes whole pages between two offsets out of the file and out of the segment they lie in.
 * @param {Buffer} file @param {number} from @param {number} to
 */
function removePages(file, from, to) {
  const headers = programHeaders(file)
  const isAround = (/** @type {import('./elf.mjs').ProgramHeader} */ h) =>
    h.type === PT_LOAD && h.offset <= from && to <= h.offset + h.fileBytes
  const around = headers.find(isAround)
  // The new segment takes the place of the one header that nothing at run time reads.
  const spare = headers.findIndex(({ type }) => type === PT_NOTE)
  if (around === undefined || spare < 0) throw new Error('the program has no room for a segment')
  const align = Math.max(
    ...headers.filter((h) => h.type === PT_LOAD && h.offset >= around.offset).map((h) => h.align),
  )
  const second = to - (to % align)
  const gap = Math.max(0, Math.floor((second - from) / align) * align)
  if (gap === 0) return file

  const moved = headers
    .filter((_, i) => i !== spare)
    .flatMap((header) => {
      if (header === around) return split(around, { from, second, gap })
      return [header.offset >= second ? { ...header, offset: header.offset - gap } : header]
    })
  writeProgramHeaders(file, moved)
  return Buffer.concat([file.subarray(0, second - gap), file.subarray(second)])
}

/**
 * @param {import('./elf.mjs').ProgramHeader} segment
 * @param {{ from: number, second: number, gap: number }} where the first part ends at `from`, the second one starts at `second`
 */
function split(segment, { from, second, gap }) {
  const first = from - segment.offset
  const skipped = second - segment.offset
  return [
    { ...segment, fileBytes: first, memoryBytes: first },
    {
      ...segment,
      offset: second - gap,
      address: segment.address + skipped,
      physical: segment.physical + skipped,
      fileBytes: segment.fileBytes - skipped,
      memoryBytes: segment.memoryBytes - skipped,
    },
  ]
}
