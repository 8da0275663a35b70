import { EvtrackError } from '../events/errors.js'
import type { Size } from '../events/geometry.js'
import type { TrackerSession } from '../inference/tracker-session.js'
import type { Frame } from '../pipeline/frame.js'
import type { PipelineConfig } from '../pipeline/pipeline.js'
import type { Sequence } from '../sources/sequence/sequence.js'
import type { TargetManager } from '../tracking/manager.js'
import { OnePass, type OnePassMode, type OnePassResult } from '../tracking/one-pass.js'
import type { TrackingConfig } from '../tracking/schema.js'
import { createStaticTracker } from '../tracking/static-tracker.js'
import { runOffline } from './offline.js'
import { createTracker } from './open-tracker.js'

/** What `evtrackd eval` can run: the daemon's trackers, and the box that never moves. */
export const EVALUATED_TRACKERS = ['spiking', 'cluster', 'static'] as const
export type EvaluatedTracker = (typeof EVALUATED_TRACKERS)[number]

/** One way of running a tracker; all of a call see the same windows. */
export interface Contestant {
  readonly tracker: EvaluatedTracker
  readonly mode: OnePassMode
}

/** As tables and result folders name it: the tracker, and how it was run where that is not offline. */
export function contestantName({ tracker, mode }: Contestant): string {
  return mode === 'offline' ? tracker : `${tracker}-${mode}`
}

export interface TrackerNeeds {
  readonly pipeline: PipelineConfig
  readonly tracking: TrackingConfig
  readonly session: TrackerSession | undefined
}

export function contestantManager(
  tracker: EvaluatedTracker,
  needs: TrackerNeeds & { readonly size: Size },
): TargetManager {
  const { size, session, tracking } = needs
  const parts = { size, config: tracking, idPrefix: 't' }
  return tracker === 'static'
    ? createStaticTracker(parts)
    : createTracker(tracker, { ...parts, session })
}

/**
 * Runs a sequence once through the pipeline and every contestant over its windows. Returns their results in order, or a
 * reason why the sequence cannot be judged: its first box is not one a target can be started from, no window falls
 * between its labels, or its events cannot be read.
 */
export async function evaluateSequence(
  sequence: Sequence,
  options: TrackerNeeds & {
    readonly contestants: readonly Contestant[]
    /** Sees every window with what is known of it after all contestants had it. */
    readonly onFrame?: (frame: Frame, managers: readonly TargetManager[]) => void
  },
): Promise<readonly OnePassResult[] | string> {
  const { labels } = sequence
  const { contestants, pipeline, onFrame } = options
  const source = await sequence.open()
  const { size } = source.info
  const managers = contestants.map(({ tracker }) =>
    contestantManager(tracker, { ...options, size }),
  )
  const passes = contestants.map(
    ({ mode }, i) => new OnePass({ manager: managers[i]!, mode, size, labels }),
  )
  const lastUs = labels.at(-1)!.tUs
  let between = 0
  const over = new AbortController()
  try {
    await runOffline(source, {
      config: pipeline,
      signal: over.signal,
      onFrame: async (frame) => {
        const { tEndUs } = frame.header
        if (tEndUs > lastUs) {
          over.abort()
          return
        }
        if (tEndUs >= labels[0].tUs) between++
        for (const pass of passes) await pass.frame(frame)
        onFrame?.(frame, managers)
      },
    })
    const results: OnePassResult[] = []
    for (const pass of passes) results.push(await pass.end())
    return between > 0 ? results : 'no window of its events ends between its labels'
  } catch (error) {
    if (!(error instanceof EvtrackError)) throw error
    if (error.code !== 'RECORDING_CORRUPT' && error.code !== 'CONFIG_INVALID') throw error
    return error.message
  } finally {
    for (const manager of managers) await manager.close()
    await source.close()
  }
}
