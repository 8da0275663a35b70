import { createCounters } from '../events/counters.js'
import { EvtrackError } from '../events/errors.js'
import { type Box, clampToSensor, type Size } from '../events/geometry.js'
import type { TrackerSession } from '../inference/tracker-session.js'
import type { Frame } from '../pipeline/frame.js'
import { ActivityGrid, activePixels, silenceFloor } from './activity.js'
import { checkBox } from './check-box.js'
import type { Peak } from './decode.js'
import { mergeTargets } from './merge.js'
import { inflate, isLeaving, type Motion, predict } from './motion.js'
import { type Cluster, createProposer, type ProposerCounter } from './proposals.js'
import { canReach, candidateFor } from './reach.js'
import type { TrackingConfig } from './schema.js'
import { createSearcher } from './searcher.js'
import { advanceLife, type Evidence, endLife, type LifePlan } from './target.js'
import { applyPeak, isOutside, newTarget, publish, type Target, toTrack } from './target-record.js'
import { createTimeline } from './timeline.js'
import type { StepResult, Track, TrackEvent, TrackSummary } from './track.js'

/**
 * Follows several targets through windows. All state is a function of the windows and commands it was given: no clock
 * (but for reporting how long inference took), no chance, so the same recording gives the same tracks.
 */
export interface TargetManager {
  /**
   * Takes one window; the frame is borrowed until the promise settles. One call at a time. Rejects with what the session
   * rejects with; targets are then as before but for the time that has passed.
   */
  step(frame: Frame): Promise<StepResult>
  /**
   * Starts a target from a box in sensor pixels; it is confirmed at once. Returns the 'new' event, to be published now.
   * Throws EvtrackError CONFIG_INVALID for an unusable box or when all places are taken by confirmed targets.
   */
  start(box: Box, label?: string): TrackEvent
  /** Ends a target. Returns the 'end' event, or nothing when no target has this id. */
  stop(id: string): TrackEvent | undefined
  /** Ends all. Returns the 'end' events, once; later calls return none. */
  close(): Promise<readonly TrackEvent[]>
  /** Confirmed tracks as last published. */
  snapshot(): readonly Track[]
  counters(): Record<ManagerCounter | ProposerCounter, number>
}

const COUNTERS = [
  'targetsCommanded',
  'targetsProposed',
  'targetsConfirmed',
  'targetsUnconfirmed',
  'targetsLost',
  'targetsReacquired',
  'targetsEnded',
  'targetsMerged',
  'proposalsRefusedFull',
  'searchesRun',
  'searchesSparedBySilence',
  'windowsTorn',
] as const
export type ManagerCounter = (typeof COUNTERS)[number]

/** New targets that one window may bring, so that their templates cannot delay the tracks. */
const MAX_NEW_PER_WINDOW = 2
/** Events that end a silence must be this much more than those that begin it. */
const WAKE_FACTOR = 1.5

interface Job {
  readonly target: Target
  readonly motion: Motion
  readonly growth: number
  readonly cluster: Cluster | undefined
  /** Whether the target's own place is silent. */
  readonly silent: boolean
}

