import { EvtrackError } from '../events/errors.js'
import { verifyGolden } from './golden.js'
import type { ModelPackage } from './model-package.js'
import {
  type OnnxGraph,
  openGraph,
  type Runtime,
  type TensorInfo,
  type TensorInput,
} from './onnx.js'
import { sigmoidInto } from './sigmoid.js'
import type { SearchMaps, TemplateState, TrackerSession } from './tracker-session.js'

export interface SessionOptions extends Runtime {
  /** Threads of one inference: for a network of this size two save a quarter of the time for half as much work again. */
  readonly threads?: number
  /** 'int8' is the fast form on CPUs; 'fp32' computes the same numbers, unless model.json states a fidelity. */
  readonly graph?: 'int8' | 'fp32'
  /** Skips the golden vectors; only for a package that was verified before in this process. */
  readonly skipGolden?: true
}

/** Exact outputs of the search graph, planar [B, 1 | 2 | 2, S, S]. */
export interface SearchLogits {
  readonly score: Float32Array
  readonly size: Float32Array
  readonly offset: Float32Array
}

/** A tracker session that also shows its numbers before the sigmoids, as verification needs them. */
export interface LogitSession extends TrackerSession {
  searchLogits(crops: Uint8Array, templates: readonly TemplateState[]): Promise<SearchLogits>
}

/**
 * Runs a model package with ONNX Runtime on the calling thread: every call blocks it for the length of an inference, so a
 * session belongs in a worker. The golden vectors are run first.
 * @throws EvtrackError MODEL_INVALID when graphs and model.json disagree or a golden tensor differs.
 */
export async function createTrackerSession(
  pkg: ModelPackage,
  options: SessionOptions = {},
): Promise<LogitSession> {
  const files = pkg.manifest.graphs[options.graph ?? 'int8']
  const { threads = 1, provider, ortDir } = options
  const open = (name: string) =>
    openGraph(pkg.files[name]!, { name, threads, ...(provider && { provider }), ortDir })
  const template = await open(files.template)
  let search: OnnxGraph | undefined
  try {
    search = await open(files.search)
    checkSignature(pkg, files.template, template)
    checkSignature(pkg, files.search, search)
    const session = sessionOver(pkg, { template, search })
    if (options.skipGolden !== true) await verifyGolden(session, pkg, options.graph ?? 'int8')
    return session
  } catch (error) {
    await template.close()
    await search?.close()
    throw error
  }
}

/** A session over the two opened graphs of a package, whoever computes them. Nothing is checked; closing closes both. */
export function sessionOver(
  pkg: ModelPackage,
  { template, search }: { readonly template: OnnxGraph; readonly search: OnnxGraph },
): LogitSession {
  return new OnnxTrackerSession(pkg, template, search)
}

class OnnxTrackerSession implements LogitSession {
  readonly spec: ModelPackage['spec']
  readonly #template: OnnxGraph
  readonly #search: OnnxGraph
  readonly #state: readonly { readonly name: string; readonly shape: readonly number[] }[]
  readonly #offset: 'sigmoid' | 'raw'
  /** A canvas is large: its targets take turns in the memory of one, which costs no time. */
  readonly #oneByOne: boolean
  readonly #templateDims: readonly number[]
  readonly #searchDims: readonly number[]
  /** Template states of a batch side by side, by name; grown to the largest batch so far. */
  readonly #stacked = new Map<string, Float32Array>()
  /** Ends when the search before is done: overlapping searches would share the stacked states. */
  #previous: Promise<unknown> = Promise.resolve()

  constructor(pkg: ModelPackage, template: OnnxGraph, search: OnnxGraph) {
    const { spec } = pkg
    this.spec = spec
    this.#template = template
    this.#search = search
    this.#state = pkg.manifest.state
    this.#offset = pkg.manifest.decode.offset
    this.#oneByOne = pkg.manifest.kind === 'canvas'
    this.#templateDims = [spec.planes.length, spec.templateSize, spec.templateSize]
    this.#searchDims = [spec.planes.length, spec.searchSize, spec.searchSize]
  }

