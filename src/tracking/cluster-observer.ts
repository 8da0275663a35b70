import { type Box, center, clampToSensor } from '../events/geometry.js'
import type { TemplateState } from '../inference/tracker-session.js'
import type { Frame } from '../pipeline/frame.js'
import { activePixels, silenceFloor } from './activity.js'
import { ClusterBody } from './cluster-body.js'
import { type Gate, measureGate, noMoments } from './cluster-moments.js'
import { createRivalry, halfGate } from './cluster-rivals.js'
import { inflate, type Motion } from './motion.js'
import type { Observer, ObserverParts, Verdict } from './observer.js'
import type { Cluster } from './proposals.js'
import { candidateFor } from './reach.js'
import { markSeen, type Target } from './target-record.js'

/** Events that end a silence must be this much more than those below which it begins. */
const WAKE_FACTOR = 1.5
/** Steps towards the centre of the events, and the step below which there is nothing to gain. */
const MAX_PULLS = 4
const SMALL_PULL_PX = 0.25
/** Share of the events beyond the surroundings' at which a cluster is half as clear as it can be. */
const HALF_CLEAR = 0.25
/** From this share on its events tell a size: the spread of a few among many is noise. */
const SIZE_CLEAR = 0.5
/** Doubt of this kind, 0..1, from which on neither path nor size are believed. */
const CONTESTED = 0.3
/** Trust from which on a sighting becomes a point of the path: stray events would make a velocity of nothing. */
const PATH_TRUST = 0.5
/** Share of its velocity that a cluster without any support loses a window. */
const DOUBT_BRAKE = 0.2
/** How much larger than its box the region is in which a lost cluster first looks, at most. */
const MAX_GROWTH = 2

/**
 * Pixels with events per pixel and window beyond which it is not noise but a moving camera: what is as dense as that is
 * no silence.
 */
const MAX_NOISE = 0.1

/** What the manager asks for is whether an appearance is known; a cluster keeps its own elsewhere. */
const KNOWN: TemplateState = { tensors: {} }

/** What a pull came to. */
interface Pulled {
  /** Where the box would be at the end of the window. */
  readonly x: number
  readonly y: number
}

/**
 * Follows targets by their events alone: each is a rectangle that the events in and around it pull along, window by
 * window. It knows no appearance but mass and size; where the surroundings are as dense as the target it sees nothing
 * and says so. Allocates a few small objects a target and window, nothing a pixel.
 */
