import { createCounters } from '../events/counters.js'
import { EvtrackError } from '../events/errors.js'
import { type Box, center, clampToSensor, type Size } from '../events/geometry.js'
import type { TrackerSession } from '../inference/tracker-session.js'
import type { Frame } from '../pipeline/frame.js'
import { ActivityGrid } from './activity.js'
import { checkBox } from './check-box.js'
import { mergeTargets } from './merge.js'
import { inflate, isLeaving, predict } from './motion.js'
import { createObserver, type Observer, type ObserverParts, type Verdict } from './observer.js'
import { createProposer, type ProposerCounter } from './proposals.js'
import { isAwaited } from './reach.js'
import type { TrackingConfig } from './schema.js'
import { advanceLife, endLife, type LifePlan } from './target.js'
import { isOutside, newTarget, publish, type Target } from './target-record.js'
import { createTimeline, type TimeStep } from './timeline.js'
import type { StepResult, Track, TrackEvent, TrackSummary } from './track.js'

/**
 * Follows several targets through windows. All state is a function of the windows and commands it was given: no clock
 * (but to report how long a window took), no chance, so the same recording gives the same tracks.
 */
export interface TargetManager {
  /**
   * Takes one window; the frame is borrowed until the promise settles, and calls do not overlap. Rejects with what
   * the session rejects with; the targets are then as before but for the time that has passed.
   */
  step(frame: Frame): Promise<StepResult>
  /**
   * Starts a target from a box in sensor pixels, confirmed at once and still until its events are seen. Returns the
   * 'new' event, for the caller to publish. Throws EvtrackError CONFIG_INVALID for an unusable box, or when confirmed
   * targets take all places.
   */
  start(box: Box, label?: string): TrackEvent
  /** Ends a target. Returns its 'end' event, for the caller to publish; nothing when no target has this id. */
  stop(id: string): TrackEvent | undefined
  /** Ends all targets and returns their 'end' events; a second call returns none. The session stays open. */
  close(): Promise<readonly TrackEvent[]>
  /** Confirmed tracks as of the last window or command. */
  snapshot(): readonly Track[]
  counters(): Record<ManagerCounter | ProposerCounter, number>
}

/** Targets followed by a network. */
export interface NetworkManager extends TargetManager {
  /**
   * Goes on with another network, between two windows. No network can read what another remembers of a target, so
   * appearances are taken anew where the targets are now; lost ones, which are nowhere, end. Returns their 'end' events.
   * The session before stays open.
   */
  adopt(session: TrackerSession): readonly TrackEvent[]
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
  'targetsDisplaced',
  'proposalsRefused',
  'searches',
  'searchesSpared',
  'windowsTorn',
] as const
export type ManagerCounter = (typeof COUNTERS)[number]

/** New targets that one window may bring, so that their templates cannot delay the tracks. */
const MAX_NEW_PER_WINDOW = 2
/** A target accounts for the events this far around its box. */
const EXPLAIN_FACTOR = 1.3
const EXPLAIN_PX = 4

export interface ManagerOptions {
  readonly size: Size
  readonly config: TrackingConfig
  /** Makes ids unique over boots: they are `<idPrefix>-<number>`, counted from 1. */
  readonly idPrefix: string
  readonly nowMs?: () => number
}

export interface TargetManagerOptions extends ManagerOptions {
  readonly session: TrackerSession
}

/** Targets followed by the network. */
export function createTargetManager(options: TargetManagerOptions): NetworkManager {
  const { session: first, ...rest } = options
  const through = (session: TrackerSession) => (parts: ObserverParts) =>
    createObserver({ ...parts, session })
  const { observeAnew, ...manager } = manageTargets(rest, through(first))
  return { ...manager, adopt: (session) => observeAnew(through(session)) }
}

