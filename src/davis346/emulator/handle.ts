import { setImmediate as immediate } from 'node:timers/promises'
import { EvtrackError } from '../../events/errors.js'
import type { Clock } from '../../events/time.js'
import {
  type BulkEnd,
  type BulkInOptions,
  type BulkStream,
  type ControlRequest,
  type UsbDeviceInfo,
  UsbError,
  type UsbHandle,
} from '../../usb/port.js'
import { ENDPOINT } from '../registers.js'
import type { BulkRequest, TransferStatus } from './bulk-pipe.js'
import type { ControlOutcome, EmulatedCamera } from './camera.js'
import type { Davis346Model } from './model.js'

const CONTROL_TIMEOUT_MS = 1000
const VENDOR_OUT = 0x40
const VENDOR_IN = 0xc0

const END_KIND = { gone: 'gone', stall: 'stall', error: 'error' } as const

/** An opened emulated camera; see usb/port.ts for what it promises. */
export class EmulatedHandle implements UsbHandle {
  readonly info: UsbDeviceInfo
  readonly #camera: EmulatedCamera
  readonly #clock: Clock
  readonly #onClose: () => void
  readonly #streams = new Map<number, EmulatedStream>()
  /** The power-up this handle belongs to: a camera that came back is another device. */
  readonly #model: Davis346Model
  #closed = false
  readonly #unplugged = new AbortController()
  readonly #unsubscribe: () => void

  constructor(options: { camera: EmulatedCamera; clock: Clock; onClose: () => void }) {
    this.#camera = options.camera
    this.#clock = options.clock
    this.#onClose = options.onClose
    this.info = options.camera.info
    this.#model = options.camera.model
    this.#unsubscribe = options.camera.onPlug(() => this.#unplugged.abort())
  }

  async controlOut(request: ControlRequest, data: Uint8Array): Promise<void> {
    await this.#control({ ...request, type: VENDOR_OUT, length: data.length }, data.slice())
  }

  async controlIn(request: ControlRequest, length: number): Promise<Uint8Array> {
    const setup = { ...request, type: VENDOR_IN, length }
    const data = await this.#control(setup, new Uint8Array(0))
    if (data.length < length) {
      throw new EvtrackError(
        'USB_SHORT_TRANSFER',
        `The camera returned ${data.length} bytes where ${length} were asked for.`,
        { next: 'Replug the camera; if it happens again, try another cable or port.' },
      )
    }
    return data
  }

  async #control(
    setup: ControlRequest & { type: number; length: number },
    data: Uint8Array,
  ): Promise<Uint8Array> {
    this.#assertOpen()
    const outcome: ControlOutcome = await this.#camera.control(setup, data)
    if (this.#gone() || outcome.status === 'gone') throw new UsbError('gone', 'the device has gone')
    if (outcome.status === 'ok') return outcome.data
    if (outcome.status === 'stall') throw new UsbError('stall', 'the control request stalled')
    await this.#clock.sleep(CONTROL_TIMEOUT_MS, this.#unplugged.signal).catch(() => {
      throw new UsbError('gone', 'the device has gone')
    })
    throw new UsbError('timeout', 'the control request timed out')
  }

  async clearHalt(endpoint: number): Promise<void> {
    this.#assertOpen()
    const outcome = await this.#camera.clearHalt(endpoint)
    if (this.#gone() || outcome === 'gone') throw new UsbError('gone', 'the device has gone')
  }

  startBulkIn(options: BulkInOptions): BulkStream {
    this.#assertOpen()
    if (options.endpoint !== ENDPOINT.data) throw new UsbError('error', 'not a bulk IN endpoint')
    if (this.#streams.has(options.endpoint))
      throw new UsbError('error', 'a stream is running on this endpoint')
    const stream = new EmulatedStream(this.#camera, {
      ...options,
      clock: this.#clock,
      onEnd: (end) => {
        this.#streams.delete(options.endpoint)
        options.onEnd(end)
      },
    })
    this.#streams.set(options.endpoint, stream)
    stream.start()
    return stream
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await Promise.all([...this.#streams.values()].map((stream) => stream.stop()))
    this.#camera.release(this)
    this.#unsubscribe()
    this.#onClose()
  }

  #gone(): boolean {
    return !this.#camera.plugged || this.#camera.model !== this.#model
  }

  #assertOpen(): void {
    if (this.#closed) throw new UsbError('error', 'the device is closed')
    if (this.#gone()) throw new UsbError('gone', 'the device has gone')
  }
}

/** The reads of one stream: a fixed pool, each resubmitted when its callback has returned. */
class EmulatedStream implements BulkStream {
  readonly #camera: EmulatedCamera
  readonly #options: BulkInOptions & { readonly clock: Clock }
  readonly #requests: BulkRequest[]
  #ended = false
  #stopped: Promise<void> | undefined

  constructor(camera: EmulatedCamera, options: BulkInOptions & { readonly clock: Clock }) {
    this.#camera = camera
    this.#options = options
    this.#requests = Array.from({ length: options.transferCount }, () => {
      const buffer = new Uint8Array(options.transferBytes)
      const request: BulkRequest = {
        buffer,
        complete: (status, length) => this.#complete(request, { status, length }),
      }
      return request
    })
  }

  start(): void {
    for (const request of this.#requests) this.#camera.submit(request)
  }

  async stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    await this.#stopped
  }

  async #stop(): Promise<void> {
    this.#cancelAll()
    await immediate()
    if (!this.#ended) this.#end({ kind: 'stopped' })
  }

  backlog(): number {
    return 0
  }

  #complete(request: BulkRequest, result: { status: TransferStatus; length: number }): void {
    if (this.#ended || this.#stopped) return
    const { status, length } = result
    if (status === 'ok') {
      const { buffer } = request
      const view = length === buffer.length ? buffer : buffer.subarray(0, length)
      this.#options.onTransfer(view, this.#options.clock.nowUs())
      if (!this.#ended && !this.#stopped) this.#camera.submit(request)
      return
    }
    this.#cancelAll()
    const error = new UsbError(status, `the bulk read ended with ${status}`)
    this.#end({ kind: END_KIND[status], error })
  }

  #cancelAll(): void {
    for (const request of this.#requests) this.#camera.pipe.cancel(request)
  }

  #end(end: BulkEnd): void {
    this.#ended = true
    this.#options.onEnd(end)
  }
}
