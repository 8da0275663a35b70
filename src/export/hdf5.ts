import { open } from 'node:fs/promises'
import { EvtrackError } from '../events/errors.js'
import { cannotWrite } from './errors.js'

/** A dataset to write. No shape means a scalar. Text is variable-length UTF-8. */
export type Hdf5Value =
  | { readonly text: string | readonly string[]; readonly shape?: readonly number[] }
  | {
      readonly data: Float32Array | Int32Array | BigInt64Array | Uint8Array | Int8Array
      readonly shape: readonly number[]
    }

export interface Hdf5Group {
  readonly [name: string]: Hdf5Value | Hdf5Group
}

/** A dataset that was read: numbers as they are stored, text as strings; scalars as arrays of one. */
export interface Hdf5Read {
  readonly shape: readonly number[]
  readonly values:
    | Float32Array
    | Float64Array
    | Int8Array
    | Uint8Array
    | Int16Array
    | Int32Array
    | BigInt64Array
    | readonly string[]
}

type Library = typeof import('h5wasm/node')
type Group = InstanceType<Library['Group']>

let loading: Promise<Library> | undefined

/** @throws EvtrackError EXPORT_UNAVAILABLE where the package is not installed, as on a board. */
async function library(): Promise<Library> {
  loading ??= import('h5wasm/node').then(async (loaded) => {
    // Without it a failed write is printed, page by page, and goes on.
    const module = await loaded.ready
    module.activate_throwing_error_handler()
    return loaded
  })
  try {
    return await loading
  } catch (cause) {
    loading = undefined
    throw hdf5Unavailable(cause)
  }
}

export function hdf5Unavailable(cause: unknown): EvtrackError {
  return new EvtrackError(
    'EXPORT_UNAVAILABLE',
    'The library for HDF5 files (h5wasm) is not installed here.',
    {
      next: 'Export and verify where the checkout is: the package for boards leaves this library out.',
      cause,
    },
  )
}

/** Arrays larger than this are compressed, in one chunk for each index of the first axis or the whole where it is small. */
const COMPRESS_FROM = 1024
const CHUNK_VALUES = 1 << 20

/** @throws EvtrackError EXPORT_UNAVAILABLE, CONFIG_INVALID where the disk is full; RangeError for content that is no HDF5. */
export async function writeHdf5(path: string, content: Hdf5Group): Promise<void> {
  const { File } = await library()
  try {
    const file = new File(path, 'w')
    try {
      writeGroup(file, content)
      file.flush()
    } finally {
      file.close()
    }
  } catch (error) {
    const [, reason] = /error message = '([^']+)'/.exec(String(error)) ?? []
    throw reason === undefined ? error : cannotWrite(path, reason, error)
  }
}

function writeGroup(group: Group, content: Hdf5Group): void {
  for (const [name, value] of Object.entries(content)) {
    if (name === '' || name.includes('/')) throw new RangeError(`"${name}" is no HDF5 link name`)
    if (isValue(value)) writeDataset(group, name, value)
    else writeGroup(group.create_group(name), value)
  }
}

function isValue(value: Hdf5Value | Hdf5Group): value is Hdf5Value {
  // Groups may be called text or data too.
  const { text, data } = value as { readonly text?: unknown; readonly data?: unknown }
  return typeof text === 'string' || Array.isArray(text) || ArrayBuffer.isView(data)
}

function writeDataset(group: Group, name: string, value: Hdf5Value): void {
  const created =
    'text' in value
      ? group.create_dataset({
          name,
          data: value.text as string | string[],
          shape: [...(value.shape ?? [])],
          dtype: 'S',
        })
      : writeNumbers(group, name, value)
  // A failed creation says so by returning nothing, without an exception.
  if (!created) throw new RangeError(`dataset ${name} could not be created`)
}

function writeNumbers(
  group: Group,
  name: string,
  { data, shape }: Extract<Hdf5Value, { readonly data: unknown }>,
) {
  const count = shape.reduce((a, b) => a * b, 1)
  if (count !== data.length) {
    throw new RangeError(`dataset ${name} has ${data.length} values, expected ${count}`)
  }
  const common = { name, data, shape: [...shape], dtype: dtypeOf(data) }
  if (count < COMPRESS_FROM) return group.create_dataset(common)
  const chunks = [...shape]
  for (let axis = 0; axis < chunks.length && product(chunks) > CHUNK_VALUES; axis++) {
    chunks[axis] = Math.max(1, Math.floor(chunks[axis]! / (product(chunks) / CHUNK_VALUES)))
  }
  return group.create_dataset({ ...common, chunks, compression: 'gzip', compression_opts: 4 })
}

const product = (numbers: readonly number[]) => numbers.reduce((a, b) => a * b, 1)

function dtypeOf(data: ArrayBufferView): string {
  if (data instanceof Float32Array) return '<f'
  if (data instanceof Int32Array) return '<i'
  if (data instanceof BigInt64Array) return '<q'
  return data instanceof Int8Array ? '<b' : '<B'
}

/**
 * Every dataset of a file by its path (`/node/edges`).
 * @throws EvtrackError EXPORT_UNAVAILABLE; RangeError for a file that is no HDF5 or holds other kinds of values.
 */
export async function readHdf5(path: string): Promise<Map<string, Hdf5Read>> {
  const { File, Group } = await library()
  await expectSignature(path)
  const found = new Map<string, Hdf5Read>()
  const visit = (group: Group, prefix: string) => {
    for (const name of group.keys()) {
      const entry = group.get(name)
      if (entry instanceof Group) visit(entry, `${prefix}/${name}`)
      else found.set(`${prefix}/${name}`, readDataset(`${prefix}/${name}`, entry))
    }
  }
  try {
    const file = new File(path, 'r')
    try {
      visit(file, '')
    } finally {
      file.close()
    }
  } catch (cause) {
    // The library's own errors are pages about its insides.
    throw cause instanceof RangeError ? cause : new RangeError(`${path} is damaged`, { cause })
  }
  return found
}

const SIGNATURE = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1')

/** Looked at first: that a file is missing or of another kind is worth its own words. */
async function expectSignature(path: string): Promise<void> {
  const start = Buffer.alloc(SIGNATURE.length)
  try {
    const file = await open(path, 'r')
    try {
      await file.read(start, 0, start.length, 0)
    } finally {
      await file.close()
    }
  } catch (cause) {
    throw new RangeError(`${path} cannot be read`, { cause })
  }
  if (!start.equals(SIGNATURE)) throw new RangeError(`${path} is no HDF5 file`)
}

function readDataset(path: string, entry: unknown): Hdf5Read {
  const dataset = entry as { readonly shape?: number[] | null; readonly value?: unknown }
  const { value } = dataset
  const shape = dataset.shape ?? []
  if (typeof value === 'string') return { shape, values: [value] }
  if (typeof value === 'number') return { shape, values: Float64Array.of(value) }
  if (typeof value === 'bigint') return { shape, values: BigInt64Array.of(value) }
  if (Array.isArray(value)) return { shape, values: (value as unknown[]).flat(8).map(String) }
  if (ArrayBuffer.isView(value)) return { shape, values: value as Float32Array }
  throw new RangeError(`${path} holds neither numbers nor text`)
}
