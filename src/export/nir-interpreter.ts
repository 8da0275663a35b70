import { type NirNode, sizeOf } from './nir/read-graph.js'
import { Taps } from './nir/taps.js'

/** What a neuron does when it fires: takes its threshold off, or goes to zero, as the format's own words have it. */
export type Reset = 'subtract' | 'hard'

export interface InterpreterOptions {
  readonly reset: Reset
  /**
   * `none`: a spike arrives in the step in which it is sent, one that closes a loop in the next. `one`: every spike
   * travels a step. Simulators do either.
   */
  readonly delay?: 'none' | 'one'
}

export interface Activity {
  /** Spikes sent, by IF node. */
  readonly spikes: ReadonlyMap<string, number>
  /** Accumulates of spikes in convolutions: one for each weight, not zero, that a spike reaches. */
  readonly accumulates: number
  /** The same of whatever is not a spike, by the node that multiplies: bytes, gates, sums passed from node to node. */
  readonly multiplications: ReadonlyMap<string, number>
}

/**
 * Runs a NIR graph spike by spike in float32: discrete steps, every node as the format defines it, sums of in-edges. It
 * knows nothing of what the graph stands for. State is zero at first; an interpreter is for one inference.
 */
export class NirInterpreter {
  readonly #nodes = new Map<string, Running>()
  readonly #order: readonly Running[]
  readonly #options: InterpreterOptions
  #step = 0

