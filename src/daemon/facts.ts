import { DECODER_COUNTERS } from '../davis346/violations.js'
import type { BackendReport } from '../inference/backends/backend.js'
import type { MeasuredEnergy } from '../inference/energy-sampler.js'
import { LatencyHistogram } from '../publish/latency.js'
import { round2 } from '../publish/payloads.js'
import type { CameraReport, HealthReport } from '../publish/publisher.js'
import type { SourceState } from '../sources/source.js'
import { backendHealth } from './backend-news.js'
import type { GuardState } from './capture-guard.js'
import type { CaptureCounters } from './messages.js'
import type { Progress } from './progress.js'

/** The first counters of the decoder say what it delivered; all others are violations of the protocol. */
const VIOLATIONS = DECODER_COUNTERS.slice(DECODER_COUNTERS.indexOf('unknownSpecial'))

/** Published name → counters of a source that are its sum. */
const LOST_IN_SOURCE: Readonly<Record<string, readonly string[]>> = {
  camera_events: ['muxDvsDropped', 'dvsDropped'],
  camera_external_events: ['muxExternalDropped'],
  protocol_violations: VIOLATIONS,
  stalls: ['stalls'],
  recording_events: ['eventsOffSensor', 'eventsBadTime'],
  recording_bytes: ['skippedBytes'],
  scene_events: ['dropped'],
}

/** An estimate and how it is made. */
type Energy = NonNullable<HealthReport['energy']>

function guardReport(state: GuardState): NonNullable<CameraReport['guard']> {
  const { level, measure, eventsPerSecond, maxEventsPerSecond } = state
  const { raised, lowered, exhausted, failed } = state
  return {
    level,
    measure,
    events_per_second: eventsPerSecond,
    max_events_per_second: maxEventsPerSecond,
    raised,
    lowered,
    exhausted,
    failed,
  }
}

/** What the main thread knows of the others, and what it says about them. Pure but for its own bookkeeping. */
export class DaemonFacts {
  /** From a calibration: holds until the drift has been measured anew. */
  knownDriftPpm: number | undefined
  /** The calibration that has the camera. */
  calibrating: string | undefined
  sourceState: SourceState = { state: 'connecting' }
  inference: 'opening' | 'ready' | 'failed' = 'opening'
  /** Undefined where the CPU is all that is wanted. */
  backend: BackendReport | undefined
  readonly inferenceMs = new LatencyHistogram()
  capture: CaptureCounters | undefined
  /** Since its last step; undefined while it is off or has done nothing. */
  guard: GuardState | undefined
  #captureReports = 0
  #inferenceReports = 0
  #previous: CaptureCounters | undefined
  #tracking: Readonly<Record<string, number>> = {}
  readonly #isCamera: boolean
  readonly #nowUs: () => number
  /** Of the package, before anything was measured; null without a network. */
  #energy: Energy | null
  #measured: MeasuredEnergy | undefined

  constructor(options: { isCamera: boolean; nowUs: () => number; energy?: Energy }) {
    this.#isCamera = options.isCamera
    this.#energy = options.energy ?? null
    this.#nowUs = options.nowUs
  }

  captured(counters: CaptureCounters): void {
    this.#previous = this.capture
    this.capture = counters
    this.guard = counters.guard
    this.#captureReports += 1
  }

  /** The guard took a step; gives what to log of it. */
  guarded(state: GuardState): Record<string, string | number> {
    this.guard = state
    const { measure, level, eventsPerSecond } = state
    return { measure, level, events_per_second: eventsPerSecond }
  }

  tracked(
    counters: Readonly<Record<string, number>>,
    inferenceMs: readonly number[],
    energy?: MeasuredEnergy,
  ): void {
    this.#tracking = counters
    this.#measured = energy
    this.#inferenceReports += 1
    for (const ms of inferenceMs) this.inferenceMs.record(ms)
  }

  /** Another package is in use, and nothing of it measured yet. */
  changeEnergy(energy: Energy): void {
    this.#energy = energy
    this.#measured = undefined
  }

  /** How far the other threads have come, for whoever judges whether they move. */
  progress(): Progress {
    return {
      captureReports: this.#captureReports,
      inferenceReports: this.#inferenceReports,
      committed: this.capture?.pool['committed'] ?? 0,
      taken: this.#tracking['taken'] ?? 0,
      opening: this.inference === 'opening',
    }
  }

