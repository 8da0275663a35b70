import { type Box, clampToSensor, type Size } from '../events/geometry.js'
import { checkBox } from './check-box.js'
import type { TargetManager } from './manager.js'
import type { TrackingConfig } from './schema.js'
import type { Track, TrackEvent, TrackSummary } from './track.js'

/**
 * The never-moving box: each target stays where it was started. It finds nothing by itself. The floor that every
 * tracker is measured against, since in many sequences it is not a low one.
 */
export function createStaticTracker(options: {
  readonly size: Size
  readonly config: TrackingConfig
  readonly idPrefix: string
}): TargetManager {
  const { size, config, idPrefix } = options
  const targets = new Map<string, { track: Track; startUs: number; windows: number }>()
  let tUs = 0
  let ids = 0

  const end = (id: string, endReason: TrackSummary['endReason']): TrackEvent | undefined => {
    const target = targets.get(id)
    if (target === undefined) return undefined
    targets.delete(id)
    const { track, startUs, windows } = target
    const { box } = track
    const summary: TrackSummary = {
      startUs,
      endUs: tUs,
      windows,
      meanScore: track.score,
      pathPixels: 0,
      firstBox: box,
      lastBox: box,
      endReason,
    }
    return { kind: 'end', after: track, before: track, summary }
  }

  return {
    async step({ header }) {
      const { seq, tStartUs, tEndUs } = header
      const dtUs = Math.max(0, tEndUs - tUs)
      tUs = tEndUs
      for (const target of targets.values()) {
        target.windows++
        target.track = { ...target.track, tUs, ageUs: target.track.ageUs + dtUs }
      }
      const tracks = [...targets.values()].map(({ track }) => track)
      return { seq, tStartUs, tEndUs, tracks, events: [], inferences: 0, inferenceMs: 0 }
    },
    start(box: Box, label?: string) {
      checkBox(box, { size, minBoxPx: config.minBoxPx })
      const track: Track = {
        id: `${idPrefix}-${++ids}`,
        state: 'still',
        score: 1,
        box: clampToSensor(box, size),
        velocity: { x: 0, y: 0 },
        ageUs: 0,
        tUs,
        ...(label === undefined ? {} : { label }),
      }
      targets.set(track.id, { track, startUs: tUs, windows: 0 })
      return { kind: 'new', after: track }
    },
    stop: (id) => end(id, 'stopped'),
    close: async () => [...targets.keys()].flatMap((id) => end(id, 'shutdown') ?? []),
    snapshot: () => [...targets.values()].map(({ track }) => track),
    counters: () => NO_COUNTS,
  }
}

const NO_COUNTS = {
  targetsCommanded: 0,
  targetsProposed: 0,
  targetsConfirmed: 0,
  targetsUnconfirmed: 0,
  targetsLost: 0,
  targetsReacquired: 0,
  targetsEnded: 0,
  targetsMerged: 0,
  targetsDisplaced: 0,
  proposalsRefused: 0,
  searches: 0,
  searchesSpared: 0,
  windowsTorn: 0,
  clustersDropped: 0,
  busyWindows: 0,
}
