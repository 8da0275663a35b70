import type { Network } from '../../inference/exact/network.js'
import type { LayerOf } from '../../inference/exact/network-schema.js'
import { unsupportedExport } from '../errors.js'
import type { Hdf5Group } from '../hdf5.js'
import { denseKernel } from './dense-kernel.js'
import type { NirPlan, Population } from './population.js'

/** The layout of the files: what the reference library of this version writes. */
export const NIR_VERSION = '1.0'

export interface GateStep {
  readonly input: string
  readonly channel: number
  readonly step: number
  readonly value: 1 | -1
}

export interface NirGraph {
  readonly file: Hdf5Group
  readonly gates: readonly GateStep[]
  /** Values of weights and constants that are not zero, and all that are stored. */
  readonly parameters: { readonly nonZero: number; readonly stored: number }
}

/** Node names are part of module names in several readers, which forbid dots. */
export const nodeName = (name: string) => name.replaceAll('.', '_')

/**
 * A plan as NIR: Input, Conv2d, Scale, IF and Output. Every bias is zero, because it would be added in every step: what a
 * membrane starts from comes through its gate in the first step, together with what keeps it shut.
 */
export function nirGraph(network: Network, plan: NirPlan): NirGraph {
  const writer = new GraphWriter(network, plan)
  return writer.write()
}

type Shape = readonly [number, number, number]

class GraphWriter {
  readonly #network: Network
  readonly #plan: NirPlan
  readonly #nodes: Record<string, Hdf5Group> = {}
  readonly #edges: string[] = []
  readonly #gates: GateStep[] = []
  readonly #shapes = new Map<string, Shape>()
  #nonZero = 0
  #stored = 0

  constructor(network: Network, plan: NirPlan) {
    this.#network = network
    this.#plan = plan
  }

