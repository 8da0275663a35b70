import type { MessagePort } from 'node:worker_threads'
import type { EventBatch } from '../events/batch.js'
import type { ApsImage, ImuSample } from '../events/signals.js'
import type { SourceSink, SourceState } from '../sources/source.js'
import type { CalibrationSignal, CalibrationTaken } from './calibration-signals.js'

/** Events under way to the calibration: 16 MiB are two million, two seconds of a busy sensor. */
const MOST_BYTES = 16 * 1024 * 1024
/** Finding a board takes longer than making a picture: the next one waits, those between are left out. */
const MOST_IMAGES = 2
const BYTES_PER_EVENT = 9
/** So many samples travel together. */
const IMU_SAMPLES = 16

/**
 * Copies what the camera sends to the thread that calibrates, from within the capture thread.
 *
 * Drop policy: while MOST_BYTES of events or MOST_IMAGES pictures have not been worked off, the newest are left out,
 * counted, and after lost events a gap is told. The capture thread never waits for a calibration.
 */
export class CalibrationFeed {
  readonly sink: SourceSink
  readonly lost = { events: 0, images: 0 }
  readonly #port: MessagePort
  #bytes = 0
  #images = 0
  #gap = false
  #closed = false
  #imu: ImuSample[] = []

  /** `state`: the camera's, so that a calibration that begins knows that it streams. */
  constructor(port: MessagePort, state: SourceState | undefined) {
    this.#port = port
    port.once('close', () => {
      this.#closed = true
    })
    port.on('message', ({ bytes, images }: CalibrationTaken) => {
      this.#bytes -= bytes
      this.#images -= images
    })
    this.sink = {
      events: (batch) => this.#events(batch),
      time: (tUs, hostUs) => this.#post({ type: 'time', tUs, hostUs }),
      image: (image) => this.#image(image),
      imu: (sample) => {
        this.#imu.push(sample)
        if (this.#imu.length === IMU_SAMPLES) this.#flush()
      },
      gap: (gap) => this.#post({ type: 'gap', gap }),
      state: (each) => this.#post({ type: 'state', state: each }),
    }
    if (state !== undefined) this.#post({ type: 'state', state })
  }

  /** Idempotent. */
  close(): void {
    this.#port.close()
  }

  #events(batch: EventBatch): void {
    const { length, t0Us, hostUs } = batch
    if (length === 0 || this.#closed) return
    const bytes = length * BYTES_PER_EVENT
    if (this.#bytes + bytes > MOST_BYTES) {
      this.lost.events += length
      this.#gap = true
      return
    }
    this.#bytes += bytes
    if (this.#gap) this.#post({ type: 'gap', gap: { reason: 'dropped', tUs: t0Us } })
    this.#gap = false
    const dtUs = batch.dtUs.slice(0, length)
    const x = batch.x.slice(0, length)
    const y = batch.y.slice(0, length)
    const on = batch.on.slice(0, length)
    this.#post(
      { type: 'events', batch: { capacity: length, length, t0Us, hostUs, dtUs, x, y, on } },
      [dtUs.buffer, x.buffer, y.buffer, on.buffer],
    )
  }

  #image(image: ApsImage): void {
    if (this.#images >= MOST_IMAGES) {
      this.lost.images++
      return
    }
    this.#images++
    const pixels = image.pixels.slice()
    this.#post({ type: 'image', image: { ...image, pixels } }, [pixels.buffer as ArrayBuffer])
  }

  #flush(): void {
    if (this.#imu.length === 0) return
    const samples = this.#imu
    this.#imu = []
    this.#port.postMessage({ type: 'imu', samples } satisfies CalibrationSignal)
  }

  #post(signal: CalibrationSignal, transfer: readonly ArrayBuffer[] = []): void {
    // What was measured before this arrives before this.
    this.#flush()
    this.#port.postMessage(signal, [...transfer])
  }
}

/** What receiving a signal gives back to the feed; undefined for one that is not counted. */
export function takenOf(signal: CalibrationSignal): CalibrationTaken | undefined {
  if (signal.type === 'events') {
    return { bytes: signal.batch.length * BYTES_PER_EVENT, images: 0 }
  }
  return signal.type === 'image' ? { bytes: 0, images: 1 } : undefined
}
