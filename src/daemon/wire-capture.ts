import type { SourceInfo, SourceState } from '../sources/source.js'
import type { CaptureEvents } from './capture-thread.js'
import { CaptureThread } from './capture-thread.js'
import type { CaptureWorkerData } from './capture-worker.js'
import type { DaemonHooks } from './daemon-types.js'
import type { DaemonFacts } from './facts.js'
import type { Log } from './log.js'
import type { Config } from './schema.js'
import { recordingsDir } from './state-dir.js'

export interface CaptureWiring {
  readonly log: Log
  readonly facts: DaemonFacts
  readonly hooks: DaemonHooks
  /** The configuration that is in effect. */
  readonly config: () => Config
  readonly onInfo: (info: SourceInfo) => void
  readonly onState: (state: SourceState) => void
  /** What is published of the camera has changed. */
  readonly cameraChanged: () => void
  readonly ended: () => void
  readonly failed: (error: Error) => void
}

/** Starts the capture thread of a running daemon: what it tells goes to the facts, the log and whoever watches. */
export function startCapture(data: CaptureWorkerData, to: CaptureWiring): CaptureThread {
  const { log, facts, hooks, config } = to
  const events: CaptureEvents = {
    started: (info) => {
      // A recording or a scene has no states of its own: it streams from the start.
      if (info.kind !== 'camera') facts.sourceState = { state: 'streaming' }
      to.onInfo(info)
    },
    state: (state) => {
      facts.sourceState = state
      const calm = state.state === 'streaming' || state.state === 'connecting'
      const { code, reason, serial } = state
      log[calm ? 'info' : 'warning'](`camera ${state.state}`, { code, reason, serial })
      to.onState(state)
    },
    counters: (counters) => {
      facts.captured(counters)
      hooks.onCounters?.(counters)
    },
    recorded: ({ name, bytes, stopped }) => {
      const level = stopped === 'write-failed' ? 'error' : 'info'
      log[level]('a recording has ended', { name, bytes, stopped })
    },
    guarded: (state) => {
      log[state.level === 0 ? 'info' : 'warning']('event-rate guard', facts.guarded(state))
      to.cameraChanged()
    },
    ended: () => {
      log.info('the source has ended')
      to.ended()
    },
    failed: (error) => to.failed(error),
  }
  return new CaptureThread(data, events, () => {
    const { minFreeBytes, maxBytes } = config().recording
    const { serial } = facts.sourceState
    const directory = recordingsDir(config())
    return { directory, minFreeBytes, maxBytes, ...(serial !== undefined && { serial }) }
  })
}
