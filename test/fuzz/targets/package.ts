import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { MAX_BYTES, MAX_FILES, readPackageFiles } from '../../../src/daemon/model-archive.js'
import { readGolden } from '../../../src/inference/golden.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { PACKAGE_DIR } from '../../inference/packages.js'
import { type FuzzTarget, finite, promise, refusal } from '../harness.js'
import {
  awkward,
  awkwardText,
  type Json,
  mutateBytes,
  pathsOf,
  toText,
  valueAt,
  withValue,
} from '../mutate.js'

/**
 * Model packages. An input is a list of edits of a good one: [file, path, value] changes a JSON file, [file, byte, value]
 * a binary one, [file, 'cut', bytes] its length. Hashes are made true again, or else every edit would end at them.
 */
type Edit = [file: string, where: (string | number)[] | number | 'cut', value: Json]

const JSON_FILES = ['model.json', 'network.json'] as const
const BINARY_FILES = ['network.bin', 'golden.bin'] as const
/** Their contents are no matter of the package: only their hashes are. */
const GRAPHS = ['template-int8.onnx', 'search-int8.onnx', 'template-fp32.onnx', 'search-fp32.onnx']
const CODES = ['MODEL_INVALID', 'MODEL_UNSUPPORTED'] as const

export function createPackageTarget(): FuzzTarget {
  const dir = join(mkdtempSync(join(tmpdir(), 'evtrackd-fuzz-')), 'package')
  cpSync(PACKAGE_DIR, dir, { recursive: true })
  for (const graph of GRAPHS) writeFileSync(join(dir, graph), '')
  const documents = new Map<string, Json>(
    JSON_FILES.map((name) => [name, JSON.parse(readFileSync(join(dir, name), 'utf8')) as Json]),
  )
  const binaries = new Map(BINARY_FILES.map((name) => [name, readFileSync(join(dir, name))]))
  const written = new Map<string, string>()
  const write = (name: string, content: Uint8Array | string): Json => {
    const bytes = Buffer.from(content)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    if (written.get(name) !== sha256) writeFileSync(join(dir, name), bytes)
    written.set(name, sha256)
    return { sha256, bytes: bytes.length }
  }
  const load = async (edits: readonly Edit[]): Promise<string> => {
    const json = new Map(documents)
    const binary = new Map<string, Buffer>(binaries)
    for (const edit of edits) apply(edit, json, binary)
    let manifest: Json = json.get('model.json') ?? null
    for (const name of ['network.json', ...BINARY_FILES, ...GRAPHS]) {
      const content = json.has(name) ? toText(json.get(name) ?? null) : (binary.get(name) ?? '')
      const path = ['files', name]
      const made = write(name, content)
      if (valueAt(manifest, path) !== undefined) manifest = withValue(manifest, path, made)
    }
    write('model.json', toText(manifest))
    try {
      const pkg = await loadModelPackage(dir)
      finite(pkg.spec, 'spec')
      for (const [name, { shape, data }] of readGolden(pkg)) {
        const wanted = shape.reduce((a, b) => a * b, 1)
        promise(data.length === wanted, `golden ${name} has ${data.length} numbers`)
      }
      return 'good'
    } catch (error) {
      return refusal(error, CODES)
    }
  }
  return {
    name: 'package',
    seeds: [[], [['network.bin', 5, 3]], [['golden.bin', 'cut', 100]]].map(encode),
    mutate(rng, input) {
      const edits = decode(input) ?? []
      if (edits.length > 0 && rng.chance(0.4)) edits.splice(rng.int(edits.length), 1)
      const file = rng.pick([...JSON_FILES, ...JSON_FILES, ...BINARY_FILES])
      const document = documents.get(file)
      if (document === undefined) {
        const size = binaries.get(file as (typeof BINARY_FILES)[number])!.length
        edits.push(
          rng.chance(0.5) ? [file, rng.int(size), rng.int(256)] : [file, 'cut', rng.int(size)],
        )
      } else {
        const all = pathsOf(document)
        // Most of network.json is layers: half of the edits go to what stands once.
        const few = all.filter((path) => path.length < 4)
        const path = [...rng.pick(rng.chance(0.5) ? few : all)]
        if (rng.chance(0.15)) path.push(awkwardText(rng))
        const other = rng.pick(all).reduce<Json>((at, key) => (at as never)[key], document)
        edits.push([file, path, rng.chance(0.3) ? other : awkward(rng)])
      }
      return encode(edits.slice(-6))
    },
    async run(input) {
      const edits = decode(input)
      if (edits === undefined) return 'no edits'
      const outcome = await load(edits)
      return outcome
    },
    close: async () => rmSync(join(dir, '..'), { recursive: true, force: true }),
  }
}

