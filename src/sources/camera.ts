import { type Davis346, type DeviceStatistics, openDavis346 } from '../davis346/device.js'
import type { DeviceInfo } from '../davis346/identify.js'
import type { FirmwareGates, Preset } from '../davis346/schema.js'
import { EvtrackError } from '../events/errors.js'
import { DAVIS346_SIZE } from '../events/geometry.js'
import type { Clock } from '../events/time.js'
import { type BulkEnd, UsbError, type UsbPort } from '../usb/port.js'
import { createBackoff } from './backoff.js'
import { chooseCamera, identity, isDavis346, place } from './camera-choice.js'
import type { Source, SourceSink, SourceState } from './source.js'

export interface CameraSourceOptions {
  readonly port: UsbPort
  readonly gates: FirmwareGates
  readonly preset: Preset
  readonly clock: Clock
  /** The camera to use; without it the first one that may be opened. */
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
   * reconnection. Rejects with UsbError if the connected camera did not take it.
   */
  configure(preset: Preset): Promise<void>
  /** Undefined while no camera is connected. */
  device(): DeviceInfo | undefined
  /** Host clock against device clock; undefined while no camera is connected. */
  pairing(): { offsetUs: number; driftPpm: number } | undefined
}

// 2 MiB in flight: 29 ms at 72 MB/s, the camera's fastest stream at six bytes an event.
const TRANSFER_BYTES = 65536
const TRANSFER_COUNT = 32
/** A running camera sends a wrap word every 33 ms, so four silent ticks in a row are a stall. */
const TICK_MS = 50
const STALLED_TICKS = 4
/** The drop statistics are read this often, and a stream that lived this long is a good one. */
const GOOD_TICKS = 20
/** Restarts without a good stream between them before the camera is opened anew. */
const MAX_RESTARTS = 3
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 5000

/**
 * A DAVIS346 that may come and go. What waiting can mend is a state and not an error: no camera, one that is busy,
 * unplugged or has the wrong firmware. run() goes on until it is aborted.
 */
