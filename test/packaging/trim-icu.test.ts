import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { sh } from './shell.js'

/** The languages that the packaged Node.js goes without, on a program made for the test and on this machine's own. */

const tool = (name: string) =>
  import(pathToFileURL(join(PACKAGE_ROOT, 'packaging/lib', `${name}.mjs`)).href)

const ADDRESS = 0x400000
const ALIGN = 0x1000
const DATA_AT = 0x2010
const HEADER_BYTES = 32
const PROGRAM_HEADER_BYTES = 56
const PT_LOAD = 1
const PT_NOTE = 4
const PT_STACK = 0x6474e551

interface Item {
  readonly name: string
  readonly bytes: Buffer
}

/** ICU's common data: header, count, offsets, names, items. */
function icuData(items: readonly Item[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16LE(HEADER_BYTES)
  header.set([0xda, 0x27, 20, 0, 0, 0, 0, 0, 2, 0], 2)
  header.write('CmnD', 12)
  const names = Buffer.from(items.map(({ name }) => `${name}\0`).join(''))
  const table = Buffer.alloc(4 + 8 * items.length)
  table.writeUInt32LE(items.length)
  let nameAt = table.length
  let itemAt = table.length + names.length
  items.forEach(({ name, bytes }, i) => {
    table.writeUInt32LE(nameAt, 4 + 8 * i)
    table.writeUInt32LE(itemAt, 8 + 8 * i)
    nameAt += name.length + 1
    itemAt += bytes.length
  })
  return Buffer.concat([header, table, names, ...items.map(({ bytes }) => bytes)])
}

/** One segment with the data in its middle, a second one after it, and what else a program has headers for. */
function program(data: Buffer, spare = PT_NOTE): Buffer {
  const end = DATA_AT + data.length + 100
  const second = Math.ceil(end / ALIGN) * ALIGN
  const file = Buffer.alloc(second + 64)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  file.writeBigUInt64LE(64n, 32)
  const headers = [
    [PT_LOAD, 0, end],
    [PT_LOAD, second, 64],
    [spare, 64, 0],
    [PT_STACK, 0, 0],
  ] as const
  file.writeUInt16LE(headers.length, 56)
  headers.forEach(([type, offset, bytes], i) => {
    const at = 64 + i * PROGRAM_HEADER_BYTES
    file.writeUInt32LE(type, at)
    const words = [offset, ADDRESS + offset, ADDRESS + offset, bytes, bytes, ALIGN]
    words.forEach((word, n) => {
      file.writeBigUInt64LE(BigInt(word), at + 8 + 8 * n)
    })
  })
  data.copy(file, DATA_AT)
  file.write('behind it', DATA_AT + data.length)
  file.write('second segment', second)
  return file
}

/** What lies at an address when the loader has mapped the file. */
async function mapped(file: Buffer): Promise<(address: number, bytes: number) => Buffer> {
  const { programHeaders } = await tool('elf')
  return (address, bytes) => {
    for (const h of programHeaders(file)) {
      if (h.type !== PT_LOAD || address < h.address || address + bytes > h.address + h.fileBytes) {
        continue
      }
      return file.subarray(h.offset + address - h.address, h.offset + address - h.address + bytes)
    }
    throw new Error(`nothing is mapped at ${address.toString(16)}`)
  }
}

const item = (name: string, fill: string, bytes = 40_000): Item => ({
  name: `icudt78l/${name}`,
  bytes: Buffer.alloc(bytes, fill),
})
const ITEMS = [
  item('curr/de.res', 'd'),
  item('curr/root.res', 'r', 1001),
  item('en.res', 'e', 2002),
  item('fr_CA.res', 'f'),
  item('ibm-943.cnv', 'i'),
  item('zoneinfo64.res', 'z', 3003),
  item('zu.res', 'u'),
]

t.test('what stays is found where the loader maps it; the rest leaves the file', async (t) => {
  const { trimIcu } = await tool('trim-icu')
  const { programHeaders } = await tool('elf')
  const whole = program(icuData(ITEMS))
  const trimmed: Buffer = trimIcu(whole)
  t.ok(whole.length - trimmed.length > 100_000, `${whole.length} to ${trimmed.length}`)

  const at = await mapped(trimmed)
  const base = ADDRESS + DATA_AT + HEADER_BYTES
  t.equal(at(base, 4).readUInt32LE(), 3)
  const kept = ITEMS.filter(({ name }) => /root|en|zoneinfo/.test(name))
  kept.forEach(({ name, bytes }, i) => {
    const entry = at(base + 4 + 8 * i, 8)
    t.equal(at(base + entry.readUInt32LE(), name.length + 1).toString(), `${name}\0`)
    t.equal(entry.readUInt32LE(4) % 16, 0, 'aligned')
    t.ok(at(base + entry.readUInt32LE(4), bytes.length).equals(bytes), name)
  })
  const behind = ADDRESS + DATA_AT + icuData(ITEMS).length
  t.equal(at(behind, 9).toString(), 'behind it')
  const second = ADDRESS + Math.ceil((behind - ADDRESS + 100) / ALIGN) * ALIGN
  t.equal(at(second, 14).toString(), 'second segment')
  t.throws(() => at(base + 100_000, 1), /nothing is mapped/)

  const headers = programHeaders(trimmed)
  t.same(
    headers.map(({ type }: { type: number }) => type),
    [PT_LOAD, PT_LOAD, PT_LOAD, PT_STACK],
  )
  for (const h of headers) t.equal((h.address - h.offset - ADDRESS) % ALIGN, 0)
})

t.test('a program that is not as expected is refused', async (t) => {
  const { trimIcu } = await tool('trim-icu')
  const data = icuData(ITEMS)
  t.throws(() => trimIcu(Buffer.alloc(100_000)), /found it 0 times/)
  const twice = program(Buffer.concat([data, data]))
  t.throws(() => trimIcu(twice), /found it 2 times/)
  t.throws(() => trimIcu(program(data), () => true), /nothing to leave out/)
  t.throws(() => trimIcu(program(data, PT_STACK)), /no room for a segment/)
  const cut = Buffer.from(data)
  cut.writeUInt32LE(0x7fffffff, HEADER_BYTES + 8)
  t.throws(() => trimIcu(program(cut)), /cut short/)
  t.throws(() => trimIcu(program(icuData([]))), /is empty/)
  t.throws(() => trimIcu(Buffer.concat([Buffer.alloc(256), data])), /not a little-endian ELF64/)
})

t.test('English, Unicode and time zones stay', async (t) => {
  const { staysInIcu } = await tool('trim-icu')
  const stays = (name: string): boolean => staysInIcu(`icudt78l/${name}`)
  for (const name of [
    'root.res',
    'en.res',
    'en_US.res',
    'zone/en.res',
    'curr/pool.res',
    'zoneinfo64.res',
    'uprops.icu',
    'nfkc.nrm',
    'coll/ucadata.icu',
    'brkitr/char.brk',
    'cnvalias.icu',
  ]) {
    t.ok(stays(name), name)
  }
  for (const name of [
    'de.res',
    'en_GB.res',
    'haw_US.res',
    'lang/sr_Latn_BA.res',
    'res_index.res',
    'ibm-943_P15A-2003.cnv',
    'brkitr/thaidict.dict',
    'translit/el_Lower.res',
    'rbnf/root.res',
  ]) {
    t.notOk(stays(name), name)
  }
})

const WANTED = `JSON.stringify([
  new Intl.NumberFormat('en').format(12345.6),
  new Date(0).toLocaleString('en-US', { timeZone: 'Europe/Berlin' }),
  'é'.normalize('NFD').length, /^\\p{Lu}$/u.test('Ä'), 'ä'.localeCompare('b'),
  new URL('http://münchen.example').host, new TextDecoder('latin1').decode(new Uint8Array([228])),
])`

const own = readFileSync(process.execPath)
const elf = process.platform === 'linux' && own.includes('icudt')
const skip = elf && own.includes('CmnD') ? false : 'the Node.js here has no data of ICU inside'

t.test('a real Node.js runs without them', { skip }, async (t) => {
  const { trimElf } = await tool('trim-elf')
  const { trimIcu } = await tool('trim-icu')
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-icu-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const trimmed = trimIcu(trimElf(own))
  t.ok(own.length - trimmed.length > 20e6, `${own.length} to ${trimmed.length}`)
  const path = join(dir, 'node')
  writeFileSync(path, trimmed, { mode: 0o755 })
  const env = { PATH: '/usr/bin:/bin' }
  const here = await sh(path, ['-p', WANTED], env)
  t.equal(here.stderr, '')
  t.equal(here.stdout, (await sh(process.execPath, ['-p', WANTED], env)).stdout)
  const foreign = await sh(path, ['-p', "new Intl.NumberFormat('de').format(1.5)"], {
    ...env,
    LANG: 'de_DE.UTF-8',
  })
  t.equal(foreign.code, 0, 'another language is no error')
})