export function createClusterObserver(parts: ObserverParts): Observer {
  const { size, config, grid, proposer } = parts
  const { cluster: settings } = config
  const reach = { searchFactor: settings.searchFactor, lostMs: config.lostMs }
  const bodies = new WeakMap<Target, ClusterBody>()
  const rivalry = createRivalry(config, (target) => bodies.get(target)?.path.isFitted === true)
  const gate: Gate = { cx: 0, cy: 0, halfW: 1, halfH: 1, rivals: rivalry.rivals }
  const seen = noMoments()

  return {
    searchFactor: settings.searchFactor,
    async observe(frame, targets, dtUs) {
      const verdicts = new Map<Target, Verdict>()
      for (const target of targets) verdicts.set(target, look(frame, target, { targets, dtUs }))
      // No inference was run, and none was spared.
      return { verdicts, searches: 0, spared: 0 }
    },
    takeTemplate: async (frame, target) => begin(frame, target),
    takeSessionMs: () => 0,
  }

  /** Learns how the events lie in a new target's box, if there are enough of them. */
  function begin(frame: Frame, target: Target): boolean {
    const { box, vx, vy } = target.motion
    const floor = silenceFloor(box, { noisePerPixel: noise(), silentPixels: config.templatePixels })
    if (activePixels(frame, box) < floor) return false
    rivalry.clear()
    place(center(box).x, center(box).y, { w: box.w, h: box.h, growth: 1 })
    measureGate(frame, gate, seen)
    const sighting = { vx, vy, windowUs: lengthUs(frame) }
    const given = !target.life.found
    bodies.set(target, new ClusterBody(box, seen, { given, config: settings, sighting }))
    target.template = KNOWN
    target.templateAgeUs = 0
    target.reference = { w: box.w, h: box.h }
    return true
  }

  function look(
    frame: Frame,
    target: Target,
    { targets, dtUs }: { targets: readonly Target[]; dtUs: number },
  ): Verdict {
    if (target.template === undefined && !begin(frame, target)) return 'silent'
    const body = bodies.get(target)!
    const growth = searchGrowth(target)
    const silent = isSilent(frame, target, growth)
    const candidate = candidateFor(target, proposer.clusters, reach)
    target.searches++
    // Its own place and a candidate take turns, unless there are events at only one of them.
    const other = silent || target.searches % 2 === 0 ? candidate : undefined
    if (silent && other === undefined) {
      body.weigh(0, dtUs)
      return 'silent'
    }
    rivalry.gather(target, targets)
    if (other !== undefined) return probe(frame, target, { body, cluster: other, silent, dtUs })
    const pulled = pull(frame, target.motion, { body, growth })
    body.weigh(seen.mass, dtUs)
    const support = supportOf(body)
    target.trust = support * clarity() * (1 - rivalry.contested) ** 2
    target.score = Math.min(1, support * clearness(target))
    if (target.score < threshold(target)) {
      // What stops fades before it is silent.
      return support < 1 && target.life.phase !== 'lost' ? 'silent' : 'miss'
    }
    move(frame, target, { body, pulled, dtUs })
    return 'good'
  }

  /** Looks for a target that is not where it was at a cluster that nobody explains. */
  function probe(
    frame: Frame,
    target: Target,
    of: { body: ClusterBody; cluster: Cluster; silent: boolean; dtUs: number },
  ): Verdict {
    const { body, cluster, silent, dtUs } = of
    const { cx, cy, vx, vy } = cluster
    const { w, h } = target.motion.box
    const motion = { box: { x: cx - w / 2, y: cy - h / 2, w, h }, vx, vy }
    const pulled = pull(frame, motion, { body, growth: 1 })
    const ratio = seen.mass / Math.max(1, body.usualMass)
    const alike = Math.sqrt(Math.min(ratio, 1 / Math.max(ratio, 1e-3)))
    const score = Math.min(1, alike * clearness(target))
    if (score < config.reacquireScore) {
      cluster.probes++
      body.weigh(0, dtUs)
      return silent ? 'silent' : 'none'
    }
    body.path.clear()
    body.mass = seen.mass
    target.trust = 1
    target.score = score
    target.motion = motion
    move(frame, target, { body, pulled, dtUs })
    proposer.remove(cluster)
    return 'good'
  }

  /** Draws the gate to the centre of its events; leaves the sums of the last step in `seen`. */
  function pull(
    frame: Frame,
    { box, vx, vy }: Motion,
    { body, growth }: { body: ClusterBody; growth: number },
  ): Pulled {
    const windowUs = lengthUs(frame)
    // The events of a window are on average half a window old.
    const lagX = (vx * windowUs) / 2e6
    const lagY = (vy * windowUs) / 2e6
    body.align({ vx, vy, windowUs })
    const at = center(box)
    place(at.x - lagX, at.y - lagY, { w: box.w, h: box.h, growth })
    for (let step = 0; step < MAX_PULLS; step++) {
      measureGate(frame, gate, seen)
      if (seen.mass < 1) break
      const dx = seen.cx + body.offsetX - gate.cx
      const dy = seen.cy + body.offsetY - gate.cy
      place(gate.cx + dx, gate.cy + dy, { w: box.w, h: box.h, growth: 1 })
      if (step > 0 && dx * dx + dy * dy < SMALL_PULL_PX ** 2) break
    }
    return { x: gate.cx + lagX, y: gate.cy + lagY }
  }

  /** Moves a target towards where its events pulled it, and learns from them. */
  function move(
    frame: Frame,
    target: Target,
    { body, pulled, dtUs }: { body: ClusterBody; pulled: Pulled; dtUs: number },
  ): void {
    const { trust } = target
    const { box } = target.motion
    const from = center(box)
    const windowUs = lengthUs(frame)
    const uncontested = rivalry.contested < CONTESTED
    const clear = uncontested && seen.mass > SIZE_CLEAR * seen.active
    // Events fade because a thing slows down.
    const kept = 1 - DOUBT_BRAKE * (1 - supportOf(body))
    let vx = kept * target.motion.vx
    let vy = kept * target.motion.vy
    if (uncontested && trust > PATH_TRUST) {
      body.path.add(seen.cx, seen.cy, frame.header.tEndUs - windowUs / 2)
      if (body.path.fit(settings.pathMs * 1000)) {
        vx += trust * (body.path.vx - vx)
        vy += trust * (body.path.vy - vy)
      }
    }
    const over = Math.max(1, Math.sqrt(vx * vx + vy * vy) / config.maxSpeed)
    vx /= over
    vy /= over
    if (clear && supportOf(body) === 1 && isWhollyIn(box)) {
      body.learn(seen, { vx, vy, windowUs, dtUs })
      body.limit({ range: config.sizeRange, minPx: config.minBoxPx })
    }
    const gain = trust * settings.pull
    const x = from.x + gain * (pulled.x - from.x)
    const y = from.y + gain * (pulled.y - from.y)
    const { w, h } = body
    const motion = { box: { x: x - w / 2, y: y - h / 2, w, h }, vx, vy }
    markSeen(target, { motion, score: target.score })
  }

  function place(cx: number, cy: number, of: { w: number; h: number; growth: number }): void {
    gate.cx = cx
    gate.cy = cy
    gate.halfW = halfGate(of.w, settings.gateFactor) * of.growth
    gate.halfH = halfGate(of.h, settings.gateFactor) * of.growth
  }

  function supportOf(body: ClusterBody): number {
    const enough = config.fadeShare * body.usualMass
    return enough === 0 ? 1 : Math.min(1, body.mass / enough)
  }

  /** Share of the gate's events that the surroundings do not account for. */
  function clarity(): number {
    return seen.active === 0 ? 0 : Math.min(1, (2 * seen.mass) / seen.active)
  }

  /**
   * The same as a score: 1 where all events are the target's. It falls slowly at first for a target that somebody named,
   * who knows that it is there; one found by itself is a thing only as long as it stands out, or it is a part of one.
   */
  function clearness({ life }: Target): number {
    if (seen.active === 0) return 0
    const share = seen.mass / seen.active
    return life.found ? share : (share * (1 + HALF_CLEAR)) / (share + HALF_CLEAR)
  }

  function threshold({ life }: Target): number {
    if (life.phase === 'tentative') return config.confirmScore
    return life.phase === 'lost' ? config.reacquireScore : config.keepScore
  }

  function searchGrowth(target: Target): number {
    if (target.life.phase !== 'lost') return 1
    const grown = 1 + (config.searchGrowthPerSecond * target.life.unseenUs) / 1e6
    return Math.min(grown, MAX_GROWTH)
  }

  function noise(): number {
    return Math.min(grid.noisePerPixel, MAX_NOISE)
  }

  function isSilent(frame: Frame, { life, motion }: Target, growth: number): boolean {
    const region = clampToSensor(inflate(motion.box, settings.gateFactor * growth), size)
    const floor = silenceFloor(region, {
      noisePerPixel: noise(),
      silentPixels: config.silentPixels,
    })
    const wake = life.phase === 'still' || life.quiet > 0 ? WAKE_FACTOR : 1
    return activePixels(frame, region) < wake * floor
  }

  function isWhollyIn({ x, y, w, h }: Box): boolean {
    return x >= 0 && y >= 0 && x + w <= size.width && y + h <= size.height
  }
}

function lengthUs({ header }: Frame): number {
  return header.tEndUs - header.tStartUs
}
