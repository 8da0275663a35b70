import { createBatch, type EventBatch } from '../../events/batch.js'
import { DAVIS346_SIZE } from '../../events/geometry.js'
import type { PixelResponse } from '../pixel-response.js'
import { WRAP_US } from '../words.js'

/**
 * What the sensor sees. Times are stimulus microseconds: they start at 0 and run while at least one producer of the
 * camera is switched on, over unplug and replug.
 */
export interface Stimulus {
  /**
   * The next events before `untilUs` in time order, public coordinates, or undefined when there are none. Called again
   * until it returns undefined, then with a later `untilUs` (a multiple of 1000). The batch is borrowed until the next
   * call.
   */
  next(untilUs: number): EventBatch | undefined
  /** True when no event will follow: a camera that runs ahead of time returns to real time. Absent: never. */
  ended?(): boolean
  /** The picture at `tUs`, exposed so long: fills 346 x 260 values 0..1023, row-major. Absent: a gradient. */
  image?(tUs: number, into: Uint16Array, exposureUs?: number): void
  /** Motion at `tUs`. Absent: at rest, 1 g along Y, 25 degrees. */
  imu?(tUs: number): ImuReading
  /** The next level change at the external input before `untilUs`, consumed by the call. */
  edge?(untilUs: number): { readonly tUs: number; readonly high: boolean } | undefined
  /** The pixels answer like this from now on: their biases were set. Absent: as with the default biases. */
  bias?(response: PixelResponse): void
  /**
   * One wrap period (32768 us) of events that repeats for ever, in place of `next`. The camera encodes it once, which
   * makes streams faster than the sensor's maximum cheap. `dtUs` is the position in the period.
   */
  readonly period?: EventBatch
}

export interface ImuReading {
  /** g */
  readonly accel: readonly [number, number, number]
  /** Degrees per second. */
  readonly gyro: readonly [number, number, number]
  readonly temperatureC: number
}

/** What a camera without motion measures. */
export const AT_REST: ImuReading = { accel: [0, 1, 0], gyro: [0, 0, 0], temperatureC: 25 }

export interface ScriptedEvent {
  readonly tUs: number
  readonly x: number
  readonly y: number
  readonly on: boolean
}

export interface Script {
  readonly events?: readonly ScriptedEvent[]
  readonly edges?: readonly { readonly tUs: number; readonly high: boolean }[]
  readonly image?: (tUs: number, into: Uint16Array) => void
  readonly imu?: (tUs: number) => ImuReading
}

/** Plays lists in time order. */
export function scriptedStimulus(script: Script): Stimulus {
  const events = script.events ?? []
  const edges = script.edges ?? []
  const batch = createBatch(1024)
  let at = 0
  let edgeAt = 0
  return {
    next(untilUs) {
      const first = events[at]
      if (!first || first.tUs >= untilUs) return undefined
      batch.t0Us = first.tUs
      batch.length = 0
      for (let event = events[at]; event && event.tUs < untilUs; event = events[++at]) {
        const i = batch.length
        if (i === batch.capacity) break
        batch.dtUs[i] = event.tUs - batch.t0Us
        batch.x[i] = event.x
        batch.y[i] = event.y
        batch.on[i] = event.on ? 1 : 0
        batch.length = i + 1
      }
      return batch
    },
    ended: () => at >= events.length,
    edge(untilUs) {
      const edge = edges[edgeAt]
      if (!edge || edge.tUs >= untilUs) return undefined
      edgeAt++
      return edge
    },
    ...(script.image && { image: script.image }),
    ...(script.imu && { imu: script.imu }),
  }
}

/** Nothing moves. */
export const stillStimulus: Stimulus = { next: () => undefined }

/**
 * Vertical bars that sweep over the whole picture at a constant rate of 1..24 million events a second: the leading
 * edges ON, the trailing edges OFF. Each event has its own row word (variant A) and each microsecond its own
 * timestamp, so the stream is as wide as one at this rate can be.
 */
export function barsStimulus(options: { eventsPerSecond: number; bars?: number }): Stimulus {
  const perUs = options.eventsPerSecond / 1e6
  if (!(perUs > 0 && perUs <= 24)) throw new RangeError('eventsPerSecond must be in (0, 24e6]')
  const { width, height } = DAVIS346_SIZE
  const bars = options.bars ?? 6
  const spacing = width / bars
  const count = Math.floor(perUs * WRAP_US)
  const period = createBatch(count)
  for (let i = 0; i < count; i++) {
    const tUs = Math.floor(i / perUs)
    // One period moves the bars by one spacing, so the loop closes without a jump.
    const shift = (tUs / WRAP_US) * spacing
    const edge = i % (2 * bars)
    const left = (edge >> 1) * spacing + (edge & 1 ? spacing / 3 : 0)
    period.dtUs[i] = tUs
    period.x[i] = Math.floor(left + shift) % width
    period.y[i] = i % height
    period.on[i] = edge & 1
  }
  period.length = count
  return { next: () => undefined, period }
}

/** What a camera without a picture sees. */
export function drawGradient(into: Uint16Array): void {
  for (let i = 0; i < into.length; i++) into[i] = (i * 7) & 0x3ff
}
