import type { EventBatch } from '../events/batch.js'
import type { Size } from '../events/geometry.js'
import type { ApsImage, Gap, ImuSample, Trigger } from '../events/signals.js'

/**
 * Where events come from: a camera, a recording or a scene, behind one interface, so that every fault and every
 * recording can be replayed through the same pipeline.
 *
 * Everything handed to the sink is borrowed: valid until the call returns.
 */
export interface Source {
  readonly info: SourceInfo
  /**
   * Delivers to the sink until the source ends (`'end'`), or the signal aborts (`'aborted'`). A camera survives unplug
   * and replug inside run(); it reports through `sink.state`. Rejects with EvtrackError only for what retrying cannot mend.
   */
  run(sink: SourceSink, signal: AbortSignal): Promise<'end' | 'aborted'>
  close(): Promise<void>
  /** Counters by name for health: decoder violations, overruns, reconnects and the like. */
  counters(): Record<string, number>
}

export interface SourceInfo {
  readonly kind: 'camera' | 'recording' | 'scene'
  readonly size: Size
  /** For a camera known after connecting: `sink.state` carries updates. */
  readonly serial?: string
  readonly firmware?: number
  readonly logic?: number
  readonly name: string
}

export interface SourceSink {
  /**
   * Events in time order. The sink may compact the batch in place (filters do). A recording or a scene waits for a
   * returned promise before it goes on (back pressure, so that nothing is dropped at full speed); a camera never does.
   */
  events(batch: EventBatch): void | Promise<void>
  /**
   * Device time has reached `tUs` although no event came (timestamp wraps, other words): lets windows close on time in
   * a silent scene. Never less than the newest event's time.
   */
  time(tUs: number, hostUs: number): void
  image?(image: ApsImage): void
  imu?(sample: ImuSample): void
  trigger?(trigger: Trigger): void
  /** The stream is not continuous here: events were lost or time restarted. */
  gap(gap: Gap): void
  state?(state: SourceState): void
}

export interface SourceState {
  readonly state: 'connecting' | 'streaming' | 'stalled' | 'disconnected' | 'refused'
  readonly reason?: string
  /** Stable error code when `state` is 'refused' or 'disconnected' for a known reason. */
  readonly code?: string
  readonly serial?: string
  readonly firmware?: number
  readonly logic?: number
}
