import { type Network, openNetwork } from '../../../src/inference/exact/network.js'
import type { NetworkDescription } from '../../../src/inference/exact/network-schema.js'

export interface SmallConv {
  readonly outputs: number
  readonly kernel?: number
  readonly stride?: number
  /** Top, left, bottom, right; by default what keeps the size at stride 1. */
  readonly pads?: readonly [number, number, number, number]
  readonly groups?: number
  readonly writes?: 'spikes' | 'increment' | 'logit'
  /** Exponent of each channel in turn. */
  readonly exponents?: readonly number[]
  /** Largest weight. */
  readonly most?: number
  /** Layer that is read; by default the one before. */
  readonly from?: string
}

type Layer = NetworkDescription['parts']['search']['layers'][number]
type Tensor = NetworkDescription['tensors'][number]

/** Deterministic bytes. */
export function* numbers(seed: number): Generator<number> {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield state >>> 8
  }
}

/**
 * A network of convolutions `conv1`, `conv2` … in both parts, with weights that a seed makes: even weights and odd biases,
 * as the real ones are. `edit` may add layers.
 */
export function smallNetwork(
  convs: readonly SmallConv[],
  options: {
    readonly input?: readonly [number, number, number]
    readonly seed?: number
    readonly edit?: (layers: Layer[]) => void
  } = {},
): Network {
  const { input = [2, 16, 16], seed = 1 } = options
  const random = numbers(seed)
  const next = () => random.next().value as number
  const tensors: Tensor[] = []
  const chunks: Buffer[] = []
  let offset = 0
  const array = (name: string, dtype: Tensor['dtype'], shape: number[], values: number[]) => {
    const bytes =
      dtype === 'int32' ? Buffer.from(Int32Array.from(values).buffer) : Buffer.from(values)
    const padded = Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)])
    tensors.push({ name, dtype, shape, offset })
    chunks.push(padded)
    offset += padded.length
    return name
  }
  const shapes = new Map<string, readonly number[]>([['crop', input]])
  const layers: Layer[] = convs.map((conv, i) => {
    const { outputs, kernel = 3, stride = 1, groups = 1, writes = 'spikes', most = 20 } = conv
    const half = (kernel - 1) / 2
    const pads = conv.pads ?? [Math.ceil(half), Math.ceil(half), Math.floor(half), Math.floor(half)]
    const name = `conv${i + 1}`
    const from = conv.from ?? (i === 0 ? 'crop' : `conv${i}`)
    const [channels, height, width] = shapes.get(from) as [number, number, number]
    const exponents = conv.exponents ?? [10]
    const inGroup = channels / groups
    const taps = inGroup * kernel * kernel
    const weights = Array.from({ length: outputs * taps }, (_, k) =>
      k === 0 ? most : 2 * Math.floor((((next() % 2001) - 1000) / 1000) * (most / 2)),
    )
    const shape = [
      outputs,
      Math.floor((height + pads[0] + pads[2] - kernel) / stride) + 1,
      Math.floor((width + pads[1] + pads[3] - kernel) / stride) + 1,
    ]
    shapes.set(name, shape)
    return {
      kind: 'conv',
      name,
      inputs: [from],
      onnx: { int8: name, fp32: name },
      weight: array(`${name}.weight`, 'int8', [outputs, inGroup, kernel, kernel], weights),
      bias: array(
        `${name}.bias`,
        'int32',
        [outputs],
        Array.from({ length: outputs }, () => 2 * (next() % 500) - 499),
      ),
      exponents: array(
        `${name}.exponents`,
        'uint8',
        [outputs],
        Array.from({ length: outputs }, (_, o) => exponents[o % exponents.length]!),
      ),
      stride: [stride, stride],
      pads: [...pads],
      groups,
      output:
        writes === 'spikes'
          ? { type: 'spikes', shape, exponent: 0, low: 0, high: 4 }
          : writes === 'increment'
            ? { type: 'increment', shape, exponent: 5, low: -128, high: 127 }
            : { type: 'logit', shape, exponent: null },
    } as Layer
  })
  options.edit?.(layers)
  const part = {
    inputs: [
      { name: 'crop', shape: [...input], type: 'bytes', exponent: 0, low: 0, high: 255 } as const,
    ],
    layers,
    outputs: [{ name: 'out', layer: layers.at(-1)!.name }],
  }
  const description = {
    format: 'evtrackd-network',
    version: 1,
    depth: 4,
    data: 'network.bin',
    tensors,
    parts: { template: part, search: part },
  } as unknown as NetworkDescription
  return openNetwork(description, new Uint8Array(Buffer.concat(chunks)))
}
