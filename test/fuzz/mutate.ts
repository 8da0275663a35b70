import type { Rng } from '../../src/sources/scene/rng.js'

/** Changes that tend to reach past the first check: numbers at their limits, pieces that are moved, keys that collide. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type Path = readonly (string | number)[]

/** Where integers of 8, 16, 31, 32, 53 and 64 bits end, and what no integer is. */
const NUMBERS: readonly number[] = [
  0,
  1,
  -1,
  2,
  3,
  4,
  7,
  8,
  15,
  16,
  63,
  64,
  127,
  128,
  255,
  256,
  257,
  259,
  260,
  345,
  346,
  1023,
  1024,
  4095,
  4096,
  32767,
  32768,
  65535,
  65536,
  2 ** 24,
  2 ** 26,
  2 ** 30,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 63,
  -128,
  -32768,
  -(2 ** 31),
  -(2 ** 53),
  0.5,
  -0.5,
  1e-9,
  1e-300,
  1e300,
  -1e300,
]

/** Names that mean something to JavaScript, paths, and texts that are hard on parsers. */
const TEXTS: readonly string[] = [
  '',
  ' ',
  '0',
  '-1',
  '1e999',
  'NaN',
  'null',
  'true',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  '..',
  '../../etc/passwd',
  '/dev/zero',
  '/',
  '%00',
  '\0',
  '\ud800',
  'ä\u0301\u202e',
  '<script>',
  '+/#',
  '$SYS/broker',
  'a\nb',
  '\r\n\r\n',
  "'",
  '"',
  '\\',
  '{"a":',
  '[[[[[[[[',
  '(deep)',
]

export function awkwardNumber(rng: Rng): number {
  return rng.chance(0.8) ? rng.pick(NUMBERS) : rng.int(2 ** 32) - 2 ** 31
}

export function awkwardText(rng: Rng): string {
  if (rng.chance(0.1)) return rng.pick(TEXTS).repeat(1 + rng.int(2000))
  return rng.pick(TEXTS)
}

function nested(rng: Rng): Json {
  let value: Json = rng.chance(0.5) ? [] : {}
  const asList = rng.chance(0.5)
  const depth = rng.chance(0.1) ? 1 + rng.int(300) : 1 + rng.int(20)
  for (let i = 0; i < depth; i++) value = asList ? [value] : { a: value }
  return value
}

export function awkward(rng: Rng): Json {
  switch (rng.int(8)) {
    case 0:
      return null
    case 1:
      return rng.chance(0.5)
    case 2:
    case 3:
    case 4:
      return awkwardNumber(rng)
    case 5:
    case 6:
      return awkwardText(rng)
    default:
      return nested(rng)
  }
}

/** Where there is a value, the root ([]) included; at most `most`, so that a large document stays cheap. */
export function pathsOf(value: Json, most = 4000): Path[] {
  const found: Path[] = [[]]
  const visit = (at: Json, path: Path) => {
    if (at === null || typeof at !== 'object' || path.length > 12) return
    for (const key of Object.keys(at)) {
      if (found.length >= most) return
      const next = [...path, Array.isArray(at) ? Number(key) : key]
      found.push(next)
      visit((at as Record<string, Json>)[key]!, next)
    }
  }
  visit(value, [])
  return found
}

export function valueAt(value: Json, path: Path): Json | undefined {
  let at: Json | undefined = value
  for (const key of path) {
    if (at === null || typeof at !== 'object' || !Object.hasOwn(at, key)) return undefined
    at = (at as Record<string | number, Json>)[key]
  }
  return at
}

/** A copy in which the value at `path` is another one, or gone where `to` is undefined. Shares what it can. */
export function withValue(value: Json, path: Path, to: Json | undefined): Json {
  const [key, ...rest] = path
  if (key === undefined) return to ?? null
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) {
    const at = Number(key)
    const items = [...value]
    if (rest.length === 0 && to === undefined) items.splice(at, 1)
    else items[at] = withValue(items[at] ?? null, rest, to)
    return items
  }
  const entries = Object.entries(value).filter(([name]) => name !== String(key))
  if (rest.length === 0 && to === undefined) return Object.fromEntries(entries)
  const inner = Object.hasOwn(value, key) ? value[key]! : null
  // Not an assignment: `__proto__` must become a key, as JSON.parse makes it one.
  return Object.fromEntries([...entries, [String(key), withValue(inner, rest, to)]])
}

