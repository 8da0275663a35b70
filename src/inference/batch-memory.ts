import type { ModelPackage } from './model-package.js'
import type { SearchMaps, TemplateState, TrackerSession } from './tracker-session.js'

/** How large the parts of one target are in a batch that several threads share. */
export interface TargetLayout {
  readonly cropBytes: number
  /** Tensors of a template state, in order, in float32 elements. */
  readonly state: readonly { readonly name: string; readonly length: number }[]
  readonly stateLength: number
  /** Cells of one map plane; a target has five: score, width, height, offset x, offset y. */
  readonly cells: number
}

/** One search of a batch, as it is told to every lane. The batch itself lies in the shared memory. */
export interface SearchJob {
  /** Counts jobs, modulo 2^19. */
  readonly id: number
  readonly batch: number
  /** Targets that a lane takes at a time. */
  readonly chunk: number
}

const PLANES = 5
const CLAIM = 0
const DONE = 1
const HEADER_BYTES = 8
/** Bits of the claim word that hold the next free target; the job's id has the rest. */
const INDEX_BITS = 12
const INDEX_MASK = (1 << INDEX_BITS) - 1
/** In place of the next target while the batch is still being put down. */
const PREPARING = INDEX_MASK
export const MAX_BATCH = PREPARING - 1
export const JOB_IDS = 1 << 19

export function targetLayout(pkg: ModelPackage): TargetLayout {
  const { planes, searchSize, mapSize } = pkg.spec
  const state = pkg.manifest.state.map(({ name, shape }) => ({
    name,
    length: shape.reduce((a, b) => a * b, 1),
  }))
  return {
    cropBytes: planes.length * searchSize ** 2,
    state,
    stateLength: state.reduce((sum, { length }) => sum + length, 0),
    cells: mapSize ** 2,
  }
}

/**
 * A batch in shared memory: crops, template states and maps of up to `capacity` targets, and two words that hand the
 * targets out. A claim names its job, so that a lane which wakes up late can take nothing from the job after.
 */
export class BatchMemory {
  readonly buffer: SharedArrayBuffer
  readonly capacity: number
  readonly #layout: TargetLayout
  readonly #words: Int32Array
  readonly #states: Float32Array
  readonly #maps: Float32Array
  readonly #crops: Uint8Array

  private constructor(layout: TargetLayout, buffer: SharedArrayBuffer) {
    const { stateLength, cells } = layout
    const capacity = Math.floor((buffer.byteLength - HEADER_BYTES) / bytesPerTarget(layout))
    this.#layout = layout
    this.buffer = buffer
    this.capacity = capacity
    this.#words = new Int32Array(buffer, 0, 2)
    this.#states = new Float32Array(buffer, HEADER_BYTES, stateLength * capacity)
    const mapsAt = HEADER_BYTES + this.#states.byteLength
    this.#maps = new Float32Array(buffer, mapsAt, PLANES * cells * capacity)
    this.#crops = new Uint8Array(buffer, mapsAt + this.#maps.byteLength)
  }

  static allocate(layout: TargetLayout, capacity: number): BatchMemory {
    const bytes = HEADER_BYTES + bytesPerTarget(layout) * capacity
    return new BatchMemory(layout, new SharedArrayBuffer(bytes))
  }

  static attach(layout: TargetLayout, buffer: SharedArrayBuffer): BatchMemory {
    return new BatchMemory(layout, buffer)
  }

