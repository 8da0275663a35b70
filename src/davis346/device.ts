import { EvtrackError } from '../events/errors.js'
import type { Clock } from '../events/time.js'
import { type BulkEnd, type BulkStream, UsbError, type UsbHandle } from '../usb/port.js'
import { perform, readRegister, writeRegister } from './access.js'
import { type ClockPairing, createClockPairing } from './clock-pairing.js'
import { planChange, planConfiguration, producerWrites } from './configure.js'
import { createDecoder, type DecoderSink } from './decoder.js'
import { type DeviceInfo, identify } from './identify.js'
import { ENDPOINT, REG, type Register } from './registers.js'
import type { FirmwareGates, Preset } from './schema.js'
import { createDecoderCounters, type DecoderCounters } from './violations.js'

export interface StartOptions {
  readonly sink: DecoderSink
  readonly transferBytes: number
  readonly transferCount: number
  /** The stream ended, by stop() or by itself. Called once a start. */
  readonly onEnd: (end: BulkEnd) => void
}

/** Events that the camera itself did not deliver, since its power-up. Absent where its logic does not count them. */
export interface DeviceStatistics {
  readonly muxDvsDropped?: number
  readonly muxExternalDropped?: number
  readonly dvsRows?: number
  readonly dvsColumns?: number
  readonly dvsDropped?: number
  readonly dvsFilteredPixels?: number
  readonly dvsFilteredBackgroundActivity?: number
  readonly dvsFilteredRefractory?: number
}

/** One opened and identified camera. Its requests are made one after another; a caller awaits each. */
export interface Davis346 {
  readonly info: DeviceInfo
  /**
   * Writes the preset: everything the first time, then only what changed, while streaming too. Resolves with the
   * number of requests made.
   */
  configure(preset: Preset): Promise<number>
  /** Streams to the sink from a timestamp reset on. Rejects with UsbError, and with the signal's reason on abort. */
  start(options: StartOptions, signal: AbortSignal): Promise<void>
  /** Switches everything off and retires the transfers. Quiet on a camera that has gone. */
  stop(): Promise<void>
  /** Restarts device time at 0. The stream carries a reset where it happened. */
  resetTimestamps(): Promise<void>
  statistics(): Promise<DeviceStatistics>
  /** Host time against device time. */
  readonly pairing: ClockPairing
  /** What the decoder counted since open. */
  readonly counters: DecoderCounters
  /** Transfers received since open. */
  transfers(): number
  close(): Promise<void>
}

/** Waits that the biases and the FIFOs need to settle, milliseconds. */
/** Transfers wait in the host for up to about a second; a camera that is further ahead of it is none. */
const MAX_AHEAD_US = 10_000_000
const OFF_MS = 10
const BIAS_SETTLE_MS = 200
const RUN_SETTLE_MS = 50
/** The reset word comes within one early-packet delay; this long means that it does not come. */
const RESET_TIMEOUT_MS = 1000

const PRODUCERS = [
  REG.dvsRun,
  REG.apsRun,
  REG.imuRunAccelerometer,
  REG.imuRunGyroscope,
  REG.imuRunTemperature,
  REG.externalRunDetector,
]
const TRANSPORT_OFF = [REG.muxRun, REG.muxTimestampRun, REG.usbRun, REG.muxRunChip]

/** Identifies the camera behind an opened handle; the handle is closed again if that fails. */
export async function openDavis346(options: {
  handle: UsbHandle
  gates: FirmwareGates
  clock: Clock
}): Promise<Davis346> {
  const { handle, gates, clock } = options
  try {
    return createDavis346(handle, await identify(handle, gates), clock)
  } catch (error) {
    await handle.close()
    throw error
  }
}

