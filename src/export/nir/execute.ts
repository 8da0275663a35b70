import { type Activity, NirInterpreter, type Reset } from '../nir-interpreter.js'
import { hostStep } from './host.js'
import type { NirNode } from './read-graph.js'
import { sizeOf } from './read-graph.js'
import type { NirPart } from './schedule-schema.js'

export interface PartRun {
  /** By IF node: one byte for each of its steps and places, 1 where a neuron fired. */
  readonly trains: ReadonlyMap<string, Uint8Array>
  /** By IF node: the places that fired outside of their steps. */
  readonly stray: ReadonlyMap<string, ReadonlySet<number>>
  /** What the part hands on, by its own name. */
  readonly outputs: Readonly<Record<string, Float64Array>>
  readonly activity: Activity
}

/**
 * One inference of one part: gates and inputs as the schedule says, the host's layers when their steps have come.
 * @throws RangeError where schedule and graph do not fit each other.
 */
export function executePart(
  graph: ReadonlyMap<string, NirNode>,
  {
    schedule,
    reset,
    delay = 'none',
  }: {
    readonly schedule: NirPart
    readonly reset: Reset
    readonly delay?: 'none' | 'one'
  },
  inputs: Readonly<Record<string, ArrayLike<number>>>,
): PartRun {
  const interpreter = new NirInterpreter(graph, { reset, delay })
  const trains = new Map<string, Uint8Array>()
  const stray = new Map<string, Set<number>>()
  const populations = new Map(schedule.populations.map((each) => [each.node, each]))
  for (const { node, steps } of schedule.populations) {
    trains.set(node, new Uint8Array(steps * sizeOf(shapeOf(graph, node))))
    stray.set(node, new Set())
  }
  // In graphs where spikes travel, everything arrives a step later than it was sent.
  const late = delay === 'one' ? 1 : 0
  const host = new HostValues(schedule, inputs, interpreter)
  for (let step = 0; step < schedule.steps + late; step++) {
    for (const { node, from, origin, step: at } of schedule.given) {
      if (at !== step) continue
      const given = origin === 'host' ? host.valueOf(from) : inputs[from]
      if (given === undefined) throw new RangeError(`nothing is given for ${from}`)
      interpreter.present(node, given)
    }
    for (const gate of schedule.gates) {
      if (gate.step === step) interpreter.present(gate.input, pulse(graph, gate))
    }
    interpreter.step((node, places, count) => {
      const population = populations.get(node)
      if (population === undefined) throw new RangeError(`the schedule lacks neurons ${node}`)
      const train = trains.get(node)!
      const size = train.length / population.steps
      const within = step - population.open
      const inside = within >= 0 && within < population.steps
      for (let i = 0; i < count; i++) {
        if (inside) train[within * size + places[i]!] = 1
        else stray.get(node)!.add(places[i]!)
      }
    })
  }
  return { trains, stray, outputs: host.outputs(), activity: interpreter.activity() }
}

/** Values of the host's layers, computed when they are asked for: no earlier than what they read has arrived. */
class HostValues {
  readonly #schedule: NirPart
  readonly #inputs: Readonly<Record<string, ArrayLike<number>>>
  readonly #interpreter: NirInterpreter
  readonly #known = new Map<string, Float64Array>()

  constructor(
    schedule: NirPart,
    inputs: Readonly<Record<string, ArrayLike<number>>>,
    interpreter: NirInterpreter,
  ) {
    this.#schedule = schedule
    this.#inputs = inputs
    this.#interpreter = interpreter
  }

  valueOf(layer: string): Float64Array {
    const known = this.#known.get(layer) ?? this.#compute(layer)
    this.#known.set(layer, known)
    return known
  }

  outputs(): Record<string, Float64Array> {
    return Object.fromEntries(
      this.#schedule.outputs.map(({ name, layer }) => [name, this.valueOf(layer)]),
    )
  }

  #compute(layer: string): Float64Array {
    const step = this.#schedule.host.find((each) => each.layer === layer)
    if (step !== undefined) {
      return hostStep(
        step,
        step.reads.map((name) => this.valueOf(name)),
      )
    }
    const { read, sums } = this.#schedule
    const output = [...read, ...sums].find((each) => each.layer === layer)
    if (output !== undefined) return Float64Array.from(this.#interpreter.arrived(output.node))
    const given = this.#inputs[layer]
    if (given === undefined) throw new RangeError(`nothing writes ${layer}, which the host reads`)
    return Float64Array.from(given)
  }
}

function pulse(
  graph: ReadonlyMap<string, NirNode>,
  { input, channel, value }: NirPart['gates'][number],
): Float32Array {
  const [channels, height, width] = shapeOf(graph, input)
  if (channel >= channels) throw new RangeError(`${input} has no channel ${channel}`)
  const size = height * width
  return new Float32Array(channels * size).fill(value, channel * size, (channel + 1) * size)
}

function shapeOf(graph: ReadonlyMap<string, NirNode>, name: string) {
  const node = graph.get(name)
  if (node === undefined) throw new RangeError(`the graph has no node ${name}`)
  return node.shape
}
