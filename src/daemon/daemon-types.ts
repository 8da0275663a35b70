import type { Size } from '../events/geometry.js'
import type { BrokerStatus } from '../publish/broker.js'
import type { OpenedBroker } from '../publish/open-broker.js'
import type { Publisher } from '../publish/publisher.js'
import type { CommandHandlers } from '../publish/requests.js'
import type { StepResult } from '../tracking/track.js'
import type { CalibrationNews } from './calibration-news.js'
import type { DaemonFacts } from './facts.js'
import type { Snapshot } from './inference-thread.js'
import type { LiveCalibration } from './live-calibration.js'
import type { CaptureCounters } from './messages.js'
import type { Config } from './schema.js'

/** Watchers: the service around the daemon, the demo, the benchmarks. Nothing in the daemon depends on them. */
export interface DaemonHooks {
  readonly onStep?: (result: StepResult, hostUs: number) => void
  readonly onCounters?: (counters: CaptureCounters) => void
  /** The state of the daemon or of its camera has changed. */
  readonly onState?: () => void
  /** A calibration of this camera begins, goes on or ends. */
  readonly onCalibration?: (news: CalibrationNews) => void
  /** The first windows have decided about the model package of that name, as it was configured. */
  readonly onModelJudged?: (name: string, outcome: 'kept' | 'reverted', error?: Error) => void
}

/** Commands about the process and its configuration, which belong to whoever started the daemon. */
export type Operations = Pick<CommandHandlers, 'camera/configure' | 'restart'>

export interface Daemon {
  readonly bootId: string
  readonly broker: OpenedBroker['endpoint']
  /** Resolves when the tracker is there and the source streams, for the first time. */
  readonly ready: Promise<void>
  /** It is being stopped, or has failed: `done` settles soon. */
  readonly stopping: boolean
  /** Resolves when a recording has ended or stop() is done; rejects when the daemon cannot go on. */
  readonly done: Promise<'ended' | 'stopped'>
  /** Stop is start reversed: source, tracker, publisher, broker. Idempotent. */
  stop(): Promise<void>
  /** A copy of the next window and what was tracked in it. Rejects when none comes within 2 s. */
  snapshot(): Promise<Snapshot>
  /**
   * Takes on the live part of a configuration (see reload.ts): all of it is judged before anything changes. Rejects
   * with CONFIG_INVALID, with MODEL_INVALID for a package that fails its golden run, or with the camera's error when it did not take its preset, which it gets again when it
   * reconnects. `commit` runs between judging and changing, and prevents the change by throwing.
   */
  reconfigure(config: Config, commit?: () => void): Promise<void>
  readonly config: Config
  readonly sensor: Size
  /** Starts and stops targets, as requests over MQTT do. */
  readonly targets: Pick<CommandHandlers, 'target/start' | 'target/stop'>
  readonly brokerStatus: BrokerStatus
  /** Calibrations of its camera, one at a time. */
  readonly calibration: LiveCalibration
  readonly publisher: Publisher
  readonly facts: DaemonFacts
}
