import { area, type Box, clampToSensor, type Size } from '../events/geometry.js'
import type { TrackerSession } from '../inference/tracker-session.js'
import type { Frame } from '../pipeline/frame.js'
import { type ActivityGrid, activePixels, silenceFloor } from './activity.js'
import { clipBox, type Peak } from './decode.js'
import { correct, inflate, type Motion } from './motion.js'
import type { Cluster, Proposer } from './proposals.js'
import { candidateFor } from './reach.js'
import type { TrackingConfig } from './schema.js'
import { createSearcher } from './searcher.js'
import type { Evidence } from './target.js'
import { markSeen, type Target } from './target-record.js'

export type Verdict = Evidence['kind']

/** Looks at the windows on behalf of the targets: what each window says of each of them. */
export interface Observer {
  /** Side of the region a target is looked for in, over the target's size. */
  readonly searchFactor: number
  /**
   * Searches for the targets, all in one batch, and moves those it finds. Targets in silent regions cost nothing.
   */
  observe(
    frame: Frame,
    targets: readonly Target[],
    dtUs: number,
  ): Promise<{ verdicts: Map<Target, Verdict>; searches: number; spared: number }>
  /** Remembers a target's appearance, if there are enough events in its box. */
  takeTemplate(frame: Frame, target: Target): Promise<boolean>
  /** Host milliseconds the network has worked since the last call. */
  takeSessionMs(): number
}

/** Events that end a silence must be this much more than those below which it begins. */
const WAKE_FACTOR = 1.5
/** A region is watched for events a little beyond the box: what starts to move shows at its edges. */
const WATCH_FACTOR = 1.2
/** Share of one window in what is usual for a target; a target that stops must not soon be used to it. */
const USUAL_RISE = 0.05
const USUAL_FALL = 0.01
/** A second peak above this share of the first makes a target too unsure to renew its template. */
const RIVAL_SHARE = 0.6

interface Job {
  readonly target: Target
  /** Where it is expected. */
  readonly motion: Motion
  readonly growth: number
  /** Set when the search is not at the target's own place. */
  readonly cluster: Cluster | undefined
  /** Pixels with events at the target's own place, and whether that is silence. */
  readonly active: number
  readonly silent: boolean
}

/** What an observer shares with the manager it works for. */
export interface ObserverParts {
  readonly size: Size
  readonly config: TrackingConfig
  readonly grid: ActivityGrid
  readonly proposer: Proposer
  readonly nowMs: () => number
}

