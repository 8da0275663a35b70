import { checkPart, expectHandOver } from './check-network.js'
import type { NetworkDescription, NetworkPart, NetworkTensor } from './network-schema.js'

export type PartName = 'template' | 'search'
export const PART_NAMES: readonly PartName[] = ['template', 'search']

/** An array of network.bin. */
export interface NumberArray {
  readonly dtype: 'int8' | 'uint8' | 'int32'
  readonly shape: readonly number[]
  readonly data: Int8Array | Uint8Array | Int32Array
}
export type Numbers = ReadonlyMap<string, NumberArray>

/** A tensor with its integers; value = integer * 2^-exponent. */
export interface Read extends NetworkTensor {
  readonly integers: Int32Array
}

/** The network as integers: network.json and the arrays it names, checked against each other. */
export interface Network {
  readonly description: NetworkDescription
  readonly numbers: Numbers
}

/** What does not fit, in words that name the layer or array. */
export class NetworkMismatch extends Error {
  override readonly name = 'NetworkMismatch'
}

/**
 * Binds the arrays to their description and checks that every layer can be run: inputs written before, shapes and array
 * types as its kind wants them.
 * @throws NetworkMismatch
 */
export function openNetwork(description: NetworkDescription, data: Uint8Array): Network {
  const numbers = bindNumbers(description, data)
  const refuse = (what: string): never => {
    throw new NetworkMismatch(what)
  }
  for (const part of PART_NAMES) checkPart(description.parts[part], { part, numbers, refuse })
  expectHandOver(description, refuse)
  return { description, numbers }
}

function bindNumbers({ tensors, data: file }: NetworkDescription, data: Uint8Array): Numbers {
  const numbers = new Map<string, NumberArray>()
  for (const { name, dtype, shape, offset } of tensors) {
    const length = elements(shape)
    const bytes = length * (dtype === 'int32' ? 4 : 1)
    if (offset % 8 !== 0 || offset + bytes > data.byteLength) {
      throw new NetworkMismatch(
        `array ${name} takes ${bytes} bytes of ${file} from ${offset} on (a multiple of 8), which has ${data.byteLength}`,
      )
    }
    if (numbers.has(name)) throw new NetworkMismatch(`there are two arrays ${name}`)
    const start = data.byteOffset + offset
    const buffer = data.buffer as ArrayBuffer
    const Type = { int8: Int8Array, uint8: Uint8Array, int32: Int32Array }[dtype]
    numbers.set(name, { dtype, shape, data: new Type(buffer, start, length) })
  }
  return numbers
}

/** Shape by the name of each tensor of a part, inputs included. */
export function shapesOf(part: NetworkPart): Map<string, readonly number[]> {
  return new Map([
    ...part.inputs.map((input) => [input.name, input.shape] as const),
    ...part.layers.map((layer) => [layer.name, layer.output.shape] as const),
  ])
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}
