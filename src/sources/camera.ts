import {
  type Davis346,
  type DeviceStatistics,
  openDavis346,
} from '../davis346/device.js'
import type { DeviceInfo } from '../davis346/identify.js'
import { ENDPOINT, USB_ID } from '../davis346/registers.js'
import type { FirmwareGates, Preset } from '../davis346/schema.js'
import { EvtrackError } from '../events/errors.js'
import { DAVIS346_SIZE } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import { type BulkEnd, type UsbDeviceInfo, UsbError, type UsbPort } from '../usb/port.js'
import { createBackoff } from './backoff.js'
import type { Source, SourceSink, SourceState } from './source.js'

export interface CameraSourceOptions {
  readonly port: UsbPort
  readonly gates: FirmwareGates
  readonly preset: Preset
  readonly clock: Clock
  /** The camera to use; without it the first one found. */
  readonly serial?: string
  /** Bytes of one USB transfer, a multiple of 1024. */
  readonly transferBytes?: number
  readonly transferCount?: number
  /** Spreads the retries of several programs; uniform in [0, 1). */
  readonly random?: () => number
}

export interface CameraSource extends Source {
  /**
   * Uses another preset from now on: at once on a connected camera, where only what changed is written, and at every
   * reconnection. Rejects with UsbError if the camera did not take it.
   */
  configure(preset: Preset): Promise<void>
  /** Undefined while no camera is connected. */
  device(): DeviceInfo | undefined
  /** Host clock against device clock; undefined while no camera is connected. */
  pairing(): { offsetUs: number; driftPpm: number } | undefined
}

// 2 MiB in flight: 30 ms at the 72 MB/s of the fastest stream.
const TRANSFER_BYTES = 65536
const TRANSFER_COUNT = 32
/** A running camera sends a wrap word every 33 ms, so four empty ticks in a row are a stall. */
const TICK_MS = 50
const STALLED_TICKS = 4
/** A camera that stalls again this soon after a restart is opened anew. */
const RESTARTS = 3
const STATISTICS_TICKS = 20
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5000

/** True for devices that may be a DAVIS346: the match of a port. */
export function isDavis346(vendorId: number, productId: number): boolean {
  return (
    vendorId === USB_ID.vendor &&
    (productId === USB_ID.productFx3 || productId === USB_ID.productFx2)
  )
}

/**
 * A DAVIS346 that may come and go. What retrying can mend is a state: no camera, a busy one, an unplugged one, one with
 * the wrong firmware; run() goes on waiting.
 */
