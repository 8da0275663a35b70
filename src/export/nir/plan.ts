import { elements, type Network, type PartName } from '../../inference/exact/network.js'
import type { LayerOf, NetworkLayer, NetworkTensor } from '../../inference/exact/network-schema.js'
import { unsupportedExport } from '../errors.js'
import { type Given, isHost, type NirPlan, type Population, type Term } from './population.js'

const EXACT = 2 ** 24

/** Splits a part into populations and host layers, and gives each its steps. */
export function planNir(
  network: Network,
  part: PartName,
  reset: 'subtract' | 'either' = 'subtract',
): NirPlan {
  const planner = new Planner({ network, part, reset })
  return planner.plan()
}

class Planner {
  readonly #network: Network
  readonly #part: PartName
  readonly #ladders: boolean
  readonly #layers = new Map<string, NetworkLayer>()
  readonly #tensors = new Map<string, NetworkTensor>()
  readonly #given = new Map<string, Given>()
  readonly #populations = new Map<string, Population>()
  /** The step from which on a tensor is complete. */
  readonly #ready = new Map<string, number>()

  constructor(of: {
    readonly network: Network
    readonly part: PartName
    readonly reset: 'subtract' | 'either'
  }) {
    const { network, part } = of
    this.#network = network
    this.#part = part
    this.#ladders = of.reset === 'either'
    const { inputs, layers } = network.description.parts[part]
    for (const input of inputs) {
      this.#tensors.set(input.name, input)
      this.#ready.set(input.name, 1)
    }
    for (const layer of layers) {
      this.#layers.set(layer.name, layer)
      this.#tensors.set(layer.name, layer.output)
    }
  }

