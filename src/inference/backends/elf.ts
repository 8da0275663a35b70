/**
 * As much of the ELF format as it takes to say, without loading it, whether a shared library fits: its machine, its name,
 * what it needs and which symbol versions it asks for and offers. Only 64-bit little-endian files, which is all that
 * evtrackd runs on. Layout: System V ABI, chapters 4 and 5, and the GNU symbol-versioning extension.
 */
export interface SharedLibrary {
  readonly machine: string
  readonly soname: string | undefined
  readonly needed: readonly string[]
  /** Symbol versions that it asks for, by library. */
  readonly wants: ReadonlyMap<string, readonly string[]>
  /** Symbol versions that it offers. */
  readonly offers: readonly string[]
}

const MACHINES: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64' }
const PT_LOAD = 1
const PT_DYNAMIC = 2
const DT = {
  needed: 1,
  strtab: 5,
  soname: 14,
  verdef: 0x6ffffffc,
  verdefnum: 0x6ffffffd,
  verneed: 0x6ffffffe,
  verneednum: 0x6fffffff,
} as const

/** Throws RangeError, in words, where the bytes are no such file or point outside of it. */
export function readSharedLibrary(bytes: Uint8Array): SharedLibrary {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 64 || view.getUint32(0) !== 0x7f454c46) throw new RangeError('not an ELF file')
  if (bytes[4] !== 2 || bytes[5] !== 1) throw new RangeError('not a 64-bit little-endian file')
  const long = (at: number) => Number(view.getBigUint64(at, true))
  const half = (at: number) => view.getUint16(at, true)
  const word = (at: number) => view.getUint32(at, true)

  const loads: { readonly from: number; readonly to: number; readonly at: number }[] = []
  const dynamic: (readonly [number, number])[] = []
  const [headers, headerSize, headerCount] = [long(32), half(54), half(56)]
  for (let i = 0; i < headerCount; i++) {
    const header = headers + i * headerSize
    const [at, address, size] = [long(header + 8), long(header + 16), long(header + 32)]
    if (word(header) === PT_LOAD) loads.push({ from: address, to: address + size, at })
    if (word(header) !== PT_DYNAMIC) continue
    for (let entry = at; entry + 16 <= at + size && long(entry) !== 0; entry += 16) {
      dynamic.push([long(entry), long(entry + 8)])
    }
  }
  if (dynamic.length === 0) throw new RangeError('not a shared library')
  const value = (tag: number) => dynamic.find(([it]) => it === tag)?.[1]
  const placeOf = (address: number): number => {
    const load = loads.find(({ from, to }) => address >= from && address < to)
    if (load === undefined) throw new RangeError('cut short')
    return load.at + address - load.from
  }
  const strings = placeOf(value(DT.strtab) ?? -1)
  const text = (offset: number): string => {
    const start = strings + offset
    const end = bytes.indexOf(0, start)
    if (start >= bytes.length || end < 0) throw new RangeError('cut short')
    return new TextDecoder().decode(bytes.subarray(start, end))
  }

  const wants = new Map<string, string[]>()
  const needs = value(DT.verneed)
  let at = needs === undefined ? 0 : placeOf(needs)
  for (let i = value(DT.verneednum) ?? 0; i > 0; i--) {
    const names: string[] = []
    let name = at + word(at + 8)
    for (let j = half(at + 2); j > 0; j--) {
      names.push(text(word(name + 8)))
      name += word(name + 12)
    }
    wants.set(text(word(at + 4)), names)
    at += word(at + 12)
  }
  const offers: string[] = []
  const defines = value(DT.verdef)
  at = defines === undefined ? 0 : placeOf(defines)
  for (let i = value(DT.verdefnum) ?? 0; i > 0; i--) {
    offers.push(text(word(at + word(at + 12))))
    at += word(at + 16)
  }
  const soname = value(DT.soname)
  return {
    machine: MACHINES[half(18)] ?? `machine ${half(18)}`,
    soname: soname === undefined ? undefined : text(soname),
    needed: dynamic.filter(([tag]) => tag === DT.needed).map(([, offset]) => text(offset)),
    wants,
    offers,
  }
}
