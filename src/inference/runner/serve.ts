import { createHash } from 'node:crypto'
import { readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type OnnxGraph, openGraph, type Runtime, type TensorInput } from '../onnx.js'
import { LineSplitter } from './lines.js'
import {
  type Answer,
  bytesOf,
  type Hello,
  MAX_LINE_BYTES,
  PARTS,
  type Part,
  PROTOCOL,
  type Ready,
  type Request,
  type TensorPlace,
} from './protocol.js'

export interface ServeOptions extends Runtime {
  readonly input: Iterable<Buffer>
  readonly answer: (answer: Answer) => void
  /** File descriptor of the tensor memory. */
  readonly memory: number
  /** Name and version, for the handshake. */
  readonly name: string
}

/**
 * The reference runner: the protocol's other side, on ONNX Runtime. Resolves when it was told to stop or its input has
 * ended, which is how it learns that evtrackd is gone.
 */
export async function serveRunner(options: ServeOptions): Promise<void> {
  const { input, answer } = options
  const lines = new LineSplitter(MAX_LINE_BYTES)
  const runner = new Runner(options)
  try {
    for (const chunk of input) {
      for (const line of lines.push(chunk)) {
        const request = JSON.parse(line) as Request
        if (request.type === 'stop') return
        try {
          answer(await runner.handle(request))
        } catch (error) {
          const message = error instanceof Error ? error.message : String(error)
          answer({ type: 'failed', ...('id' in request && { id: request.id }), message })
        }
      }
    }
  } finally {
    await runner.close()
  }
}

class Runner {
  readonly #options: ServeOptions
  #hello: Hello | undefined
  readonly #graphs = new Map<Part, OnnxGraph>()
  /** Inputs by part, name and batch: their memory is reused from run to run. */
  readonly #buffers = new Map<string, TensorInput>()
  #runs = 0

  constructor(options: ServeOptions) {
    this.#options = options
  }

  async handle(request: Exclude<Request, { type: 'stop' }>): Promise<Answer> {
    if (request.type === 'hello') return this.#open(request)
    if (request.type === 'health') return { type: 'health', id: request.id, runs: this.#runs }
    const { id, part, batch } = request
    const places = this.#hello?.parts[part]
    const graph = this.#graphs.get(part)
    if (places === undefined || graph === undefined) throw new Error(`there is no graph ${part}`)
    const feeds: Record<string, TensorInput> = {}
    for (const place of places.inputs) feeds[place.name] = this.#read(place, part, batch)
    const started = performance.now()
    const results = await graph.run(feeds)
    const ms = performance.now() - started
    for (const { name, offset } of places.outputs) {
      const values = results[name]!
      writeSync(this.#options.memory, values, 0, values.byteLength, offset)
    }
    this.#runs++
    return { type: 'done', id, ms }
  }

  async close(): Promise<void> {
    for (const graph of this.#graphs.values()) await graph.close()
    this.#graphs.clear()
  }

  async #open(hello: Hello): Promise<Ready> {
    if (hello.protocol !== PROTOCOL) {
      throw new Error(`protocol ${hello.protocol} is asked for, this runner speaks ${PROTOCOL}`)
    }
    const { provider = 'cpu', ortDir, name } = this.#options
    const hashes: Partial<Record<Part, string>> = {}
    for (const part of PARTS) {
      const { file } = hello.files[part]
      const bytes = readFileSync(join(hello.package, file))
      hashes[part] = createHash('sha256').update(bytes).digest('hex')
      const { threads } = hello
      this.#graphs.set(part, await openGraph(bytes, { name: file, threads, provider, ortDir }))
    }
    this.#hello = hello
    return {
      type: 'ready',
      protocol: PROTOCOL,
      runner: name,
      device: `onnxruntime ${provider}`,
      sha256: hashes as Record<Part, string>,
      max_batch: hello.max_batch,
    }
  }

  #read(place: TensorPlace, part: Part, batch: number): TensorInput {
    const key = `${part} ${place.name} ${batch}`
    let tensor = this.#buffers.get(key)
    if (tensor === undefined) {
      const bytes = new Uint8Array(bytesOf(place) * batch)
      const data = place.dtype === 'uint8' ? bytes : new Float32Array(bytes.buffer)
      tensor = { data, dims: [batch, ...place.shape] }
      this.#buffers.set(key, tensor)
    }
    readSync(this.#options.memory, tensor.data, 0, tensor.data.byteLength, place.offset)
    return tensor
  }
}