  write(): NirGraph {
    const { given, populations, sums, read } = this.#plan
    for (const { name, shape } of given) this.#input(nodeName(name), shape)
    for (const population of populations) this.#population(population)
    for (const sum of sums) this.#sum(sum)
    for (const name of read) {
      const node = nodeName(name)
      const spikes = this.#sourceOf(name)
      this.#output(`${node}_out`, this.#shapes.get(spikes)!)
      this.#edge(spikes, `${node}_out`)
    }
    const graph: Hdf5Group = {
      type: { text: 'NIRGraph' },
      edges: { text: this.#edges, shape: [this.#edges.length / 2, 2] },
      nodes: this.#nodes,
    }
    return {
      file: { version: { text: NIR_VERSION }, node: graph },
      gates: this.#gates,
      parameters: { nonZero: this.#nonZero, stored: this.#stored },
    }
  }

  #population(population: Population): void {
    const { layer, shape, copies, unit, conv, terms } = population
    const node = nodeName(layer)
    const [channels, height, width] = shape
    const size = height * width
    const threshold = new Float32Array(copies * channels * size)
    for (let i = 0; i < threshold.length; i++) {
      const row = Math.floor(i / size)
      const copy = Math.floor(row / channels)
      threshold[i] = unit[row % channels]! * (population.kind === 'bits' ? 2 ** copy : copy + 1)
    }
    const full: Shape = [copies * channels, height, width]
    const r = new Float32Array(threshold.length).fill(1)
    this.#node(node, 'IF', full, {
      r: { data: r, shape: full },
      v_threshold: { data: threshold, shape: full },
    })
    this.#gate(population)
    if (copies > 1) {
      // Every copy sees the whole sum.
      const fan = matrix(copies * channels, channels, (to, from) => +(to % channels === from))
      this.#pointwise(`${node}_fan`, shape, fan)
      this.#edge(`${node}_fan`, node)
    }
    const into = copies > 1 ? `${node}_fan` : node
    if (conv !== null) {
      this.#convolution(`${node}_conv`, conv)
      this.#edge(`${node}_conv`, into)
    }
    if (population.kind === 'bits') this.#inhibit(population)
    for (const { from, factor } of terms) this.#edge(this.#weighed(from, factor), into)
    if (population.kind === 'ladder') {
      const rungs = matrix(channels, copies * channels, (to, from) => +(from % channels === to))
      this.#pointwise(`${node}_sum`, full, rungs)
      this.#edge(node, `${node}_sum`)
    }
  }

  /** The node whose output is a tensor: of a ladder, the sum over its rungs. */
  #sourceOf(name: string): string {
    const ladder = this.#plan.populations.some((p) => p.layer === name && p.kind === 'ladder')
    return ladder ? `${nodeName(name)}_sum` : nodeName(name)
  }

  /** A bit that fires takes its worth from all smaller bits. */
  #inhibit({ layer, shape, copies, unit }: Population): void {
    const node = nodeName(layer)
    const [channels, height, width] = shape
    const weights = matrix(copies * channels, copies * channels, (to, from) => {
      const smaller = Math.floor(to / channels) < Math.floor(from / channels)
      if (!smaller || to % channels !== from % channels) return 0
      return -unit[from % channels]! * 2 ** Math.floor(from / channels)
    })
    this.#pointwise(`${node}_inhibit`, [copies * channels, height, width], weights)
    this.#edge(node, `${node}_inhibit`)
    this.#edge(`${node}_inhibit`, node)
  }

  /** The node that brings increments, spikes or a result of the host into a membrane; one for all readers with one grid. */
  #weighed(from: string, factor: number): string {
    const source = this.#sourceOf(from)
    const shape = this.#shapes.get(source)!
    const population = this.#plan.populations.find(({ layer }) => layer === from)
    const copies = population?.kind === 'bits' ? population.copies : 1
    if (population?.kind !== 'bits' && factor === 1) return source
    const node = `${source}_by${factor}`
    if (this.#shapes.has(node)) return node
    const channels = shape[0] / copies
    const weights = matrix(channels, shape[0], (to, at) =>
      at % channels === to ? factor * 2 ** Math.floor(at / channels) : 0,
    )
    this.#pointwise(node, shape, weights)
    this.#edge(source, node)
    return node
  }

  /** Channel 0 starts and shuts, the others open and shut again: all of them, or one bit each. */
  #gate(population: Population): void {
    const { layer, shape, copies, kind, start, shut, open, steps } = population
    const node = nodeName(layer)
    const input = `${node}_gate`
    const [channels, height, width] = shape
    const phases = kind === 'bits' ? copies : 1
    const uniform = start.length === channels
    const weights = matrix(copies * channels, 1 + phases, (to, from) => {
      if (from === 0) return (uniform ? start[to % channels]! : 0) - shut
      return kind !== 'bits' || Math.floor(to / channels) === copies - from ? shut : 0
    })
    const gateShape: Shape = [1 + phases, height, width]
    this.#input(input, gateShape)
    this.#pointwise(`${input}_conv`, gateShape, weights)
    this.#edge(input, `${input}_conv`)
    this.#edge(`${input}_conv`, node)
    if (!uniform) {
      const ones = matrix(channels, 1 + phases, (_, from) => +(from === 0))
      this.#pointwise(`${node}_ones`, gateShape, ones)
      this.#node(`${node}_start`, 'Scale', shape, {
        scale: { data: this.#count(Float32Array.from(start)), shape },
      })
      this.#edge(input, `${node}_ones`)
      this.#edge(`${node}_ones`, `${node}_start`)
      this.#edge(`${node}_start`, copies > 1 ? `${node}_fan` : node)
    }
    this.#gates.push({ input, channel: 0, step: 0, value: 1 })
    const each = steps / phases
    for (let phase = 0; phase < phases; phase++) {
      const from = open + phase * each
      this.#gates.push({ input, channel: 1 + phase, step: from, value: 1 })
      this.#gates.push({ input, channel: 1 + phase, step: from + each, value: -1 })
    }
  }

  /** A logit: what arrives at its output adds up to it, in real units. */
  #sum(layer: LayerOf<'conv'>): void {
    const node = nodeName(layer.name)
    const exponents = this.#network.numbers.get(layer.exponents)!.data
    const bias = this.#network.numbers.get(layer.bias)!.data
    const shape = layer.output.shape as unknown as Shape
    const gateShape: Shape = [1, shape[1], shape[2]]
    this.#convolution(`${node}_conv`, layer, (o) => 2 ** -exponents[o]!)
    this.#input(`${node}_gate`, gateShape)
    const weights = matrix(shape[0], 1, (to) => bias[to]! * 2 ** -exponents[to]!)
    this.#pointwise(`${node}_gate_conv`, gateShape, weights)
    this.#output(`${node}_out`, shape)
    this.#edge(`${node}_gate`, `${node}_gate_conv`)
    this.#edge(`${node}_gate_conv`, `${node}_out`)
    this.#edge(`${node}_conv`, `${node}_out`)
    this.#gates.push({ input: `${node}_gate`, channel: 0, step: 0, value: 1 })
  }

  /** Dense, square and with the same padding on all sides, whatever the layer's own kernel is. */
  #convolution(node: string, layer: LayerOf<'conv'>, scale = (_: number) => 1): void {
    const source = this.#sourceOf(layer.inputs[0])
    const { weight, pad } = denseKernel(layer, this.#network.numbers.get(layer.weight)!)
    const [outputs] = weight.shape as [number]
    const each = weight.data.length / outputs
    const data = weight.data.map((value, i) => value * scale(Math.floor(i / each)))
    const shape = layer.output.shape as unknown as Shape
    this.#conv(node, shape, {
      input: this.#shapes.get(source)!,
      weight: { data, shape: weight.shape },
      stride: layer.stride,
      pad,
    })
    this.#edge(source, node)
  }

  #pointwise(node: string, input: Shape, { rows, columns, data }: Matrix): void {
    this.#conv(node, [rows, input[1], input[2]], {
      input,
      weight: { data, shape: [rows, columns, 1, 1] },
      stride: [1, 1],
      pad: 0,
    })
  }

  #conv(
    node: string,
    output: Shape,
    of: {
      readonly input: Shape
      readonly weight: { readonly data: Float32Array; readonly shape: readonly number[] }
      readonly stride: readonly [number, number]
      readonly pad: number
    },
  ): void {
    const { input, weight, stride, pad } = of
    this.#count(weight.data)
    this.#node(node, 'Conv2d', output, {
      input_shape: longs(input[1], input[2]),
      weight,
      stride: longs(...stride),
      padding: longs(pad, pad),
      dilation: longs(1, 1),
      groups: { data: BigInt64Array.of(1n), shape: [] },
      bias: { data: new Float32Array(output[0]), shape: [output[0]] },
    })
  }

  #count(data: Float32Array): Float32Array {
    this.#stored += data.length
    for (const value of data) if (value !== 0) this.#nonZero++
    return data
  }

  #input(node: string, shape: Shape): void {
    this.#node(node, 'Input', shape, { shape: longs(...shape) })
  }

  #output(node: string, shape: Shape): void {
    this.#node(node, 'Output', shape, { shape: longs(...shape) })
  }

  #node(node: string, type: string, shape: Shape, parameters: Hdf5Group): void {
    if (this.#nodes[node] !== undefined) {
      throw unsupportedExport('nir', `two nodes ${node}`, 'Rename one of the layers.')
    }
    this.#nodes[node] = { type: { text: type }, ...parameters }
    this.#shapes.set(node, shape)
  }

  #edge(from: string, to: string): void {
    this.#edges.push(from, to)
  }
}

const longs = (...values: readonly number[]) => ({
  data: BigInt64Array.from(values, BigInt),
  shape: [values.length],
})

interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly data: Float32Array
}

function matrix(rows: number, columns: number, at: (to: number, from: number) => number): Matrix {
  const data = new Float32Array(rows * columns)
  for (let i = 0; i < data.length; i++) data[i] = at(Math.floor(i / columns), i % columns)
  return { rows, columns, data }
}