export function createObserver(options: ObserverParts & { session: TrackerSession }): Observer {
  const { session, size, config, grid, proposer, nowMs } = options
  const { maxTargets, windowStrength } = config
  const searcher = createSearcher({ session, size, capacity: maxTargets, windowStrength, nowMs })
  const reach = { searchFactor: session.spec.searchFactor, lostMs: config.lostMs }

  return {
    searchFactor: reach.searchFactor,
    async observe(frame, targets, dtUs) {
      const verdicts = new Map<Target, Verdict>()
      const jobs: Job[] = []
      for (const target of targets) {
        if (target.template === undefined && !(await takeTemplate(frame, target))) {
          verdicts.set(target, 'silent')
          continue
        }
        const job = plan(frame, target)
        if (job === undefined) verdicts.set(target, 'silent')
        else jobs.push(job)
      }
      const spared = targets.length - jobs.length
      const peaks = await searcher.search(frame, jobs.map(request))
      for (const [i, job] of jobs.entries()) {
        verdicts.set(job.target, settle(job, peaks[i]!, dtUs))
        await renew(frame, job, peaks[i]!)
      }
      return { verdicts, searches: jobs.length, spared }
    },
    takeTemplate,
    takeSessionMs: searcher.takeSessionMs,
  }

  /** Search at the target's own place, at a candidate, or (undefined) nowhere because all is silent. */
  function plan(frame: Frame, target: Target): Job | undefined {
    const growth = searchGrowth(target)
    const region = watched(target, growth)
    const active = activePixels(frame, region)
    const silent = isSilent(target, region, active)
    const candidate = candidateFor(target, proposer.clusters, reach)
    // Its own place and a candidate take turns, unless there are events at only one of them.
    const cluster = silent || target.searches % 2 === 1 ? candidate : undefined
    if (silent && cluster === undefined) return undefined
    if (cluster === undefined) {
      return { target, motion: target.motion, growth, cluster, active, silent }
    }
    const { w, h } = target.motion.box
    const box = { x: cluster.cx - w / 2, y: cluster.cy - h / 2, w, h }
    const motion = { box, vx: cluster.vx, vy: cluster.vy }
    return { target, motion, growth: 1, cluster, active, silent }
  }

  function request({ target, motion, growth }: Job) {
    const newest = target.life.phase === 'lost' ? target.template : target.renewed
    return { box: motion.box, growth, template: newest ?? target.template! }
  }

  function searchGrowth(target: Target): number {
    const grown = 1 + (config.searchGrowthPerSecond * target.life.unseenUs) / 1e6
    return Math.min(grown, config.searchGrowthMax)
  }

  /** A lost target may be anywhere in its search region, any other only at its box. */
  function watched({ life, motion }: Target, growth: number): Box {
    const factor = life.phase === 'lost' ? session.spec.searchFactor * growth : WATCH_FACTOR
    return clampToSensor(inflate(motion.box, factor), size)
  }

  function isSilent({ life }: Target, region: Box, active: number): boolean {
    const { noisePerPixel } = grid
    const floor = silenceFloor(region, { noisePerPixel, silentPixels: config.silentPixels })
    const wake = life.phase === 'still' || life.quiet > 0 ? WAKE_FACTOR : 1
    return active < wake * floor
  }

  /** Judges an answer and, if it is good, moves the target there. */
  function settle(job: Job, peak: Peak, dtUs: number): Verdict {
    const { target, cluster } = job
    const usual = config.fadeShare * target.usualActive
    const trust = cluster !== undefined || job.active >= usual ? 1 : job.active / usual
    target.trust = trust
    target.searches++
    if (peak.score < threshold(job)) {
      if (cluster === undefined) {
        // What stops fades before it is silent, and cannot be recognised by the little that is left.
        if (trust < 1 && target.life.phase !== 'lost') return 'silent'
        target.score = peak.score
        return 'miss'
      }
      cluster.probes++
      // Nothing was learnt of the target's own place but whether it is silent.
      return job.silent ? 'silent' : 'none'
    }
    const measured = clipBox(peak.box, size, Math.max(config.minBoxPx, session.spec.minBoxPx ?? 0))
    const sinceSeenUs = cluster === undefined ? target.life.unseenUs + dtUs : dtUs
    const { reference } = target
    const motion = correct(job.motion, measured, { dtUs: sinceSeenUs, trust, reference, config })
    markSeen(target, { motion, score: peak.score })
    if (cluster === undefined) {
      const change = job.active - target.usualActive
      const gain = target.usualActive === 0 ? 1 : change > 0 ? USUAL_RISE : USUAL_FALL
      target.usualActive += gain * change
    } else {
      proposer.remove(cluster)
    }
    return 'good'
  }

  function threshold({ target, cluster }: Job): number {
    const { phase } = target.life
    if (phase === 'tentative') return config.confirmScore
    return phase === 'lost' || cluster !== undefined ? config.reacquireScore : config.keepScore
  }

  async function takeTemplate(frame: Frame, target: Target): Promise<boolean> {
    const { box } = target.motion
    const floor = silenceFloor(box, {
      noisePerPixel: grid.noisePerPixel,
      silentPixels: config.templatePixels,
    })
    if (activePixels(frame, box) < floor) return false
    target.template = await searcher.template(frame, box)
    target.templateAgeUs = 0
    target.reference = { w: box.w, h: box.h }
    return true
  }

  /** A second appearance for a target that is sure, alone and wholly in sight; the first is kept for losses. */
  async function renew(frame: Frame, { target }: Job, peak: Peak): Promise<void> {
    const { box } = target.motion
    const inside = area(clampToSensor(box, size)) > 0.999 * area(box)
    const due =
      config.templateRenewMs > 0 &&
      target.life.phase === 'tracking' &&
      target.templateAgeUs >= config.templateRenewMs * 1000 &&
      peak.score >= config.templateRenewScore &&
      peak.second < RIVAL_SHARE * peak.score &&
      inside
    if (!due) return
    target.renewed = await searcher.template(frame, box)
    target.templateAgeUs = 0
  }
}