  /** State of the whole daemon; a missing camera or network is a state, not a crash. */
  state(): { state: 'init' | 'ready' | 'degraded'; reason?: string } {
    if (this.inference === 'failed') {
      return { state: 'degraded', reason: 'BACKEND_UNAVAILABLE: inference has failed.' }
    }
    if (this.inference === 'opening') return { state: 'init' }
    const { state, code, reason } = this.sourceState
    if (state === 'streaming') {
      const { calibrating } = this
      if (calibrating === undefined) return { state: 'ready' }
      return { state: 'degraded', reason: `calibrating ${calibrating}` }
    }
    if (state === 'connecting') return { state: 'init' }
    return {
      state: 'degraded',
      reason: `${code ?? 'CAMERA_LOST'}: ${reason ?? `the camera is ${state}`}`,
    }
  }

  camera(): CameraReport {
    const { state, code, reason } = this.sourceState
    const shown = state === 'streaming' || state === 'stalled' ? state : 'disconnected'
    const why = [code, reason].filter((part) => part !== undefined).join(': ')
    return {
      state: shown,
      last_event_age_ms: this.#eventAgeMs(),
      ...(shown === 'streaming' || why === '' ? {} : { reason: why }),
      ...(this.guard !== undefined && { guard: guardReport(this.guard) }),
    }
  }

  #eventAgeMs(): number | null {
    const last = this.capture?.lastEventHostUs ?? 0
    return last === 0 ? null : Math.max(0, Math.round((this.#nowUs() - last) / 10) / 100)
  }

  #eventsPerSecond(): number | null {
    const { capture, sourceState } = this
    const previous = this.#previous
    if (capture === undefined || previous === undefined) return null
    if (sourceState.state !== 'streaming') return 0
    const events = (capture.filters['eventsIn'] ?? 0) - (previous.filters['eventsIn'] ?? 0)
    const us = capture.atUs - previous.atUs
    return us > 0 ? Math.max(0, Math.round((events * 1e6) / us)) : null
  }

  health(): HealthReport {
    const source = this.capture?.source ?? {}
    const memory = process.memoryUsage()
    const { clock, temperatureC, recording } = this.capture ?? {}
    return {
      events_per_second: this.#eventsPerSecond(),
      last_event_age_ms: this.#eventAgeMs(),
      drops: this.drops(),
      usb: this.#isCamera
        ? { errors: source['usbErrors'] ?? 0, reconnects: source['reconnects'] ?? 0 }
        : null,
      recording:
        recording === undefined
          ? null
          : {
              name: recording.name,
              seconds: Math.round(recording.seconds * 100) / 100,
              bytes: recording.bytes,
              events_dropped: recording.eventsDropped,
            },
      skipped_windows: this.#skippedWindows(),
      inference_ms: this.inferenceMs.percentiles(),
      ...(this.backend && { backend: backendHealth(this.backend) }),
      energy: this.#energyNow(),
      clock:
        clock === undefined
          ? null
          : {
              offset_us: Math.round(clock.offsetUs),
              drift_ppm: round2(
                Number.isNaN(clock.driftPpm) ? (this.knownDriftPpm ?? 0) : clock.driftPpm,
              ),
            },
      temperature_c: temperatureC === undefined ? null : Math.round(temperatureC * 10) / 10,
      memory: { rss_bytes: memory.rss, heap_used_bytes: memory.heapUsed },
    }
  }

  #energyNow(): Energy | null {
    if (this.#energy === null || this.#measured === undefined) return this.#energy
    const { microjoules, samples } = this.#measured
    return { ...this.#energy, mj_per_inference: Math.round(microjoules) / 1000, samples }
  }

  #skippedWindows(): number {
    return (this.#tracking['skipped'] ?? 0) + (this.#tracking['missed'] ?? 0)
  }

  /** What each hop lost, from the camera's logic to the tracker. Only hops that this source has. */
  drops(): Record<string, number> {
    const source = this.capture?.source ?? {}
    const lost: Record<string, number> = {}
    for (const [name, counters] of Object.entries(LOST_IN_SOURCE)) {
      const present = counters.filter((counter) => source[counter] !== undefined)
      if (present.length > 0) lost[name] = present.reduce((sum, c) => sum + source[c]!, 0)
    }
    lost['windows_without_memory'] = this.capture?.aggregation['windowsDropped'] ?? 0
    lost['windows_overwritten'] = this.capture?.pool['overwritten'] ?? 0
    lost['windows_skipped'] = this.#tracking['skipped'] ?? 0
    return lost
  }
}
