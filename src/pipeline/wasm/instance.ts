import { assemble, type WasmFunction } from './assembler.js'

/** The few parts of the WebAssembly interface that are used; Node has them all, its type package does not. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

export type Kernel = (...parameters: number[]) => number

export interface KernelInstance {
  /** Never grows, so views of it stay valid. */
  readonly memory: ArrayBuffer
  kernel(name: string): Kernel
}

/** Compiles the functions and gives them `bytes` of memory, all zero. */
export function instantiate(functions: readonly WasmFunction[], bytes: number): KernelInstance {
  const module = new WebAssembly.Module(assemble(functions, Math.ceil(bytes / 65536)))
  const { exports } = new WebAssembly.Instance(module)
  const { buffer } = exports['memory'] as { readonly buffer: ArrayBuffer }
  return { memory: buffer, kernel: (name) => exports[name] as Kernel }
}

/** Hands out consecutive parts of a memory, each aligned to 64 bytes (a cache line). */
export class Layout {
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** Offset of a new part of `bytes` bytes. */
  take(bytes: number): number {
    const offset = this.#bytes
    this.#bytes = (offset + bytes + 63) & ~63
    return offset
  }
}
