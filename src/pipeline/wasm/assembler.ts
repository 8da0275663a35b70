/**
 * A small WebAssembly assembler: enough to write the pipeline's inner loops as expressions and to have them run without
 * bounds checks and with SIMD. An expression is the list of its bytes, so composing expressions is concatenation; the
 * stack machine takes care of the rest. Opcodes: WebAssembly core specification 2.0, chapter 5 (binary format).
 */
export type Code = readonly number[]
export type ValueType = 'i32' | 'v128'

const TYPE_CODE: Readonly<Record<ValueType, number>> = { i32: 0x7f, v128: 0x7b }
const NO_RESULT = 0x40

export function unsignedLeb(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  do {
    const low = rest % 128
    rest = Math.floor(rest / 128)
    bytes.push(rest > 0 ? low | 0x80 : low)
  } while (rest > 0)
  return bytes
}

/** Signed 32-bit. */
export function signedLeb(value: number): number[] {
  const bytes: number[] = []
  let rest = value | 0
  for (;;) {
    const low = rest & 0x7f
    rest >>= 7
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
    bytes.push(done ? low : low | 0x80)
    if (done) return bytes
  }
}

type Operation = (...operands: Code[]) => Code
const plain =
  (opcode: number): Operation =>
  (...operands) => [...operands.flat(), opcode]
const simd =
  (opcode: number): Operation =>
  (...operands) => [...operands.flat(), 0xfd, ...unsignedLeb(opcode)]

type Load = (address: Code, offset?: number) => Code
type Store = (address: Code, value: Code, offset?: number) => Code
const load =
  (prefix: Code, align: number): Load =>
  (address, offset = 0) => [...address, ...prefix, align, ...unsignedLeb(offset)]
const store =
  (prefix: Code, align: number): Store =>
  (address, value, offset = 0) => [...address, ...value, ...prefix, align, ...unsignedLeb(offset)]

export const constant = (value: number): Code => [0x41, ...signedLeb(value)]

export const i32 = {
  eqz: plain(0x45),
  ltU: plain(0x49),
  add: plain(0x6a),
  sub: plain(0x6b),
  mul: plain(0x6c),
  and: plain(0x71),
  or: plain(0x72),
  shl: plain(0x74),
  shrS: plain(0x75),
  shrU: plain(0x76),
  load: load([0x28], 2),
  load8S: load([0x2c], 0),
  load8U: load([0x2d], 0),
  load16U: load([0x2f], 1),
  store: store([0x36], 2),
  store8: store([0x3a], 0),
  store16: store([0x3b], 1),
} as const

export const v128 = {
  load: load([0xfd, 0x00], 0),
  store: store([0xfd, 0x0b], 0),
  zero: [0xfd, 0x0c, ...new Array<number>(16).fill(0)] as Code,
  splatF32: simd(0x13),
  eqI8: simd(0x23),
  andNot: simd(0x4f),
  narrowI16: simd(0x66),
  subI8: simd(0x71),
  addSaturatingU8: simd(0x70),
  narrowI32: simd(0x85),
  extendLowU8: simd(0x89),
  extendHighU8: simd(0x8a),
  extendLowU16: simd(0xa9),
  extendHighU16: simd(0xaa),
  addF32: simd(0xe4),
  mulF32: simd(0xe6),
  pminF32: simd(0xea),
  truncateF32: simd(0xf8),
  convertI32: simd(0xfa),
} as const

export interface Local {
  readonly get: Code
  set(value: Code): Code
}

export interface WasmFunction {
  readonly name: string
  /** All i32. */
  readonly params: readonly string[]
  /** What the body leaves on the stack; nothing if absent. */
  readonly result?: ValueType
  readonly locals: Readonly<Record<string, ValueType>>
  body(local: (name: string) => Local): readonly Code[]
}

/** Runs `body` while `condition` is not 0, tested first. */
export function whileLoop(condition: Code, body: readonly Code[]): Code {
  return [
    ...[0x02, NO_RESULT, 0x03, NO_RESULT],
    ...[...condition, 0x45, 0x0d, 1],
    ...body.flat(),
    ...[0x0c, 0, 0x0b, 0x0b],
  ]
}

export function when(condition: Code, body: readonly Code[]): Code {
  return [...condition, 0x04, NO_RESULT, ...body.flat(), 0x0b]
}

const section = (id: number, content: Code): Code => [
  id,
  ...unsignedLeb(content.length),
  ...content,
]
const vector = (items: readonly Code[]): Code => [...unsignedLeb(items.length), ...items.flat()]
const text = (value: string): Code => {
  const bytes = [...new TextEncoder().encode(value)]
  return [...unsignedLeb(bytes.length), ...bytes]
}

function functionBody(definition: WasmFunction): Code {
  const names = [...definition.params, ...Object.keys(definition.locals)]
  const local = (name: string): Local => {
    const index = names.indexOf(name)
    if (index < 0) throw new Error(`kernel ${definition.name} has no local named ${name}`)
    return {
      get: [0x20, ...unsignedLeb(index)],
      set: (value) => [...value, 0x21, ...unsignedLeb(index)],
    }
  }
  const declared = Object.values(definition.locals).map((type) => [1, TYPE_CODE[type]])
  const code = [...vector(declared), ...definition.body(local).flat(), 0x0b]
  return [...unsignedLeb(code.length), ...code]
}

/** A module that exports its functions by name and a memory of fixed size, in 64 KiB pages, as `memory`. */
export function assemble(functions: readonly WasmFunction[], pages: number): Uint8Array {
  const types = functions.map((f) => [
    0x60,
    ...vector(f.params.map(() => [TYPE_CODE.i32])),
    ...vector(f.result === undefined ? [] : [[TYPE_CODE[f.result]]]),
  ])
  const exports = functions.map((f, i) => [...text(f.name), 0x00, ...unsignedLeb(i)])
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(3, vector(functions.map((_, i) => unsignedLeb(i)))),
    ...section(5, [1, 0x01, ...unsignedLeb(pages), ...unsignedLeb(pages)]),
    ...section(7, vector([...exports, [...text('memory'), 0x02, 0]])),
    ...section(10, vector(functions.map(functionBody))),
  ])
}