function apply(edit: Edit, json: Map<string, Json>, binary: Map<string, Buffer>): void {
  const [file, where, value] = edit
  const document = json.get(file)
  const bytes = binary.get(file)
  if (document !== undefined && Array.isArray(where)) {
    json.set(file, withValue(document, where, value === '(gone)' ? undefined : value))
  } else if (bytes !== undefined && typeof value === 'number') {
    if (where === 'cut') binary.set(file, bytes.subarray(0, value))
    else if (typeof where === 'number' && where < bytes.length) {
      const copy = Buffer.from(bytes)
      copy[where] = value
      binary.set(file, copy)
    }
  }
}

function encode(edits: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(edits))
}

function decode(input: Uint8Array): Edit[] | undefined {
  try {
    const edits: unknown = JSON.parse(Buffer.from(input).toString())
    const isEdit = (edit: unknown) => Array.isArray(edit) && edit.length === 3
    return Array.isArray(edits) && edits.every(isEdit) ? (edits as Edit[]) : undefined
  } catch {
    return undefined
  }
}

/** What `model install` is given: a tar, plain or gzip. */
export function createArchiveTarget(): FuzzTarget {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-fuzz-'))
  const path = join(dir, 'input')
  const tar = Buffer.concat([
    tarEntry('small/', '5', ''),
    tarEntry('small/model.json', '0', '{"name":"small"}'),
    tarEntry('small/graph.onnx', '0', 'x'.repeat(700)),
    Buffer.alloc(1024),
  ])
  const extended = Buffer.concat([
    tarEntry('PaxHeader', 'x', '30 mtime=1700000000.123456789\n'),
    tarEntry('model.json', '0', '{}'),
    Buffer.alloc(1024),
  ])
  const link = Buffer.concat([tarEntry('model.json', '2', ''), Buffer.alloc(1024)])
  return {
    name: 'archive',
    seeds: [tar, extended, link, gzipSync(tar), gzipSync(Buffer.alloc(8_000_000))],
    mutate(rng, input, pool) {
      const zipped = input[0] === 0x1f && rng.chance(0.5)
      const changed = Buffer.from(mutateBytes(rng, zipped ? tar : input, { pool, tokens: TOKENS }))
      if (rng.chance(0.8)) trueSums(changed)
      return rng.chance(0.2) ? gzipSync(changed) : changed
    },
    run(input) {
      writeFileSync(path, input)
      try {
        const files = readPackageFiles(path)
        promise(files.size <= MAX_FILES, `${files.size} files`)
        let bytes = 0
        for (const [name, content] of files) {
          promise(/^[A-Za-z0-9][\w.-]*$/.test(name) && name.length <= 100, `a file ${name}`)
          bytes += content.length
        }
        promise(bytes <= MAX_BYTES, `${bytes} bytes`)
        return `${files.size} files`
      } catch (error) {
        return refusal(error, ['MODEL_INVALID'])
      }
    },
    close: async () => rmSync(dir, { recursive: true, force: true }),
  }
}

function tarEntry(name: string, type: string, content: string): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0, 'latin1')
  header.write('0000644\0', 100, 'latin1')
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  header.write(type, 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  setSum(header)
  const body = Buffer.alloc(Math.ceil(content.length / 512) * 512)
  body.write(content, 'latin1')
  return Buffer.concat([header, body])
}

function setSum(header: Buffer): void {
  header.fill(0x20, 148, 156)
  const sum = header.reduce((a, b) => a + b, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
}

function trueSums(tar: Buffer): void {
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    if (tar.toString('latin1', at + 257, at + 262) === 'ustar') setSum(tar.subarray(at, at + 512))
  }
}

const TOKENS = [
  ...[
    'ustar\x0000',
    '../',
    '/etc/',
    '.hidden',
    '00000000000\0',
    '77777777777\0',
    '5',
    '2',
    '1',
    'x',
    'g',
    'L',
  ],
  ...['22 path=../evil.json\n', '18 size=9999999999\n', '\0'.repeat(512), '\x80\0\0\0\0\0\0\x01'],
].map((text) => Buffer.from(text, 'latin1'))