/** Targets followed by whoever looks at the windows: finding, life and identity are the same for all. */
export function manageTargets(
  options: ManagerOptions,
  observe: (parts: ObserverParts) => Observer,
): TargetManager & { observeAnew(by: typeof observe): readonly TrackEvent[] } {
  const { size, config, idPrefix, nowMs = () => performance.now() } = options
  const grid = new ActivityGrid(size, config.proposals.cellPx)
  const proposer = createProposer({ size, config: config.proposals })
  const parts: ObserverParts = { size, config, grid, proposer, nowMs }
  let observer = observe(parts)
  const timeline = createTimeline(config.gapGraceWindows)
  const counters = createCounters(COUNTERS)
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
      const target = newTarget({ order: orders++, found: false, motion, tUs: timeline.tUs, label })
      target.id = nextId()
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
    observeAnew(by) {
      if (stepping || closed) throw new Error('a target manager is changed between two windows')
      observer = by(parts)
      for (const target of targets) {
        target.template = undefined
        target.renewed = undefined
      }
      const lost = targets.filter((target) => target.life.phase === 'lost')
      return lost.flatMap((target) => end(target, 'lost') ?? [])
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
    // Commands may come while the network works: they change `targets`, not this list.
    const present = [...targets]
    for (const target of present) passTime(target, time)

    const { verdicts, searches, spared } = await observer.observe(frame, present, time.dtUs)
    count('searches', searches)
    count('searchesSpared', spared)
    const events: TrackEvent[] = []
    const take = (event: TrackEvent | undefined) => event !== undefined && events.push(event)
    for (const target of present) take(judge(target, verdicts.get(target) ?? 'none', time))
    for (const target of mergeTargets(targets, config)) {
      count('targetsMerged')
      take(end(target, 'merged'))
    }
    await discover(frame, time.dtUs)
    const inferenceMs = observer.takeSessionMs()
    const tracks = targets.flatMap((target) => target.published ?? [])
    return { seq, tStartUs, tEndUs, tracks, events, inferences: searches, inferenceMs }
  }

  function passTime(target: Target, { dtUs, torn }: TimeStep): void {
    const { life } = target
    target.tUs = timeline.tUs
    target.ageUs += dtUs
    target.templateAgeUs += dtUs
    target.windows++
    // What is silent is not moving: its box waits where it was.
    if (life.phase === 'still' || life.quiet > 0) return
    const coasting = torn || life.phase === 'lost' || life.misses > 0
    target.motion = predict(target.motion, dtUs, { coasting, coastMs: config.coastMs })
  }

  function judge(target: Target, verdict: Verdict, time: TimeStep): TrackEvent | undefined {
    if (target.life.phase === 'ended') return undefined
    // A gap is not evidence against anybody.
    const kind = time.grace && verdict !== 'good' ? 'none' : verdict
    const outside = kind !== 'good' && isOutside(target.motion.box, size)
    if (outside && target.life.found) return end(target, 'left')
    const at = center(target.motion.box)
    const moved = Math.sqrt((at.x - target.origin.x) ** 2 + (at.y - target.origin.y) ** 2)
    const plan = advanceLife(
      target.life,
      {
        kind,
        dtUs: time.dtUs,
        moved: moved >= config.confirmMovePx,
        leaving: outside || isLeaving(target.motion, size),
      },
      config,
    )
    return carryOut(target, plan)
  }

  function carryOut(target: Target, plan: LifePlan): TrackEvent | undefined {
    const entered = plan.life.phase !== target.life.phase
    target.life = plan.life
    if (entered && plan.life.phase === 'still') target.motion = { ...target.motion, vx: 0, vy: 0 }
    if (plan.event === 'new') {
      target.id = nextId()
      count('targetsConfirmed')
    }
    if (plan.event === 'lost') count('targetsLost')
    if (plan.event === 'reacquired') count('targetsReacquired')
    if (plan.life.phase === 'ended') {
      targets = targets.filter((other) => other !== target)
      count(target.id === undefined ? 'targetsUnconfirmed' : 'targetsEnded')
    }
    return publish(target, plan, size)
  }

  function end(target: Target, reason: TrackSummary['endReason']): TrackEvent | undefined {
    return carryOut(target, endLife(target.life, reason))
  }

  /** Looks for clusters that no target explains and takes up those that move like a thing. */
  async function discover(frame: Frame, dtUs: number): Promise<void> {
    grid.count(frame)
    grid.clearExplained()
    for (const { life, motion } of targets) {
      // A lost target explains nothing: events near it may be the target.
      if (life.phase !== 'lost') grid.explain(inflate(motion.box, EXPLAIN_FACTOR, EXPLAIN_PX))
    }
    grid.updateNoise()
    // Also where nothing new is wanted: a target out of sight is looked for where something moves.
    proposer.update(grid, dtUs)
    if (!config.proposals.enabled) return
    const reach = { searchFactor: observer.searchFactor, lostMs: config.lostMs }
    let taken = 0
    for (const cluster of [...proposer.clusters]) {
      const box = taken < MAX_NEW_PER_WINDOW ? proposer.propose(cluster, frame) : undefined
      if (box === undefined || isAwaited(cluster, targets, reach)) continue
      if (targets.length >= config.maxTargets) {
        // Full: those there first stay; the cluster goes on being followed and may come again.
        count('proposalsRefused')
        continue
      }
      taken++
      proposer.remove(cluster)
      const motion = { box, vx: cluster.vx, vy: cluster.vy }
      const tUs = timeline.tUs
      const target = newTarget({ order: orders++, found: true, motion, tUs })
      // A command may have taken the last place meanwhile.
      const seen = await observer.takeTemplate(frame, target)
      if (!seen || targets.length >= config.maxTargets) continue
      count('targetsProposed')
      targets.push(target)
    }
  }

  /** A command takes the place of the newest unconfirmed target if it must, never that of a confirmed one. */
  function makeRoom(): void {
    if (targets.length < config.maxTargets) return
    const newest = targets.findLast((target) => target.life.phase === 'tentative')
    if (newest === undefined) {
      throw new EvtrackError(
        'CONFIG_INVALID',
        `All ${config.maxTargets} places for targets are taken.`,
        { next: 'Stop a target, or raise max_targets.', data: { maxTargets: config.maxTargets } },
      )
    }
    count('targetsDisplaced')
    end(newest, 'stopped')
  }

  function nextId(): string {
    ids++
    return `${idPrefix}-${ids}`
  }

  function count(name: ManagerCounter, by = 1): void {
    counters.values[counters.index[name]]! += by
  }
}