  /** Announces a job, so that lanes can be woken while the batch is put down. Nobody may still work on the one before. */
  prepare(job: SearchJob): void {
    Atomics.store(this.#words, DONE, 0)
    Atomics.store(this.#words, CLAIM, (job.id << INDEX_BITS) | PREPARING)
  }

  /** Puts the batch of a prepared job down and hands it out. */
  open(job: SearchJob, crops: Uint8Array, templates: readonly TemplateState[]): void {
    const { cropBytes, state } = this.#layout
    this.#crops.set(crops.subarray(0, cropBytes * job.batch))
    let at = 0
    for (const template of templates) {
      for (const { name, length } of state) {
        this.#states.set(template.tensors[name] as Float32Array, at)
        at += length
      }
    }
    this.#release(job.id << INDEX_BITS)
  }

  /** No target of this job is free any more. */
  cancel(job: SearchJob): void {
    this.#release((job.id << INDEX_BITS) | MAX_BATCH)
  }

  /**
   * The first of the next targets of this job, up to `chunk` of them, or undefined when all are taken. Blocks while the
   * job is being prepared, which takes microseconds.
   */
  claim(job: SearchJob): number | undefined {
    for (;;) {
      const word = Atomics.load(this.#words, CLAIM)
      const first = word & INDEX_MASK
      if (word >>> INDEX_BITS !== job.id) return undefined
      if (first === PREPARING) {
        Atomics.wait(this.#words, CLAIM, word)
        continue
      }
      if (first >= job.batch) return undefined
      const taken = (job.id << INDEX_BITS) | Math.min(first + job.chunk, job.batch)
      if (Atomics.compareExchange(this.#words, CLAIM, word, taken) === word) return first
    }
  }

  /** Copies of a target's inputs, because ONNX Runtime does not read shared memory. */
  read(target: number, crop: Uint8Array, state: Float32Array): void {
    const { cropBytes, stateLength } = this.#layout
    crop.set(this.#crops.subarray(target * cropBytes, (target + 1) * cropBytes))
    state.set(this.#states.subarray(target * stateLength, (target + 1) * stateLength))
  }

  /** Writes the maps of targets `first`, `first` + 1, … and counts them as done. */
  write(first: number, maps: SearchMaps): void {
    const { cells } = this.#layout
    const { capacity } = this
    this.#maps.set(maps.score, first * cells)
    this.#maps.set(maps.size, (capacity + 2 * first) * cells)
    this.#maps.set(maps.offset, (3 * capacity + 2 * first) * cells)
    Atomics.add(this.#words, DONE, maps.batch)
    Atomics.notify(this.#words, DONE)
  }

  /** Whether all targets of the job are written; blocks for up to `waitMs` until they are. */
  isDone(job: SearchJob, waitMs: number): boolean {
    const until = performance.now() + waitMs
    for (;;) {
      const done = Atomics.load(this.#words, DONE)
      if (done === job.batch) return true
      const leftMs = until - performance.now()
      if (leftMs <= 0) return false
      Atomics.wait(this.#words, DONE, done, leftMs)
    }
  }

  /** Copies the maps of the first `maps.batch` targets. */
  copyMaps(maps: SearchMaps): void {
    const { cells } = this.#layout
    const { capacity } = this
    const from = (plane: number, length: number) =>
      this.#maps.subarray(plane * capacity * cells, plane * capacity * cells + length)
    maps.score.set(from(0, maps.score.length))
    maps.size.set(from(1, maps.size.length))
    maps.offset.set(from(3, maps.offset.length))
  }

  #release(word: number): void {
    Atomics.store(this.#words, CLAIM, word)
    Atomics.notify(this.#words, CLAIM)
  }
}

/** Empty maps of a batch. */
export function allocateMaps(batch: number, mapSize: number): SearchMaps {
  const cells = batch * mapSize ** 2
  return {
    batch,
    mapSize,
    score: new Float32Array(cells),
    size: new Float32Array(2 * cells),
    offset: new Float32Array(2 * cells),
  }
}

/** Takes targets of jobs from a batch memory and searches them with a session of its own thread. */
export class LaneWork {
  readonly #layout: TargetLayout
  readonly #session: TrackerSession
  #crops = new Uint8Array(0)
  #state = new Float32Array(0)

  constructor(session: TrackerSession, layout: TargetLayout) {
    this.#session = session
    this.#layout = layout
  }

  /** Resolves with the number of targets it took, when none is left. One call at a time. */
  async run(memory: BatchMemory, job: SearchJob): Promise<number> {
    const { cropBytes, state, stateLength } = this.#layout
    if (this.#crops.length < cropBytes * job.chunk) {
      this.#crops = new Uint8Array(cropBytes * job.chunk)
      this.#state = new Float32Array(stateLength * job.chunk)
    }
    let taken = 0
    for (let first = memory.claim(job); first !== undefined; first = memory.claim(job)) {
      const count = Math.min(job.chunk, job.batch - first)
      const templates: TemplateState[] = []
      for (let i = 0; i < count; i++) {
        const own = this.#state.subarray(i * stateLength, (i + 1) * stateLength)
        memory.read(first + i, this.#crops.subarray(i * cropBytes, (i + 1) * cropBytes), own)
        const tensors: Record<string, Float32Array> = {}
        let at = 0
        for (const { name, length } of state) tensors[name] = own.subarray(at, (at += length))
        templates.push({ tensors })
      }
      const crops = this.#crops.subarray(0, count * cropBytes)
      memory.write(first, await this.#session.search(crops, templates))
      taken += count
    }
    return taken
  }
}

function bytesPerTarget({ cropBytes, stateLength, cells }: TargetLayout): number {
  return cropBytes + 4 * (stateLength + PLANES * cells)
}
