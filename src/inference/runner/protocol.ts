import type { ModelPackage } from '../model-package.js'

/**
 * How evtrackd talks to a runner: a program of its own that computes the two graphs of a model package, on whatever chip
 * and in whatever language. docs/runner.md describes it for its authors.
 *
 * Control: one JSON object a line, requests on the runner's standard input, answers on its standard output, one request
 * at a time. Tensors: in the memory behind file descriptor 3, batch first, packed, little-endian, at the offsets of the
 * handshake. The memory belongs to the runner from a request to its answer and to evtrackd otherwise.
 */
export const PROTOCOL = 1
/** A longer line is no answer. */
export const MAX_LINE_BYTES = 65_536
/** File descriptor of the tensor memory in the runner. */
export const MEMORY_FD = 3
const ALIGN = 64

export const PARTS = ['template', 'search'] as const
export type Part = (typeof PARTS)[number]

export interface TensorPlace {
  readonly name: string
  readonly dtype: 'uint8' | 'float32'
  /** Without the batch. */
  readonly shape: readonly number[]
  /** Where the first item of a batch begins in the memory. */
  readonly offset: number
}

export interface PartPlaces {
  readonly inputs: readonly TensorPlace[]
  /** One after the other in memory, with nothing between but padding. */
  readonly outputs: readonly TensorPlace[]
}

export interface Layout {
  readonly parts: Readonly<Record<Part, PartPlaces>>
  readonly maxBatch: number
  readonly bytes: number
}

/** The first request. */
export interface Hello {
  readonly type: 'hello'
  readonly protocol: number
  readonly package: string
  readonly name: string
  readonly graph: 'int8' | 'fp32'
  readonly files: Readonly<Record<Part, { readonly file: string; readonly sha256: string }>>
  readonly threads: number
  readonly max_batch: number
  readonly deadline_ms: number
  readonly memory_bytes: number
  readonly parts: Readonly<Record<Part, PartPlaces>>
}

export type Request =
  | Hello
  | { readonly type: 'run'; readonly id: number; readonly part: Part; readonly batch: number }
  | { readonly type: 'health'; readonly id: number }
  | { readonly type: 'stop' }

export interface Ready {
  readonly type: 'ready'
  readonly protocol: number
  /** Name and version of the runner, for people. */
  readonly runner: string
  /** What computes, for people. */
  readonly device: string
  /** Hashes of the files as the runner read them. */
  readonly sha256: Readonly<Record<Part, string>>
  /** Largest batch that it takes at once, at most what was offered. */
  readonly max_batch: number
}

export type Answer =
  | Ready
  /** `ms`: what the computation took, without the way here and back. */
  | { readonly type: 'done'; readonly id: number; readonly ms: number }
  | { readonly type: 'health'; readonly id: number; readonly runs: number }
  /** The request could not be done; the runner goes on or ends, as it likes. */
  | { readonly type: 'failed'; readonly id?: number; readonly message: string }

/** Where everything lies for batches of up to `maxBatch`. The parts share the memory: one runs at a time. */
export function layoutOf(pkg: ModelPackage, maxBatch: number): Layout {
  const { spec, manifest } = pkg
  const crop = (side: number) => tensor('crop', 'uint8', [spec.planes.length, side, side])
  const state = manifest.state.map(({ name, shape }) => tensor(name, 'float32', shape))
  const maps = (['score', 'size', 'offset'] as const).map((name) =>
    tensor(`${name}_logit`, 'float32', [name === 'score' ? 1 : 2, spec.mapSize, spec.mapSize]),
  )
  const template = place({ inputs: [crop(spec.templateSize)], outputs: state }, maxBatch)
  const search = place({ inputs: [crop(spec.searchSize), ...state], outputs: maps }, maxBatch)
  return {
    parts: { template: template.places, search: search.places },
    maxBatch,
    bytes: Math.max(template.bytes, search.bytes),
  }
}

/** Bytes of one item of a batch. */
export function bytesOf({ dtype, shape }: Pick<TensorPlace, 'dtype' | 'shape'>): number {
  return shape.reduce((a, b) => a * b, dtype === 'float32' ? 4 : 1)
}

type Unplaced = Omit<TensorPlace, 'offset'>

function tensor(name: string, dtype: TensorPlace['dtype'], shape: readonly number[]): Unplaced {
  return { name, dtype, shape }
}

function place(
  part: { readonly inputs: readonly Unplaced[]; readonly outputs: readonly Unplaced[] },
  maxBatch: number,
): { places: PartPlaces; bytes: number } {
  let bytes = 0
  const next = (one: Unplaced): TensorPlace => {
    const offset = bytes
    bytes += Math.ceil((bytesOf(one) * maxBatch) / ALIGN) * ALIGN
    return { ...one, offset }
  }
  const inputs = part.inputs.map(next)
  return { places: { inputs, outputs: part.outputs.map(next) }, bytes }
}

/** The hello for a package. */
export function helloOf(
  pkg: ModelPackage,
  {
    layout,
    graph,
    threads,
    deadlineMs,
  }: {
    readonly layout: Layout
    readonly graph: 'int8' | 'fp32'
    readonly threads: number
    readonly deadlineMs: number
  },
): Hello {
  const fileOf = (part: Part) => {
    const file = pkg.manifest.graphs[graph][part]
    return { file, sha256: pkg.manifest.files[file]!.sha256 }
  }
  return {
    type: 'hello',
    protocol: PROTOCOL,
    package: pkg.dir,
    name: pkg.spec.name,
    graph,
    files: { template: fileOf('template'), search: fileOf('search') },
    threads,
    max_batch: layout.maxBatch,
    deadline_ms: deadlineMs,
    memory_bytes: layout.bytes,
    parts: layout.parts,
  }
}
