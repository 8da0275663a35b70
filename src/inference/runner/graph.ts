import type { OnnxGraph, TensorData, TensorInfo, TensorInput } from '../onnx.js'
import type { MemoryFile } from './memory-file.js'
import type { Plausible } from './plausible.js'
import type { RunnerProcess } from './process.js'
import { bytesOf, type Layout, type Part, type TensorPlace } from './protocol.js'

/** What the two graphs of a runner have in common. */
export interface RunnerLink {
  readonly process: RunnerProcess
  readonly memory: MemoryFile
  readonly layout: Layout
  /** Largest batch that the runner takes at once. */
  maxBatch: number
  /** For each request: long until the runner has shown what it can, then what a window can wait for. */
  deadlineMs: number
  /** One request at a time, whichever graph it is for. */
  previous: Promise<unknown>
  ids: number
  /** Milliseconds that the runner says its newest run took. */
  computeMs: number
}

/** One graph of a runner. A batch beyond what it takes at once is split. */
export class RunnerGraph implements OnnxGraph {
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
  readonly #link: RunnerLink
  readonly #part: Part
  readonly #plausible: Plausible
  /** Not a number, whatever dtype: what the runner leaves unwritten is found out. */
  readonly #unwritten: Uint8Array

  constructor(link: RunnerLink, part: Part, plausible: Plausible) {
    const { inputs, outputs } = link.layout.parts[part]
    const info = ({ name, dtype, shape }: TensorPlace) => ({
      name,
      dtype,
      shape: ['batch', ...shape],
    })
    this.inputs = inputs.map(info)
    this.outputs = outputs.map(info)
    this.#link = link
    this.#part = part
    this.#plausible = plausible
    const last = outputs.at(-1)!
    const end = last.offset + bytesOf(last) * link.layout.maxBatch
    this.#unwritten = new Uint8Array(end - outputs[0]!.offset).fill(0xff)
  }

  run(feeds: Readonly<Record<string, TensorInput>>): Promise<Record<string, TensorData>> {
    const link = this.#link
    const result = link.previous.then(() => this.#runBatch(feeds))
    link.previous = result.catch(() => {})
    return result
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  async #runBatch(
    feeds: Readonly<Record<string, TensorInput>>,
  ): Promise<Record<string, TensorData>> {
    const batch = feeds['crop']!.dims[0]!
    const { outputs } = this.#link.layout.parts[this.#part]
    const results: Record<string, Float32Array> = {}
    for (const place of outputs) {
      results[place.name] = new Float32Array((bytesOf(place) / 4) * batch)
    }
    const { maxBatch } = this.#link
    for (let first = 0; first < batch; first += maxBatch) {
      await this.#runSome(feeds, { first, count: Math.min(maxBatch, batch - first), results })
    }
    return results
  }

  async #runSome(
    feeds: Readonly<Record<string, TensorInput>>,
    {
      first,
      count,
      results,
    }: {
      readonly first: number
      readonly count: number
      readonly results: Readonly<Record<string, Float32Array>>
    },
  ): Promise<void> {
    const { process, memory, layout, deadlineMs } = this.#link
    const { inputs, outputs } = layout.parts[this.#part]
    // Nobody is there to write for, and the memory may be gone.
    if (process.failure !== undefined) throw process.failure
    for (const place of inputs) {
      const { data } = feeds[place.name]!
      const each = bytesOf(place) / data.BYTES_PER_ELEMENT
      memory.write(data.subarray(first * each, (first + count) * each), place.offset)
    }
    memory.write(this.#unwritten, outputs[0]!.offset)
    const id = ++this.#link.ids
    const answer = await process.ask(
      { type: 'run', id, part: this.#part, batch: count },
      deadlineMs,
    )
    if (answer?.type === 'failed') throw process.refuse(`it could not compute: ${answer.message}`)
    if (answer?.type !== 'done' || answer.id !== id) {
      throw process.refuse(`it answered ${JSON.stringify(answer)} to run ${id}`)
    }
    this.#link.computeMs = Number(answer.ms)
    for (const place of outputs) {
      const each = bytesOf(place) / 4
      const values = results[place.name]!.subarray(first * each, (first + count) * each)
      memory.read(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), place.offset)
      if (!this.#plausible(place, values)) {
        throw process.refuse(`its ${place.name} holds a number that this network cannot give`)
      }
    }
  }
}