export function createTargetManager(options: {
  readonly session: TrackerSession
  readonly size: Size
  readonly config: TrackingConfig
  /** Makes ids unique over boots: ids are `<idPrefix>-<number>`. */
  readonly idPrefix: string
  readonly nowMs?: () => number
}): TargetManager {
  const { session, size, config, idPrefix, nowMs = () => performance.now() } = options
  const { maxTargets, windowStrength } = config
  const searcher = createSearcher({ session, size, capacity: maxTargets, windowStrength })
  const grid = new ActivityGrid(size, config.proposals.cellPx)
  const proposer = createProposer({ size, config: config.proposals })
  const timeline = createTimeline(config.gapGraceWindows)
  const counters = createCounters(COUNTERS)
  const { values, index } = counters
  let targets: Target[] = []
  let orders = 0
  let ids = 0
  let stepping = false
  let closed = false

  return {
    async step(frame) {
      if (stepping || closed) throw new Error('a target manager takes one window at a time')
      stepping = true
      try {
        return await step(frame)
      } finally {
        stepping = false
      }
    },
    start(box, label) {
      checkBox(box, { size, minBoxPx: config.minBoxPx })
      makeRoom()
      const motion = { box: clampToSensor(box, size), vx: 0, vy: 0 }
      const tUs = timeline.tUs
      const target = newTarget({ order: orders++, found: false, motion, tUs, label })
      confirm(target)
      targets.push(target)
      count('targetsCommanded')
      return publish(target, { life: target.life, event: 'new' }, size)!
    },
    stop(id) {
      const target = targets.find((candidate) => candidate.id === id)
      return target === undefined ? undefined : end(target, 'stopped')
    },
    async close() {
      closed = true
      return targets.flatMap((target) => end(target, 'shutdown') ?? [])
    },
    snapshot: () => targets.flatMap((target) => target.published ?? []),
    counters: () => ({ ...counters.snapshot(), ...proposer.counters() }),
  }

  async function step(frame: Frame): Promise<StepResult> {
    const { seq, tStartUs, tEndUs } = frame.header
    const time = timeline.advance(frame.header)
    if (time.torn) {
      count('windowsTorn')
      proposer.reset()
    }
    for (const target of targets) passTime(target, { dtUs: time.dtUs, tUs: tEndUs, torn: time.torn })

    const before = nowMs()
    const evidence = new Map<Target, Evidence['kind']>()
    const jobs = await planJobs(frame, evidence)
    const peaks = await searcher.search(
      frame,
      jobs.map(({ target, motion, growth }) => ({
        box: motion.box,
        growth,
        template: (target.life.phase === 'lost' ? undefined : target.renewed) ?? target.template!,
      })),
    )
    values[index.searchesRun]! += jobs.length
    for (const [i, job] of jobs.entries()) {
      evidence.set(job.target, settle(job, peaks[i]!, time.dtUs))
    }
    await renewTemplates(frame, jobs, peaks)

    const events: TrackEvent[] = []
    for (const [target, kind] of evidence) {
      // A gap is not evidence against anybody.
      const judged = time.grace && kind !== 'good' ? 'none' : kind
      const plan = judge(target, judged, time.dtUs)
      take(target, plan, events)
    }
    for (const target of mergeTargets(alive(), config)) {
      count('targetsMerged')
      take(target, endLife(target.life, 'merged'), events)
    }
    await discover(frame, time.dtUs)
    const inferenceMs = nowMs() - before
    targets = alive()
    const tracks = targets.flatMap((target) => target.published ?? [])
    return { seq, tStartUs, tEndUs, tracks, events, inferences: jobs.length, inferenceMs }
  }

  function passTime(target: Target, time: { dtUs: number; tUs: number; torn: boolean }): void {
    const { life } = target
    target.tUs = time.tUs
    target.ageUs += time.dtUs
    target.templateAgeUs += time.dtUs
    target.windows++
    // A silent target is not moving: its box waits where it was.
    if (life.phase === 'still' || life.quiet > 0) return
    const coasting = time.torn || life.phase === 'lost' || life.misses > 0
    target.motion = predict(target.motion, time.dtUs, { coasting, coastMs: config.coastMs })
  }

  /** Decides for each target: search here, search at a candidate, or nothing because all is silent. */
  async function planJobs(frame: Frame, evidence: Map<Target, Evidence['kind']>): Promise<Job[]> {
    const jobs: Job[] = []
    for (const target of targets) {
      const { life } = target
      const growth = Math.min(
        config.searchGrowthMax,
        1 + (config.searchGrowthPerSecond * life.unseenUs) / 1e6,
      )
      const silent = isSilent(frame, target, growth)
      if (target.template === undefined && !(await takeTemplate(frame, target, silent))) {
        evidence.set(target, 'silent')
        continue
      }
      const candidate = candidateFor(target, proposer.clusters, session.spec.searchFactor, config)
      // Its own place and a candidate take turns, unless only one of them has events.
      const cluster = silent || target.searches % 2 === 1 ? candidate : undefined
      if (silent && cluster === undefined) {
        count('searchesSparedBySilence')
        evidence.set(target, 'silent')
        continue
      }
      const motion = cluster === undefined ? target.motion : moveTo(target.motion, cluster)
      jobs.push({ target, motion, growth: cluster === undefined ? growth : 1, cluster, silent })
    }
    return jobs
  }
  // CONTINUED
}