/** Stands for a value nested deeper than JSON.stringify can write. */
const DEEP = '(deep)'
const DEPTH = 8000

/** JSON, but numbers too large for it, and values nested very deep, where their names stand. */
export function toText(value: Json): string {
  return JSON.stringify(value)
    .replaceAll('"1e999"', '1e999')
    .replace(`"${DEEP}"`, '['.repeat(DEPTH) + ']'.repeat(DEPTH))
}

/** One to three changes of a document. */
export function mutateJson(rng: Rng, value: Json): Json {
  let changed = value
  for (let i = 1 + rng.int(3); i > 0; i--) {
    const paths = pathsOf(changed)
    const path = rng.pick(paths)
    const at = valueAt(changed, path)
    switch (rng.int(6)) {
      case 0:
        changed = withValue(changed, path, undefined)
        break
      case 1: {
        // The same value under a name that is not its own.
        const isTable = at !== null && typeof at === 'object' && !Array.isArray(at)
        changed = withValue(changed, isTable ? [...path, awkwardText(rng)] : path, awkward(rng))
        break
      }
      case 2:
        if (Array.isArray(at) && at.length > 0)
          changed = withValue(changed, path, [...at, rng.pick(at)])
        else changed = withValue(changed, path, awkward(rng))
        break
      case 3:
        changed = withValue(changed, path, valueAt(changed, rng.pick(paths)))
        break
      case 4:
        if (typeof at === 'number') {
          changed = withValue(changed, path, rng.chance(0.5) ? at + rng.int(5) - 2 : -at)
          break
        }
        changed = withValue(changed, path, awkward(rng))
        break
      default:
        changed = withValue(changed, path, awkward(rng))
    }
  }
  return changed
}

export interface ByteMutation {
  /** Other inputs, to be spliced in. */
  readonly pool: readonly Uint8Array[]
  /** Pieces that mean something to the target. */
  readonly tokens?: readonly Uint8Array[]
  readonly maxBytes?: number
}

/** One to eight changes of bytes. */
export function mutateBytes(rng: Rng, input: Uint8Array, options: ByteMutation): Uint8Array {
  const { pool, tokens = [], maxBytes = 65_536 } = options
  let bytes = Buffer.from(input)
  for (let i = 1 << rng.int(4); i > 0; i--) {
    const at = rng.int(bytes.length + 1)
    switch (rng.int(10)) {
      case 0:
        if (at < bytes.length) bytes[at]! ^= 1 << rng.int(8)
        break
      case 1:
        if (at < bytes.length) bytes[at] = rng.int(256)
        break
      case 2:
      case 3:
        putNumber(rng, bytes, at)
        break
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + rng.int(64))])
        break
      case 5: {
        const piece = bytes.subarray(at, at + 1 + rng.int(256))
        const copies = rng.chance(0.1) ? 1 + rng.int(64) : 1
        const all = Array.from({ length: copies }, () => piece)
        bytes = Buffer.concat([bytes.subarray(0, at), ...all, bytes.subarray(at)])
        break
      }
      case 6:
        if (rng.chance(0.3)) bytes = bytes.subarray(0, at)
        break
      case 7: {
        const other = rng.pick(pool)
        const from = rng.int(other.length + 1)
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          other.subarray(from, from + 1 + rng.int(512)),
          bytes.subarray(at + (rng.chance(0.5) ? rng.int(512) : 0)),
        ])
        break
      }
      default: {
        const token = tokens.length === 0 ? Buffer.from([rng.int(256)]) : rng.pick(tokens)
        const over = rng.chance(0.5) ? token.length : 0
        bytes = Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(at + over)])
      }
    }
  }
  return bytes.subarray(0, maxBytes)
}

function putNumber(rng: Rng, bytes: Buffer, at: number): void {
  const value = Math.trunc(awkwardNumber(rng))
  const width = rng.pick([1, 2, 4])
  if (at + width > bytes.length) return
  const wrapped = ((value % 2 ** 32) + 2 ** 32) % 2 ** 32
  if (width === 1) bytes[at] = wrapped & 0xff
  else if (width === 2) bytes.writeUInt16LE(wrapped & 0xffff, at)
  else bytes.writeUInt32LE(wrapped, at)
}