  async template(crop: Uint8Array): Promise<TemplateState> {
    const dims = [1, ...this.#templateDims]
    const outputs = await this.#template.run({ crop: { data: firstBytes(crop, dims), dims } })
    return { tensors: outputs }
  }

  async search(crops: Uint8Array, templates: readonly TemplateState[]): Promise<SearchMaps> {
    const logits = await this.searchLogits(crops, templates)
    sigmoidInto(logits.score)
    sigmoidInto(logits.size)
    if (this.#offset === 'sigmoid') sigmoidInto(logits.offset)
    return { batch: templates.length, mapSize: this.spec.mapSize, ...logits }
  }

  searchLogits(crops: Uint8Array, templates: readonly TemplateState[]): Promise<SearchLogits> {
    const split = this.#oneByOne && templates.length > 1
    const run = () => (split ? this.#runEach(crops, templates) : this.#runSearch(crops, templates))
    const result = this.#previous.then(run)
    this.#previous = result.catch(() => {})
    return result
  }

  async #runEach(crops: Uint8Array, templates: readonly TemplateState[]): Promise<SearchLogits> {
    const batch = templates.length
    const need = firstBytes(crops, [batch, ...this.#searchDims])
    const each = need.length / batch
    const cells = this.spec.mapSize ** 2 * batch
    const all = {
      score: new Float32Array(cells),
      size: new Float32Array(2 * cells),
      offset: new Float32Array(2 * cells),
    }
    for (let i = 0; i < batch; i++) {
      const one = await this.#runSearch(need.subarray(i * each, (i + 1) * each), [templates[i]!])
      for (const map of ['score', 'size', 'offset'] as const) {
        all[map].set(one[map], i * one[map].length)
      }
    }
    return all
  }

  async #runSearch(crops: Uint8Array, templates: readonly TemplateState[]): Promise<SearchLogits> {
    const batch = templates.length
    if (batch === 0)
      return { score: new Float32Array(0), size: new Float32Array(0), offset: new Float32Array(0) }
    const dims = [batch, ...this.#searchDims]
    const feeds: Record<string, TensorInput> = { crop: { data: firstBytes(crops, dims), dims } }
    for (const { name, shape } of this.#state) {
      feeds[name] = { data: this.#stack(name, shape, templates), dims: [batch, ...shape] }
    }
    const out = await this.#search.run(feeds)
    return {
      score: out['score_logit'] as Float32Array,
      size: out['size_logit'] as Float32Array,
      offset: out['offset_logit'] as Float32Array,
    }
  }

  async close(): Promise<void> {
    await this.#template.close()
    await this.#search.close()
  }

  #stack(
    name: string,
    shape: readonly number[],
    templates: readonly TemplateState[],
  ): Float32Array {
    if (templates.length === 1) return templates[0]!.tensors[name] as Float32Array
    const each = shape.reduce((a, b) => a * b, 1)
    const need = each * templates.length
    let buffer = this.#stacked.get(name)
    if (buffer === undefined || buffer.length < need) {
      buffer = new Float32Array(need)
      this.#stacked.set(name, buffer)
    }
    for (let i = 0; i < templates.length; i++) {
      buffer.set(templates[i]!.tensors[name] as Float32Array, i * each)
    }
    return buffer.subarray(0, need)
  }
}

/** The crop buffers of a caller may be larger than this batch needs. */
function firstBytes(crops: Uint8Array, dims: readonly number[]): Uint8Array {
  const need = dims.reduce((a, b) => a * b, 1)
  if (crops.length < need) {
    throw new RangeError(`crops hold ${crops.length} bytes, ${dims.join('x')} needs ${need}`)
  }
  return crops.length === need ? crops : crops.subarray(0, need)
}

/** Inputs and outputs of the graphs are what model.json says. */
function checkSignature(pkg: ModelPackage, file: string, graph: OnnxGraph): void {
  const { spec, manifest } = pkg
  const isTemplate = Object.values(manifest.graphs).some((g) => g.template === file)
  const side = isTemplate ? spec.templateSize : spec.searchSize
  const state = manifest.state.map((s) => ({ name: s.name, dtype: 'float32', shape: s.shape }))
  const crop = { name: 'crop', dtype: 'uint8', shape: [spec.planes.length, side, side] }
  const maps = [1, 2, 2].map((channels, i) => ({
    name: ['score_logit', 'size_logit', 'offset_logit'][i]!,
    dtype: 'float32',
    shape: [channels, spec.mapSize, spec.mapSize],
  }))
  compare(file, 'input', graph.inputs, isTemplate ? [crop] : [crop, ...state])
  compare(file, 'output', graph.outputs, isTemplate ? state : maps)
}

function compare(
  file: string,
  role: 'input' | 'output',
  actual: readonly TensorInfo[],
  expected: readonly TensorInfo[],
): void {
  for (const want of expected) {
    const have = actual.find((tensor) => tensor.name === want.name)
    const text = (t: TensorInfo) => `${t.dtype} [batch,${t.shape.join()}]`
    const found = have === undefined ? 'nothing' : text({ ...have, shape: have.shape.slice(1) })
    if (found === text(want) && typeof have?.shape[0] === 'string') continue
    throw new EvtrackError(
      'MODEL_INVALID',
      `Model package is refused: ${role} ${want.name} of ${file} is ${found}, expected ${text(want)}.`,
      {
        next: 'Use the graphs that belong to this model.json, or export the package again.',
        data: { file, tensor: want.name },
      },
    )
  }
}
