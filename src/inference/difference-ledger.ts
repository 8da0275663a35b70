import type { Run } from './exact/executor.js'
import { elements, type Network, PART_NAMES, type PartName } from './exact/network.js'
import type { NetworkLayer } from './exact/network-schema.js'
import type { VerificationInput } from './verification-inputs.js'

/** What runs the network: ONNX Runtime on either graph, or the integer executor, which the others are compared with. */
export const BACKENDS = ['cpu-int8', 'cpu-fp32', 'executor'] as const
export type Backend = (typeof BACKENDS)[number]

export interface VerifiedLayer {
  readonly part: PartName
  readonly name: string
  readonly kind: NetworkLayer['kind']
  readonly shape: readonly number[]
  /** Spikes on all golden inputs, and their mean per neuron and input; null for what is not spikes. */
  readonly spikes: number | null
  readonly rate: number | null
  /**
   * By backend, largest difference over all inputs, in the tensor's own units: to the executor, or of the executor to the
   * golden vectors. Null where it was not compared: golden vectors hold what enters and leaves a part.
   */
  readonly maxDifference: Readonly<Record<string, number | null>>
}

export interface Difference {
  readonly backend: Backend
  readonly part: PartName
  readonly layer: string
  readonly input: string
  /** What it was compared with. */
  readonly against: 'executor' | 'golden vectors'
  readonly difference: number
}

export interface Where {
  readonly backend: Backend
  readonly input: string
  readonly part: PartName
}
type Values = ArrayLike<number>

/** Largest differences by layer and backend. */
export class Ledger {
  readonly #network: Network
  readonly #differences = new Map<string, Difference>()
  readonly #compared = new Set<string>()
  readonly #spikes = new Map<string, { sum: number; inputs: number }>()

  constructor(network: Network) {
    this.#network = network
  }

  countSpikes({ expected }: VerificationInput, runs: Readonly<Record<PartName, Run>>): void {
    if (expected.size === 0) return
    for (const part of PART_NAMES) {
      for (const { name, output } of this.#layers(part)) {
        if (output.type !== 'spikes') continue
        const before = this.#spikes.get(`${part}.${name}`) ?? { sum: 0, inputs: 0 }
        const sum = before.sum + runs[part].tensors.get(name)!.reduce((a, b) => a + b, 0)
        this.#spikes.set(`${part}.${name}`, { sum, inputs: before.inputs + 1 })
      }
    }
  }

  compare(where: Where, run: Run, layers: ReadonlyMap<string, Values>): void {
    for (const layer of this.#layers(where.part)) {
      const values = layers.get(layer.name)!
      this.#note(where, layer, { run, values, against: 'executor' })
    }
  }

  compareOutputs(where: Where, run: Run, outputs: Readonly<Record<string, Values>>): void {
    for (const { name, layer } of this.#network.description.parts[where.part].outputs) {
      this.#note(where, this.#layer(where.part, layer), {
        run,
        values: outputs[name]!,
        against: 'executor',
      })
    }
  }

  compareGolden(input: VerificationInput, runs: Readonly<Record<PartName, Run>>): void {
    for (const part of PART_NAMES) {
      for (const { name, layer } of this.#network.description.parts[part].outputs) {
        const values = input.expected.get(`${part}.${name}`)
        if (values === undefined) continue
        const where: Where = { backend: 'executor', input: input.name, part }
        this.#note(where, this.#layer(part, layer), {
          run: runs[part],
          values,
          against: 'golden vectors',
        })
      }
    }
  }

  #note(
    where: Where,
    layer: NetworkLayer,
    what: { readonly run: Run; readonly values: Values; readonly against: Difference['against'] },
  ): void {
    const { run, values, against } = what
    const difference = largestDifference(this.#network, layer, {
      integers: run.tensors.get(layer.name)!,
      values,
    })
    const key = `${where.backend} ${where.part} ${layer.name}`
    this.#compared.add(key)
    if (difference === 0 || difference <= (this.#differences.get(key)?.difference ?? 0)) return
    this.#differences.set(key, { ...where, layer: layer.name, against, difference })
  }

  first(): Difference | null {
    for (const part of PART_NAMES) {
      for (const { name } of this.#layers(part)) {
        for (const backend of BACKENDS) {
          const found = this.#differences.get(`${backend} ${part} ${name}`)
          if (found !== undefined) return found
        }
      }
    }
    return null
  }

  layers(backends: readonly Backend[]): VerifiedLayer[] {
    return PART_NAMES.flatMap((part) =>
      this.#layers(part).map(({ name, kind, output }) => {
        const counted = this.#spikes.get(`${part}.${name}`)
        const neurons = elements(output.shape)
        return {
          part,
          name,
          kind,
          shape: output.shape,
          spikes: counted?.sum ?? null,
          rate: counted === undefined ? null : counted.sum / (neurons * counted.inputs),
          maxDifference: Object.fromEntries(
            backends.map((backend) => {
              const key = `${backend} ${part} ${name}`
              const difference = this.#differences.get(key)?.difference ?? 0
              return [backend, this.#compared.has(key) ? difference : null]
            }),
          ),
        }
      }),
    )
  }

  #layers(part: PartName): readonly NetworkLayer[] {
    return this.#network.description.parts[part].layers
  }

  #layer(part: PartName, name: string): NetworkLayer {
    return this.#layers(part).find((layer) => layer.name === name)!
  }
}

/** Infinity where a number is missing or none; 0 only when every value is the integer's own. */
function largestDifference(
  { numbers }: Network,
  { output, ...layer }: NetworkLayer,
  { integers, values }: { readonly integers: Int32Array; readonly values: Values },
): number {
  if (values.length !== integers.length) return Infinity
  const exponents = layer.kind === 'conv' ? numbers.get(layer.exponents)!.data : []
  const each = integers.length / output.shape[0]!
  let largest = 0
  for (let i = 0; i < integers.length; i++) {
    const exponent = output.exponent ?? exponents[Math.floor(i / each)]!
    const difference = Math.abs(values[i]! - integers[i]! * 2 ** -exponent)
    if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference
  }
  return largest
}
