import { area, type Box, center, clampToSensor, type Size } from '../events/geometry.js'
import type { TemplateState } from '../inference/tracker-session.js'
import type { Motion } from './motion.js'
import { type Life, type LifePlan, newLife } from './target.js'
import type { Track, TrackEvent, TrackSummary } from './track.js'

/** Everything the manager remembers of one target. */
export interface Target {
  /** Order of appearance: the older of two has the lower one. */
  readonly order: number
  /** Given when confirmed, so that published numbers have no holes. */
  id: string | undefined
  readonly label: string | undefined
  life: Life
  motion: Motion
  score: number
  tUs: number
  ageUs: number
  /** The appearance it was started with, and a newer one if renewal is on. */
  template: TemplateState | undefined
  renewed: TemplateState | undefined
  templateAgeUs: number
  reference: { readonly w: number; readonly h: number }
  /** Speed when last seen, pixels per second: how far an unseen target may have come. */
  seenSpeed: number
  /** Searches since last seen, to take turns between its place and other candidates. */
  searches: number
  /** Pixels with events around its box in most windows it was seen in. */
  usualActive: number
  /** 0..1, below 1 while its events fade. */
  trust: number
  mergeWindows: number
  published: Track | undefined
  readonly origin: { readonly x: number; readonly y: number }
  readonly firstBox: Box
  startUs: number
  windows: number
  scoredWindows: number
  scoreSum: number
  /** Length of the path in strides, so that jitter of a standing target does not count as way. */
  pathPx: number
  strideFrom: { readonly x: number; readonly y: number }
}

export function newTarget(options: {
  order: number
  found: boolean
  motion: Motion
  tUs: number
  label?: string | undefined
}): Target {
  const { order, found, motion, tUs } = options
  const { box, vx, vy } = motion
  return {
    order,
    id: undefined,
    label: options.label,
    life: newLife(found),
    motion,
    score: 0,
    tUs,
    ageUs: 0,
    template: undefined,
    renewed: undefined,
    templateAgeUs: 0,
    reference: { w: box.w, h: box.h },
    seenSpeed: Math.sqrt(vx * vx + vy * vy),
    searches: 0,
    usualActive: 0,
    trust: 1,
    mergeWindows: 0,
    published: undefined,
    origin: center(box),
    firstBox: box,
    startUs: tUs,
    windows: 0,
    scoredWindows: 0,
    scoreSum: 0,
    pathPx: 0,
    strideFrom: center(box),
  }
}

const STRIDE_PX = 2

/** Takes over where a search found the target. */
export function markSeen(target: Target, seen: { motion: Motion; score: number }): void {
  const { box, vx, vy } = seen.motion
  target.motion = seen.motion
  target.seenSpeed = Math.sqrt(vx * vx + vy * vy)
  target.searches = 0
  target.score = seen.score
  target.scoreSum += seen.score
  target.scoredWindows++
  const to = center(box)
  const { x, y } = target.strideFrom
  const stride = Math.sqrt((to.x - x) ** 2 + (to.y - y) ** 2)
  if (stride < STRIDE_PX) return
  target.pathPx += stride
  target.strideFrom = to
}

/** The published view; a target that is silent is not moving as far as anyone can see. */
export function toTrack(target: Target, size: Size): Track {
  const { life, motion, id, label } = target
  const frozen = life.phase === 'still' || life.quiet > 0
  return {
    id: id ?? '',
    state: life.phase === 'ended' ? (target.published?.state ?? 'lost') : life.phase,
    score: target.score,
    box: clampToSensor(motion.box, size),
    velocity: frozen ? { x: 0, y: 0 } : { x: motion.vx, y: motion.vy },
    ageUs: target.ageUs,
    tUs: target.tUs,
    ...(label === undefined ? {} : { label }),
  }
}

/** The lifecycle event that a plan asks for, and the target's published state brought up to date. */
export function publish(target: Target, plan: LifePlan, size: Size): TrackEvent | undefined {
  if (target.id === undefined) return undefined
  const before = target.published
  const after = toTrack(target, size)
  target.published = after
  if (plan.event === undefined) return undefined
  return {
    kind: plan.event,
    after,
    ...(before === undefined || plan.event === 'new' ? {} : { before }),
    ...(plan.event === 'end' ? { summary: summarise(target, size, plan.reason ?? 'lost') } : {}),
  }
}

function summarise(target: Target, size: Size, endReason: TrackSummary['endReason']): TrackSummary {
  return {
    startUs: target.startUs,
    endUs: target.tUs,
    windows: target.windows,
    meanScore: target.scoredWindows === 0 ? 0 : target.scoreSum / target.scoredWindows,
    pathPixels: target.pathPx,
    firstBox: clampToSensor(target.firstBox, size),
    lastBox: clampToSensor(target.motion.box, size),
    endReason,
  }
}

/** Centre outside of the sensor, or hardly anything of the box inside. */
export function isOutside(box: Box, size: Size): boolean {
  const at = center(box)
  const inside = area(clampToSensor(box, size)) / Math.max(1, area(box))
  return at.x < 0 || at.y < 0 || at.x > size.width || at.y > size.height || inside < 0.25
}