  constructor(graph: ReadonlyMap<string, NirNode>, options: InterpreterOptions) {
    this.#options = options
    for (const [name, node] of graph) this.#nodes.set(name, new Running(name, node))
    this.#order = order(graph, options.delay ?? 'none').map((name) => this.#nodes.get(name)!)
    const position = new Map(this.#order.map((running, i) => [running.name, i]))
    for (const running of this.#order) {
      for (const from of running.node.inputs) {
        const source = this.#nodes.get(from)!
        const late = position.get(from)! >= position.get(running.name)!
        const spiking = source.node.type === 'IF'
        running.sources.push({ source, late: spiking && (late || options.delay === 'one') })
      }
    }
  }

  /** Currents of an input in the step that comes; nothing is presented where this is not called. */
  present(input: string, values: ArrayLike<number>): void {
    const running = this.#nodes.get(input)
    if (running?.node.type !== 'Input') throw new RangeError(`${input} is no input`)
    if (values.length !== running.values.length) {
      throw new RangeError(`${input} takes ${running.values.length} values, not ${values.length}`)
    }
    for (let i = 0; i < values.length; i++) running.values[i]! += values[i]!
    running.active = true
  }

  /** One step. `onSpikes` is told which neurons of a node fired: their places in its shape, `count` of them. */
  step(onSpikes?: (node: string, places: Int32Array, count: number) => void): void {
    for (const running of this.#order) {
      running.gather()
      if (running.node.type === 'IF') running.fire(this.#options.reset)
    }
    for (const running of this.#order) {
      if (running.node.type === 'IF' && running.count > 0) {
        onSpikes?.(running.name, running.places, running.count)
      }
      running.endStep()
    }
    this.#step++
  }

  get steps(): number {
    return this.#step
  }

  /** What has arrived at an output so far. */
  arrived(output: string): Float32Array {
    const running = this.#nodes.get(output)
    if (running?.node.type !== 'Output') throw new RangeError(`${output} is no output`)
    return running.total
  }

  activity(): Activity {
    const spikes = new Map<string, number>()
    let accumulates = 0
    const multiplications = new Map<string, number>()
    for (const running of this.#order) {
      if (running.node.type === 'IF') spikes.set(running.name, running.sent)
      accumulates += running.accumulates
      if (running.multiplications > 0) multiplications.set(running.name, running.multiplications)
    }
    return { spikes, accumulates, multiplications }
  }
}

/** A node with its state. Spikes are lists of places, everything else dense values with a mark whether there are any. */
class Running {
  readonly name: string
  readonly node: NirNode
  readonly sources: { readonly source: Running; readonly late: boolean }[] = []
  /** What the node puts out in this step; what an IF node was given. */
  readonly values: Float32Array
  /** Of an output: the sum over all steps. */
  readonly total: Float32Array
  readonly membrane: Float32Array
  active = false
  /** Spikes of this step and of the one before. */
  places: Int32Array
  count = 0
  before: Int32Array
  beforeCount = 0
  sent = 0
  accumulates = 0
  multiplications = 0
  /** Whether a membrane is above its threshold although nothing arrives. */
  #restless = false
  readonly #taps: Taps | null

  constructor(name: string, node: NirNode) {
    this.name = name
    this.node = node
    const size = sizeOf(node.shape)
    this.values = new Float32Array(size)
    this.total = new Float32Array(node.type === 'Output' ? size : 0)
    const neurons = node.type === 'IF' ? size : 0
    this.membrane = new Float32Array(neurons)
    this.places = new Int32Array(neurons)
    this.before = new Int32Array(neurons)
    this.#taps = node.type === 'Conv2d' ? new Taps(node) : null
  }

  gather(): void {
    const { node, values } = this
    for (const { source, late } of this.sources) {
      const spiking = source.node.type === 'IF'
      const places = late ? source.before : source.places
      const count = late ? source.beforeCount : source.count
      if (spiking ? count === 0 : !source.active) continue
      this.active = true
      if (this.#taps !== null) {
        if (spiking) this.accumulates += this.#taps.spikes(places, count)
        else this.multiplications += this.#taps.values(source.values)
      } else if (spiking) {
        for (let i = 0; i < count; i++) values[places[i]!]! += 1
      } else {
        for (let i = 0; i < values.length; i++) values[i]! += source.values[i]!
      }
    }
    if (!this.active) return
    if (this.#taps !== null) this.#taps.writeTo(values)
    if (node.type === 'Scale') for (let i = 0; i < values.length; i++) values[i]! *= node.scale[i]!
    if (node.type === 'Conv2d') addBias(node, values)
    if (node.type === 'Output') for (let i = 0; i < values.length; i++) this.total[i]! += values[i]!
  }

  // hot
  fire(reset: Reset): void {
    if (this.node.type !== 'IF' || (!this.active && !this.#restless)) return
    const { r, threshold } = this.node
    const { membrane, values, places } = this
    let count = 0
    let restless = false
    for (let i = 0; i < membrane.length; i++) {
      let v = Math.fround(membrane[i]! + Math.fround(r[i]! * values[i]!))
      const limit = threshold[i]!
      if (v > limit) {
        places[count++] = i
        v = reset === 'subtract' ? Math.fround(v - limit) : 0
        if (v > limit) restless = true
      }
      membrane[i] = v
    }
    this.count = count
    this.sent += count
    this.#restless = restless
  }

  endStep(): void {
    if (this.active) this.values.fill(0)
    this.active = false
    const spent = this.before
    this.before = this.places
    this.beforeCount = this.count
    this.places = spent
    this.count = 0
  }
}

function addBias(node: Extract<NirNode, { readonly type: 'Conv2d' }>, values: Float32Array): void {
  const each = values.length / node.bias.length
  for (let o = 0; o < node.bias.length; o++) {
    const bias = node.bias[o]!
    if (bias !== 0) for (let i = o * each; i < (o + 1) * each; i++) values[i]! += bias
  }
}

/**
 * An order in which every node comes after those it reads. Edges out of IF nodes may close a loop or, where every spike
 * travels a step, point anywhere: those are read as of the step before.
 * @throws RangeError for a loop that no neuron closes.
 */
function order(graph: ReadonlyMap<string, NirNode>, delay: 'none' | 'one'): string[] {
  const done = new Set<string>()
  const under = new Set<string>()
  const sorted: string[] = []
  const spikes = (name: string) => graph.get(name)!.type === 'IF'
  const visit = (name: string) => {
    under.add(name)
    for (const from of graph.get(name)!.inputs) {
      if (done.has(from) || (delay === 'one' && spikes(from))) continue
      if (!under.has(from)) visit(from)
      else if (!spikes(from)) throw new RangeError(`${from} lies on a loop that no neuron closes`)
    }
    done.add(name)
    sorted.push(name)
  }
  // Neurons first: a loop is entered at its neuron, so that the edge that closes it is the neuron's own.
  for (const name of graph.keys()) if (spikes(name) && !done.has(name)) visit(name)
  for (const name of graph.keys()) if (!done.has(name)) visit(name)
  return sorted
}