export function createCameraSource(options: CameraSourceOptions): CameraSource {
  const { port, clock, gates, serial } = options
  const { transferBytes = TRANSFER_BYTES, transferCount = TRANSFER_COUNT } = options
  const backoff = createBackoff({
    firstMs: FIRST_RETRY_MS,
    lastMs: LAST_RETRY_MS,
    random: options.random ?? Math.random,
  })
  const counts = { starts: 0, reconnects: 0, stalls: 0, refused: 0, usbErrors: 0, transfers: 0 }
  // Of cameras that are closed; the open one adds its own.
  const totals: Record<string, number> = {}
  // Cameras refused for their firmware, while plugged in: asked again they answer the same.
  const refused = new Set<string>()
  const closed = new AbortController()
  let preset = options.preset
  let camera: Davis346 | undefined
  let statistics: DeviceStatistics = {}
  let reported = ''
  let lost = false
  let wake = new AbortController()
  let running: Promise<unknown> = Promise.resolve()
  // Requests go one after another: a change of preset must not meet a restart.
  let queue: Promise<unknown> = Promise.resolve()

  function exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = queue.then(action)
    queue = result.catch(() => {})
    return result
  }

  /** States are told once, not at every retry. */
  function report(sink: SourceSink, state: SourceState): void {
    const key = JSON.stringify(state)
    if (key === reported) return
    reported = key
    sink.state?.(state)
  }

  async function connect(): Promise<Davis346> {
    const present = (await port.list()).filter((d) => isDavis346(d.vendorId, d.productId))
    const places = new Set(present.map(place))
    for (const gone of refused) if (!places.has(gone)) refused.delete(gone)
    const device = chooseCamera(
      present.filter((d) => !refused.has(place(d))),
      serial,
    )
    if (device === undefined) {
      const which = serial === undefined ? 'No DAVIS346' : `No DAVIS346 with serial ${serial}`
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

  async function readStatistics(device: Davis346): Promise<void> {
    try {
      statistics = await exclusively(() => device.statistics())
    } catch (error) {
      // The stream is what matters: one late answer does not end it.
      const short = error instanceof EvtrackError && error.code === 'USB_SHORT_TRANSFER'
      if (!short && (!(error instanceof UsbError) || error.kind === 'gone')) throw error
      counts.usbErrors++
    }
  }

  /** Streams until the stream ends, falls silent or is aborted. `good` tells that it lived for a while. */
  async function stream(
    device: Davis346,
    sink: SourceSink,
    signal: AbortSignal,
  ): Promise<{ end: BulkEnd; good: boolean }> {
    let end: BulkEnd | undefined
    const ended = new AbortController()
    const onEnd = (bulkEnd: BulkEnd) => {
      end = bulkEnd
      ended.abort()
    }
    if (counts.starts > 0) sink.gap({ reason: 'reconnect', tUs: 0 })
    await exclusively(() => device.start({ sink, transferBytes, transferCount, onEnd }, signal))
    if (counts.starts++ > 0) counts.reconnects++
    report(sink, { state: 'streaming', ...identity(device.info) })
    const onAbort = () => ended.abort()
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) ended.abort()
    try {
      const { silent, ticks } = await watch(device, ended.signal)
      const stop: BulkEnd = { kind: silent ? 'stall' : 'stopped' }
      return { end: end ?? stop, good: ticks > GOOD_TICKS }
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Reads statistics while data comes. Resolves when the signal aborts or the camera has fallen silent. */
  async function watch(
    device: Davis346,
    ended: AbortSignal,
  ): Promise<{ silent: boolean; ticks: number }> {
    let seen = device.transfers()
    let quiet = 0
    for (let ticks = 1; ; ticks++) {
      await clock.sleep(TICK_MS, ended).catch(() => {})
      if (ended.aborted) return { silent: false, ticks }
      // Ticks are counted and not time: a blocked event loop delays them as much as the transfers.
      quiet = device.transfers() === seen ? quiet + 1 : 0
      seen = device.transfers()
      if (quiet === STALLED_TICKS) return { silent: true, ticks }
      if (ticks === GOOD_TICKS) backoff.reset()
      if (ticks % GOOD_TICKS === 0) await readStatistics(device)
    }
  }

  /** One connection, from open to close. Rejects when the camera is lost or cannot be used. */
  async function session(sink: SourceSink, signal: AbortSignal): Promise<void> {
    const device = await connect()
    camera = device
    lost = false
    try {
      report(sink, { state: 'connecting', ...identity(device.info) })
      await exclusively(() => device.configure(preset))
      let restarts = 0
      while (!signal.aborted) {
        const { end, good } = await stream(device, sink, signal)
        if (signal.aborted) return
        if (good) restarts = 0
        if (end.kind !== 'stall' || restarts++ === MAX_RESTARTS) {
          const kind = end.kind === 'gone' ? 'gone' : 'error'
          const why = kind === 'gone' ? 'was unplugged' : 'stopped sending data'
          throw new UsbError(kind, `The camera ${why}.`, { cause: end.error })
        }
        counts.stalls++
        report(sink, { state: 'stalled', reason: 'no data', ...identity(device.info) })
        await exclusively(() => device.stop())
      }
    } finally {
      camera = undefined
      await exclusively(() => device.close())
      counts.transfers += device.transfers()
      add(totals, device.counters.snapshot())
    }
  }

  function reportFailure(sink: SourceSink, error: EvtrackError | UsbError): void {
    if (error instanceof UsbError) {
      counts.usbErrors++
      lost = true
      report(sink, { state: 'disconnected', code: 'CAMERA_LOST', reason: error.message })
    } else if (error.code === 'FIRMWARE_UNSUPPORTED') {
      lost = false
      report(sink, {
        state: 'refused',
        code: error.code,
        reason: error.message,
        ...identity(error.data as Partial<DeviceInfo>),
      })
    } else if (error.code !== 'CAMERA_NOT_FOUND' || !(lost || refused.size > 0)) {
      // After a loss, or beside a refused camera, that there is no other one is nothing new.
      if (error.code !== 'CAMERA_NOT_FOUND') lost = false
      report(sink, { state: 'disconnected', code: error.code, reason: error.message })
    }
  }

  async function loop(sink: SourceSink, signal: AbortSignal): Promise<'aborted'> {
    const unsubscribe = port.onAttach((device) => {
      refused.delete(place(device))
      wake.abort()
    })
    const onAbort = () => wake.abort()
    signal.addEventListener('abort', onAbort)
    report(sink, { state: 'connecting' })
    try {
      while (!signal.aborted) {
        wake = new AbortController()
        try {
          await session(sink, signal)
        } catch (error) {
          if (signal.aborted) break
          if (!(error instanceof EvtrackError || error instanceof UsbError)) throw error
          reportFailure(sink, error)
        }
        // A camera that is plugged in meanwhile ends the wait.
        if (!signal.aborted) await clock.sleep(backoff.next(), wake.signal).catch(() => {})
      }
    } finally {
      unsubscribe()
      signal.removeEventListener('abort', onAbort)
    }
    return 'aborted'
  }

  return {
    info: {
      kind: 'camera',
      size: DAVIS346_SIZE,
      name: serial === undefined ? 'DAVIS346' : `DAVIS346 ${serial}`,
      ...(serial !== undefined && { serial }),
    },

    run(sink, signal) {
      const result = loop(sink, AbortSignal.any([signal, closed.signal]))
      running = result.catch(() => {})
      return result
    },

    async configure(next) {
      preset = next
      const device = camera
      if (device !== undefined) await exclusively(() => device.configure(next))
    },

    device: () => camera?.info,

    pairing() {
      const pairing = camera?.pairing
      return pairing && { offsetUs: pairing.offsetUs(), driftPpm: pairing.driftPpm() }
    },

    counters() {
      const decoded = { ...totals }
      if (camera !== undefined) add(decoded, camera.counters.snapshot())
      const transfers = counts.transfers + (camera?.transfers() ?? 0)
      return { ...counts, transfers, ...decoded, ...statistics }
    },

    async close() {
      closed.abort()
      await running
    },
  }
}

function add(sums: Record<string, number>, values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) sums[name] = (sums[name] ?? 0) + value
}