export function createCameraSource(options: CameraSourceOptions): CameraSource {
  const { port, clock, gates } = options
  const transferBytes = options.transferBytes ?? TRANSFER_BYTES
  const transferCount = options.transferCount ?? TRANSFER_COUNT
  const backoff = createBackoff({
    firstMs: FIRST_RETRY_MS,
    lastMs: LAST_RETRY_MS,
    random: options.random ?? Math.random,
  })
  const counts = { connects: 0, reconnects: 0, stalls: 0, refused: 0, usbErrors: 0, transfers: 0 }
  const totals: Record<string, number> = {}
  // Cameras refused for their firmware, until they are unplugged: asking them again gives the same answer.
  const refused = new Set<string>()
  const closed = new AbortController()
  let preset = options.preset
  let camera: Davis346 | undefined
  let statistics: DeviceStatistics = {}
  let lastState = ''
  // Requests to the camera go one after another: a live change of preset must not meet a restart.
  let queue: Promise<unknown> = Promise.resolve()
  let wake: AbortController = new AbortController()

  function exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = queue.then(action)
    queue = result.catch(() => {})
    return result
  }

  function report(sink: SourceSink, state: SourceState): void {
    const key = `${state.state} ${state.code ?? ''} ${state.reason ?? ''} ${state.serial ?? ''}`
    if (key === lastState) return
    lastState = key
    sink.state?.(state)
  }

  async function find(): Promise<UsbDeviceInfo | undefined> {
    const found = (await port.list()).filter(
      (device) => isDavis346(device.vendorId, device.productId) && !refused.has(place(device)),
    )
    if (options.serial === undefined) return found.find(openable) ?? found[0]
    // A device that may not be opened hides its serial: it could be the one, and opening it says why it is not.
    return (
      found.find((device) => device.serial === options.serial) ??
      found.find((device) => device.serial === undefined && !openable(device))
    )
  }

  async function connect(): Promise<Davis346> {
    const device = await find()
    if (device === undefined) {
      const which = options.serial === undefined ? 'No DAVIS346' : `No DAVIS346 ${options.serial}`
      throw new EvtrackError('CAMERA_NOT_FOUND', `${which} is connected.`, {
        next: 'Connect the camera to a USB 3 port.',
      })
    }
    try {
      return await openDavis346({ handle: await port.open(device), gates, clock })
    } catch (error) {
      if (error instanceof EvtrackError && error.code === 'FIRMWARE_UNSUPPORTED') {
        refused.add(place(device))
        counts.refused++
      }
      throw error
    }
  }

  /** Streams until the stream ends, stalls or is aborted. */
  async function stream(device: Davis346, sink: SourceSink, signal: AbortSignal): Promise<BulkEnd> {
    let end: BulkEnd | undefined
    const ended = new AbortController()
    await exclusively(() =>
      device.start(
        {
          sink,
          transferBytes,
          transferCount,
          onEnd(bulkEnd) {
            end = bulkEnd
            ended.abort()
          },
        },
        signal,
      ),
    )
    report(sink, { state: 'streaming', ...identity(device.info) })
    const pause = AbortSignal.any([signal, ended.signal])
    let seen = device.transfers()
    let silent = 0
    for (let tick = 1; !pause.aborted; tick++) {
      await clock.sleep(TICK_MS, pause).catch(() => {})
      if (pause.aborted) break
      // Ticks are counted, not time: a blocked event loop delays the ticks as much as the transfers.
      silent = device.transfers() === seen ? silent + 1 : 0
      seen = device.transfers()
      if (silent === STALLED_TICKS) return { kind: 'stall' }
      if (tick % STATISTICS_TICKS === 0) {
        statistics = await exclusively(() => device.statistics())
        backoff.reset()
      }
    }
    return end ?? { kind: 'stopped' }
  }

  /** One connection, from open to close. Rejects when the camera is lost or cannot be used. */
  async function session(sink: SourceSink, signal: AbortSignal): Promise<void> {
    const device = await connect()
    counts.connects++
    camera = device
    try {
      await exclusively(() => device.configure(preset))
      for (let restarts = 0; !signal.aborted; restarts++) {
        if (counts.connects > 1 || restarts > 0) {
          sink.gap({ reason: 'reconnect', tUs: 0 })
        }
        const end = await stream(device, sink, signal)
        if (signal.aborted) return
        if (end.kind !== 'stall' || restarts === RESTARTS) {
          throw new UsbError(end.kind === 'gone' ? 'gone' : 'error', 'The stream broke off.', {
            cause: end.error,
          })
        }
        counts.stalls++
        report(sink, { state: 'stalled', reason: 'no data', ...identity(device.info) })
        await exclusively(() => device.stop())
        collect(device)
      }
    } finally {
      collect(device)
      camera = undefined
      // Waits for a change of preset that is under way; it fails by itself on a camera that has gone.
      await exclusively(() => device.close())
    }
  }

  /** Adds what a decoder counted to the totals, since each start has a decoder of its own. */
  function collect(device: Davis346): void {
    const decoder = device.decoder()
    if (decoder === undefined) return
    counts.transfers += device.transfers()
    for (const [name, value] of Object.entries(decoder.counters.snapshot())) {
      totals[name] = (totals[name] ?? 0) + value
    }
    decoder.counters.values.fill(0)
  }

  function reportFailure(sink: SourceSink, error: unknown): void {
    if (error instanceof EvtrackError) {
      const state = error.code === 'FIRMWARE_UNSUPPORTED' ? 'refused' : 'disconnected'
      const versions = state === 'refused' ? found(error) : {}
      // With a refused camera still connected, "no other camera" is nothing new.
      if (error.code === 'CAMERA_NOT_FOUND' && refused.size > 0) return
      report(sink, { state, code: error.code, reason: error.message, ...versions })
      return
    }
    counts.usbErrors++
    report(sink, {
      state: 'disconnected',
      code: 'CAMERA_LOST',
      reason: error instanceof Error ? error.message : String(error),
    })
  }

  return {
    info: {
      kind: 'camera',
      size: DAVIS346_SIZE,
      name: options.serial === undefined ? 'DAVIS346' : `DAVIS346 ${options.serial}`,
      ...(options.serial !== undefined && { serial: options.serial }),
    },

    async run(sink, outer) {
      const signal = AbortSignal.any([outer, closed.signal])
      const unsubscribe = [
        port.onAttach((device) => {
          refused.delete(place(device))
          if (isDavis346(device.vendorId, device.productId)) wake.abort()
        }),
        port.onDetach((device) => refused.delete(place(device))),
      ]
      try {
        while (!signal.aborted) {
          wake = new AbortController()
          report(sink, { state: 'connecting' })
          try {
            await session(sink, signal)
          } catch (error) {
            if (signal.aborted) break
            if (!(error instanceof EvtrackError || error instanceof UsbError)) throw error
            reportFailure(sink, error)
            if (camera === undefined && counts.connects > 0) counts.reconnects++
          }
          if (signal.aborted) break
          // A camera plugged in meanwhile ends the wait.
          await clock.sleep(backoff.next(), AbortSignal.any([signal, wake.signal])).catch(() => {})
        }
      } finally {
        for (const off of unsubscribe) off()
      }
      return 'aborted'
    },

    async configure(next) {
      preset = next
      const device = camera
      if (device !== undefined) await exclusively(() => device.configure(next))
    },

    device: () => camera?.info,

    pairing() {
      if (camera === undefined) return undefined
      return { offsetUs: camera.pairing.offsetUs(), driftPpm: camera.pairing.driftPpm() }
    },

    counters() {
      const now = camera?.decoder()?.counters.snapshot() ?? {}
      const result: Record<string, number> = { ...counts, ...totals }
      result['transfers'] = counts.transfers + (camera?.transfers() ?? 0)
      for (const [name, value] of Object.entries(now)) result[name] = (totals[name] ?? 0) + value
      return { ...result, ...statistics }
    },

    async close() {
      closed.abort()
      await queue
    },
  }
}
