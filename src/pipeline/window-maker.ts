import type { EventBatch } from '../events/batch.js'
import type { Size } from '../events/geometry.js'
import {
  accumulateKernel,
  combineKernel,
  type FrameLayout,
  frameLayout,
} from './wasm/frame-kernel.js'
import { instantiate, type Kernel } from './wasm/instance.js'

/** Events staged at once; see filters.ts. */
const CHUNK = 8192

/** The pixels of windows: hop planes, the previous window, and the trajectory that goes on between windows. */
export class WindowMaker {
  readonly #layout: FrameLayout
  readonly #pixels: number
  readonly #decay: number
  readonly #memory: Uint8Array
  readonly #trajectory: Float32Array
  readonly #x: Uint16Array
  readonly #y: Uint16Array
  readonly #on: Uint8Array
  readonly #accumulate: Kernel
  readonly #combine: Kernel
  readonly #dirty: boolean[]
  #outputAt: number
  #previousAt: number

  constructor(size: Size, config: { hops: number; amount: number; decay: number }) {
    const { hops, amount, decay } = config
    const layout = frameLayout({ width: size.width, height: size.height }, { hops, chunk: CHUNK })
    const { memory, kernel } = instantiate(
      [accumulateKernel(layout, amount), combineKernel(layout, { amount, decay })],
      layout.bytes,
    )
    this.#layout = layout
    this.#pixels = size.width * size.height
    this.#decay = decay
    this.#memory = new Uint8Array(memory)
    this.#trajectory = new Float32Array(memory, layout.trajectoryAt, layout.plane)
    this.#x = new Uint16Array(memory, layout.xAt, CHUNK)
    this.#y = new Uint16Array(memory, layout.yAt, CHUNK)
    this.#on = new Uint8Array(memory, layout.onAt, CHUNK)
    this.#accumulate = kernel('accumulate')
    this.#combine = kernel('combine')
    this.#dirty = new Array<boolean>(hops).fill(false)
    this.#outputAt = layout.outputsAt
    this.#previousAt = layout.outputsAt + 3 * layout.plane
    this.forgetPrevious()
  }

  /** Adds events [start, end) of the batch to a hop; returns how many lay outside the sensor. */
  // hot
  accumulate(batch: EventBatch, part: { start: number; end: number; hop: number }): number {
    const { end, hop } = part
    const hopAt = this.#layout.hopsAt + 2 * this.#layout.plane * hop
    let outside = 0
    for (let start = part.start; start < end; start += CHUNK) {
      const chunkEnd = Math.min(start + CHUNK, end)
      this.#x.set(batch.x.subarray(start, chunkEnd))
      this.#y.set(batch.y.subarray(start, chunkEnd))
      this.#on.set(batch.on.subarray(start, chunkEnd))
      outside += this.#accumulate(chunkEnd - start, hopAt)
    }
    this.#dirty[hop] = true
    return outside
  }

  /** Makes the window of all hops and writes its three planes to `target`, if there is one. */
  combine(target: Uint8Array | undefined): void {
    const { plane } = this.#layout
    const at = this.#outputAt
    this.#combine(this.#previousAt, at)
    this.#outputAt = this.#previousAt
    this.#previousAt = at
    if (target === undefined) return
    for (let p = 0; p < 3; p++)
      target.set(
        this.#memory.subarray(at + p * plane, at + p * plane + this.#pixels),
        p * this.#pixels,
      )
  }

  clearHop(hop: number): void {
    if (!this.#dirty[hop]) return
    const { hopsAt, plane } = this.#layout
    this.#memory.fill(0, hopsAt + 2 * plane * hop, hopsAt + 2 * plane * (hop + 1))
    this.#dirty[hop] = false
  }

  /** What `windows` empty windows would do to the trajectory. */
  fade(windows: number): void {
    const factor = this.#decay ** windows
    for (let i = 0; i < this.#trajectory.length; i++) this.#trajectory[i]! *= factor
  }

  /** Nothing is an onset in the next window: every pixel counts as having been awake. */
  forgetPrevious(): void {
    this.#memory.fill(255, this.#previousAt, this.#previousAt + 3 * this.#layout.plane)
  }

  clear(): void {
    this.#dirty.forEach((_, hop) => {
      this.clearHop(hop)
    })
    this.#trajectory.fill(0)
    this.forgetPrevious()
  }
}