function createDavis346(handle: UsbHandle, info: DeviceInfo, clock: Clock): Davis346 {
  const pairing = createClockPairing()
  let preset: Preset | undefined
  // False when a failed change left the registers in a state nobody knows.
  let known = false
  let stream: BulkStream | undefined
  const counters = createDecoderCounters()
  let transfers = 0

  const write = (register: Pick<Register, 'module' | 'parameter'>, value: number) =>
    writeRegister(handle, register, value)

  async function allOff(): Promise<void> {
    for (const register of [...PRODUCERS, ...TRANSPORT_OFF]) await write(register, 0)
  }

  async function configure(next: Preset): Promise<number> {
    const running = stream !== undefined
    const steps =
      preset !== undefined && known
        ? planChange({ previous: preset, next, info, running })
        : planConfiguration(next, info)
    if (running && !known) {
      for (const w of producerWrites(next)) steps.push({ kind: 'write', write: w })
    }
    known = false
    for (const step of steps) await perform(handle, step)
    preset = next
    known = true
    return steps.length
  }

  async function resetTimestamps(): Promise<void> {
    const { module, parameter } = REG.muxTimestampReset
    const writes = [1, 0].map((value) => ({ module, parameter, value }))
    await perform(handle, { kind: 'multiple', writes })
  }

  /** The sink behind a gate that opens at the first timestamp reset: what came before has no anchored time. */
  function anchoredSink(
    sink: DecoderSink,
    anchor: { reached: boolean; wake(): void },
  ): DecoderSink {
    return {
      events: (batch) => {
        if (anchor.reached) sink.events(batch)
      },
      time: (tUs, hostUs) => {
        if (anchor.reached) sink.time(tUs, hostUs)
      },
      image: (image) => {
        if (anchor.reached) sink.image?.(image)
      },
      imu: (sample) => {
        if (anchor.reached) sink.imu?.(sample)
      },
      trigger: (trigger) => {
        if (anchor.reached) sink.trigger?.(trigger)
      },
      gap: (gap) => {
        if (gap.reason === 'reset') pairing.restart()
        if (anchor.reached) sink.gap(gap)
        else if (gap.reason === 'reset') anchor.wake()
      },
    }
  }

  async function start(options: StartOptions, signal: AbortSignal): Promise<void> {
    if (preset === undefined) throw new Error('configure() comes before start()')
    const woken = new AbortController()
    const anchor = {
      reached: false,
      wake() {
        anchor.reached = true
        woken.abort()
      },
    }
    let end: BulkEnd | undefined
    const step = async (action: Promise<void>) => {
      await action
      signal.throwIfAborted()
      if (end !== undefined) {
        const kind = end.kind === 'gone' ? 'gone' : 'error'
        throw new UsbError(kind, 'The stream ended at its start.', { cause: end.error })
      }
    }

    try {
      await step(allOff())
      await step(clock.sleep(OFF_MS, signal))
      await step(handle.clearHalt(ENDPOINT.data))
      pairing.restart()
      const decoder = createDecoder({
        counters,
        layout: info,
        sink: anchoredSink(options.sink, anchor),
        batchCapacity: Math.max(1, options.transferBytes >> 1),
        maxAheadUs: MAX_AHEAD_US,
      })
      stream = handle.startBulkIn({
        endpoint: ENDPOINT.data,
        transferBytes: options.transferBytes,
        transferCount: options.transferCount,
        onTransfer(data, hostUs) {
          transfers++
          decoder.decode(data, hostUs)
          pairing.update(hostUs, decoder.timeUs())
        },
        onEnd(bulkEnd) {
          end = bulkEnd
          stream = undefined
          woken.abort()
          options.onEnd(bulkEnd)
        },
      })
      await step(write(REG.muxRunChip, 1))
      await step(clock.sleep(BIAS_SETTLE_MS, signal))
      await step(write(REG.usbRun, 1))
      await step(write(REG.muxTimestampRun, 1))
      await step(write(REG.muxRun, 1))
      await step(clock.sleep(RUN_SETTLE_MS, signal))
      for (const w of producerWrites(preset)) {
        if (w.value === 1) await step(write(w, 1))
      }
      // A slave follows the reset of its master; its time is taken as it comes.
      if (info.master) {
        await step(resetTimestamps())
        const onAbort = () => woken.abort()
        signal.addEventListener('abort', onAbort)
        await clock.sleep(RESET_TIMEOUT_MS, woken.signal).catch(() => {})
        signal.removeEventListener('abort', onAbort)
        await step(Promise.resolve())
      }
      anchor.reached = true
    } catch (error) {
      await stop()
      throw error
    }
  }

  async function stop(): Promise<void> {
    try {
      await allOff()
    } catch (error) {
      // Off is what it is or what the next start makes it.
      if (!(error instanceof UsbError || error instanceof EvtrackError)) throw error
    } finally {
      await stream?.stop()
      stream = undefined
    }
  }

  async function statistics(): Promise<DeviceStatistics> {
    const read = (register: Register) => readRegister(handle, register)
    return {
      ...(info.has.muxStatistics && {
        muxExternalDropped: await read(REG.muxStatisticsExternalDropped),
        muxDvsDropped: await read(REG.muxStatisticsDvsDropped),
      }),
      ...(info.has.dvsStatistics && {
        dvsRows: await read(REG.dvsStatisticsRows),
        dvsColumns: await read(REG.dvsStatisticsColumns),
        dvsDropped: await read(REG.dvsStatisticsDropped),
      }),
      ...(info.has.dvsStatistics &&
        info.has.pixelFilter && {
          dvsFilteredPixels: await read(REG.dvsStatisticsFilteredPixels),
        }),
      ...(info.has.dvsStatistics &&
        info.has.backgroundActivityFilter && {
          dvsFilteredBackgroundActivity: await read(REG.dvsStatisticsFilteredBackgroundActivity),
          dvsFilteredRefractory: await read(REG.dvsStatisticsFilteredRefractory),
        }),
    }
  }

  return {
    info,
    configure,
    start,
    stop,
    resetTimestamps,
    statistics,
    pairing,
    counters,
    transfers: () => transfers,
    async close() {
      if (stream !== undefined) await stop()
      await handle.close()
    },
  }
}