  plan(): NirPlan {
    const { layers, outputs } = this.#network.description.parts[this.#part]
    const sums: LayerOf<'conv'>[] = []
    for (const layer of layers) {
      if (isHost(layer)) this.#ready.set(layer.name, this.#readyOf(layer.inputs) + 1)
      else if (layer.kind === 'conv' && layer.output.type === 'logit') {
        this.#present(layer.inputs[0])
        this.#ready.set(layer.name, this.#readyOf(layer.inputs))
        sums.push(layer)
      } else if (layer.kind === 'conv') this.#add(this.#fromConv(layer))
      else if (layer.kind === 'spike') this.#add(this.#fromMembrane(layer))
      // Sums of membranes have no node: what they add up flows into the neurons that read them.
      else this.#ready.set(layer.name, this.#readyOf(layer.inputs))
    }
    const host = layers.filter(isHost)
    const wanted = new Set([
      ...host.flatMap(({ inputs }) => inputs),
      ...outputs.map(({ layer }) => layer),
    ])
    const populations = [...this.#populations.values()]
    const ends = populations.map(({ open, steps }) => open + steps)
    return {
      part: this.#part,
      given: [...this.#given.values()],
      populations,
      sums,
      read: populations.map(({ layer }) => layer).filter((name) => wanted.has(name)),
      host,
      // One more in which the last gates shut, and spikes that take a step to travel arrive.
      steps: Math.max(...ends) + 1,
    }
  }

  #add(population: Population): void {
    this.#populations.set(population.layer, population)
    this.#ready.set(population.layer, population.open + population.steps)
  }

  #readyOf(names: readonly string[]): number {
    return Math.max(...names.map((name) => this.#ready.get(name)!))
  }

  /** Makes a tensor that no population writes an input of the graph. */
  #present(name: string, shape: readonly number[] = this.#tensors.get(name)!.shape): void {
    const layer = this.#layers.get(name)
    if (layer !== undefined && !isHost(layer)) return
    if (shape.length !== 3) {
      throw unsupportedExport('nir', `${name} [${shape.join()}] of the ${this.#part} as a map`)
    }
    const [channels, height, width] = shape as [number, number, number]
    this.#given.set(name, {
      name,
      shape: [channels, height, width],
      step: layer === undefined ? 0 : this.#ready.get(name)!,
      origin: layer === undefined ? 'input' : 'host',
    })
  }

  #fromConv(layer: LayerOf<'conv'>): Population {
    const { numbers, description } = this.#network
    const { output } = layer
    const from = this.#tensors.get(layer.inputs[0])!
    if (from.type !== 'bytes' && from.type !== 'spikes') {
      throw unsupportedExport('nir', `layer ${layer.name}, which reads ${from.type}s`)
    }
    this.#present(layer.inputs[0])
    const weight = numbers.get(layer.weight)!
    const bias = numbers.get(layer.bias)!.data
    const shifts = Array.from(numbers.get(layer.exponents)!.data, (e) => e - output.exponent!)
    const unit = shifts.map((shift) => 2 ** shift)
    const bits = output.type === 'increment'
    const low = bits ? output.low! : 0
    const start = Float64Array.from(bias, (b, o) => b + unit[o]! / 2 - low * unit[o]!)
    const largest = from.type === 'bytes' ? 255 : description.depth
    const each = weight.data.length / bias.length
    let bound = 0
    for (let o = 0; o < bias.length; o++) {
      let sum = Math.abs(start[o]!)
      for (let i = o * each; i < (o + 1) * each; i++) sum += Math.abs(weight.data[i]!) * largest
      bound = Math.max(bound, sum)
    }
    return this.#population(layer, { bound, unit, start, conv: layer, terms: [], low })
  }

  #fromMembrane(layer: LayerOf<'spike'>): Population {
    const { exponent, shape } = this.#tensors.get(layer.inputs[0])!
    const constant = new Float64Array(elements(shape))
    const terms: Term[] = []
    const bound = { sum: 0 }
    this.#flatten(layer.inputs[0], {
      shape,
      exponent: exponent!,
      factor: 1,
      constant,
      terms,
      bound,
    })
    const unit = Array.from({ length: shape[0]! }, () => 2 ** exponent!)
    const start = constant.map((value) => value + 2 ** exponent! / 2)
    const offset = start.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    return this.#population(layer, {
      bound: bound.sum + offset,
      unit,
      start: columns(start, shape[0]!),
      conv: null,
      terms,
      low: 0,
    })
  }

  /** Follows sums back to what they add up: increments, spikes, results of the host, constants. */
  #flatten(
    name: string,
    to: {
      readonly shape: readonly number[]
      readonly exponent: number
      readonly factor: number
      readonly constant: Float64Array
      readonly terms: Term[]
      readonly bound: { sum: number }
    },
  ): void {
    const layer = this.#layers.get(name)
    const tensor = this.#tensors.get(name)!
    const { constant, factor, terms, bound } = to
    if (layer?.kind === 'add' && !isHost(layer)) {
      if (layer.constant !== undefined) {
        const { data } = this.#network.numbers.get(layer.constant)!
        const each = constant.length / data.length
        for (let i = 0; i < constant.length; i++) {
          constant[i]! += data[Math.floor(i / each)]! * factor
        }
      }
      for (const input of layer.inputs) {
        const up = 2 ** (layer.output.exponent! - this.#tensors.get(input)!.exponent!)
        this.#flatten(input, { ...to, factor: factor * up })
      }
      return
    }
    const { low = 0, high = 0 } = tensor
    if (layer?.kind === 'conv' && tensor.type === 'increment') {
      for (let i = 0; i < constant.length; i++) constant[i]! += low * factor
      bound.sum += (high - low) * factor
    } else if (layer === undefined || isHost(layer)) {
      this.#present(name, to.shape)
      bound.sum += this.#largest(name) * factor
    } else if (tensor.type === 'spikes') {
      bound.sum += high * factor
    } else {
      throw unsupportedExport('nir', `${tensor.type} ${name} as part of a membrane`)
    }
    terms.push({ from: name, factor })
  }

  /** Largest integer of what the host gives: products of products of spikes. */
  #largest(name: string): number {
    const layer = this.#layers.get(name)
    const { high } = this.#tensors.get(name)!
    if (high !== undefined) return high
    if (layer === undefined) return EXACT
    const inputs = layer.inputs.map((input) => this.#largest(input))
    if (layer.kind === 'matmul') return layer.inner * inputs[0]! * inputs[1]!
    return inputs.reduce((a, b) => a + b, 0)
  }

  #population(
    layer: LayerOf<'conv' | 'spike'>,
    of: Pick<Population, 'unit' | 'start' | 'conv' | 'terms'> & {
      readonly bound: number
      readonly low: number
    },
  ): Population {
    const { name, output } = layer
    const [channels, height, width] = output.shape as [number, number, number]
    const bits = output.type === 'increment'
    const values = bits ? output.high! - of.low + 1 : this.#network.description.depth
    const copies = bits ? Math.log2(values) : this.#ladders ? values : 1
    if (output.shape.length !== 3 || !Number.isInteger(copies)) {
      throw unsupportedExport('nir', `layer ${name}: ${values} values of [${output.shape.join()}]`)
    }
    const shut = 2 ** Math.ceil(Math.log2(of.bound + 1))
    if (shut + of.bound >= EXACT) {
      throw unsupportedExport('nir', `layer ${name}: a membrane of ${shut + of.bound} in float32`)
    }
    const { unit, start, conv, terms } = of
    return {
      layer: name,
      kind: bits ? 'bits' : this.#ladders ? 'ladder' : 'levels',
      shape: [channels, height, width],
      copies,
      open: this.#readyOf(layer.inputs),
      steps: bits ? copies : this.#ladders ? 1 : values,
      unit,
      start,
      conv,
      terms,
      shut,
    }
  }
}

/** One number a channel where all places of it have the same, which most constants do. */
function columns(values: Float64Array, channels: number): Float64Array {
  const each = values.length / channels
  const first = Float64Array.from({ length: channels }, (_, c) => values[c * each]!)
  return values.every((value, i) => value === first[Math.floor(i / each)]) ? first : values
}
