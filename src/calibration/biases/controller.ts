import { clampKnobs, type Knobs, NOMINAL, SAFE, sameKnobs } from './knobs.js'

/** One reading of the camera under the same biases. */
export interface Seen {
  readonly seconds: number
  readonly perSecond: number
  /** Of bins of 10 ms, events a second. */
  readonly p99PerSecond: number
  /** ON events for each OFF event. */
  readonly onOff: number
  /** Background events a second of a pixel. */
  readonly noiseHz: number
  /** Part of all events that no neighbour led up to, 0..1: noise and hot pixels, and some of every scene. */
  readonly lonelyShare: number
}

export interface Goals {
  readonly minPerSecond: number
  readonly maxPerSecond: number
  /** Where between them to go when outside. */
  readonly aimPerSecond: number
  readonly p99PerSecond: number
  readonly noiseHz: number
  /** As much ON for one OFF, or the reverse. */
  readonly onOff: number
}

/** What the loop has learnt on the way. */
export interface Memory {
  /** Falling of the logarithmic rate per logarithmic rise of the thresholds. */
  readonly slope: number
  /** Halved each time the thresholds turn back: what overshoots, or follows a changing scene, gets calmer. */
  readonly gain: number
  readonly direction: number
  /** Thresholds at or below which there was too much noise. */
  readonly noisyLevel: number
  /** The bandwidth was lowered against noise or rate, and stays there. */
  readonly slowed: boolean
  readonly last: { readonly level: number; readonly perSecond: number } | undefined
}

export const FRESH: Memory = {
  slope: 2,
  gain: 1,
  direction: 0,
  noisyLevel: 0,
  slowed: false,
  last: undefined,
}

export interface Decision {
  /** Undefined: nothing to be turned, either because all is well or because nothing is left. */
  readonly knobs: Knobs | undefined
  readonly why: string
  readonly memory: Memory
}

/** Longest and shortest step of the thresholds, logarithmic. */
const LONG = 0.35
const SHORT = 0.04
/** So much steeper than the rate of a scene the noise falls with the thresholds, at least. */
const NOISE_SLOPE = 8
const BANDWIDTH_STEP = 1.6
const REFRACTORY_STEP = 2
const LESS_GAIN = 0.5
/** With a larger lonely share than this there is no scene: in one, edges lead up to most events. */
export const MOST_LONELY = 0.5
/** Beyond this ratio one polarity is as good as absent; how much so says nothing. */
const WORST_BALANCE = 8
/** Noise is no price for a higher rate. */
const NOISE_WEIGHT = 3
const LEAST_GAIN = 0.2

/**
 * What to turn next. Pure. `margin` (at least 1) is how far inside the goals a reading must lie: more while steering
 * than while holding, so that what has been reached is not left for a little.
 */
export function decide(
  seen: Seen,
  knobs: Knobs,
  on: { readonly goals: Goals; readonly memory: Memory; readonly margin: number },
): Decision {
  const { goals, margin } = on
  const memory = learn(seen, knobs, on.memory)
  const safe = intoSafe(knobs)
  if (!sameKnobs(knobs, safe)) {
    return { knobs: safe, why: 'into the safe range', memory: { ...memory, last: undefined } }
  }
  const state = { seen, knobs, goals, memory, margin }
  const turn = turnOf(state)
  const skew = skewOf(state)
  const raised = memory.gain * turn.raise
  const next = clampKnobs({
    onThreshold: knobs.onThreshold * Math.exp(raised + skew / 2),
    offThreshold: knobs.offThreshold * Math.exp(raised - skew / 2),
    bandwidthHz: knobs.bandwidthHz * turn.bandwidth,
    refractoryUs: knobs.refractoryUs * turn.refractory,
  })
  const kept = remember(memory, turn, { level: levelOf(knobs), perSecond: seen.perSecond })
  if (sameKnobs(knobs, next)) return { knobs: undefined, why: turn.why, memory: kept }
  return { knobs: next, why: turn.why || 'ON and OFF alike', memory: kept }
}

/** Thresholds are moved to the nearest safe ones; what else is far off was a mistake and starts from the default. */
function intoSafe(knobs: Knobs): Knobs {
  const clamped = clampKnobs(knobs)
  const orNominal = (key: 'bandwidthHz' | 'refractoryUs') =>
    Math.abs(Math.log(knobs[key] / clamped[key])) < 0.02 ? knobs[key] : NOMINAL[key]
  return {
    ...clamped,
    bandwidthHz: orNominal('bandwidthHz'),
    refractoryUs: orNominal('refractoryUs'),
  }
}

interface Turn {
  /** Rise of both thresholds, logarithmic. */
  readonly raise: number
  /** Times. */
  readonly bandwidth: number
  readonly refractory: number
  readonly why: string
}

interface State {
  readonly seen: Seen
  readonly knobs: Knobs
  readonly goals: Goals
  readonly memory: Memory
  readonly margin: number
}

const STAY: Turn = { raise: 0, bandwidth: 1, refractory: 1, why: '' }

function turnOf(state: State): Turn {
  const { seen, goals, margin } = state
  const over =
    seen.perSecond > goals.maxPerSecond / margin || seen.p99PerSecond > goals.p99PerSecond / margin
  if (over) return lessEvents(state)
  if (seen.noiseHz > goals.noiseHz / margin) return lessNoise(state)
  if (signalOf(seen) < goals.minPerSecond * margin) return moreEvents(state)
  return STAY
}

function lessEvents({ seen, knobs, goals, memory }: State): Turn {
  const why = 'too many events'
  const gap = Math.max(
    Math.log(seen.perSecond / goals.aimPerSecond),
    Math.log((2 * seen.p99PerSecond) / goals.p99PerSecond),
  )
  if (room(knobs, 'up') > SHORT / 2) return { ...STAY, raise: bounded(gap / memory.slope), why }
  if (knobs.bandwidthHz > SAFE.bandwidthHz[0] * 1.02)
    return { ...STAY, bandwidth: 1 / BANDWIDTH_STEP, why }
  if (knobs.refractoryUs < SAFE.refractoryUs[1] / 1.02)
    return { ...STAY, refractory: REFRACTORY_STEP, why }
  return { ...STAY, why: `${why}, and nothing left to turn` }
}

function lessNoise({ seen, knobs, goals, memory }: State): Turn {
  const why = 'too much noise'
  const raise = bounded(Math.log((2 * seen.noiseHz) / goals.noiseHz) / NOISE_SLOPE)
  const slower = knobs.bandwidthHz > SAFE.bandwidthHz[0] * 1.02
  const left = seen.perSecond * Math.exp(-memory.slope * raise)
  const canRaise = room(knobs, 'up') > SHORT / 2
  // Higher thresholds cost the scene's own events; when those are few, slower pixels cost less.
  if (slower && (!canRaise || left < goals.minPerSecond))
    return { ...STAY, bandwidth: 1 / BANDWIDTH_STEP, why }
  if (canRaise) return { ...STAY, raise, why }
  return { ...STAY, why: `${why}, and nothing left to turn` }
}

function moreEvents({ seen, knobs, goals, memory }: State): Turn {
  const why = 'too few events'
  if (knobs.refractoryUs > NOMINAL.refractoryUs * 1.5)
    return { ...STAY, refractory: NOMINAL.refractoryUs / knobs.refractoryUs, why }
  if (!memory.slowed && knobs.bandwidthHz < NOMINAL.bandwidthHz / 1.3) {
    const most = NOMINAL.bandwidthHz / knobs.bandwidthHz
    return { ...STAY, bandwidth: Math.min(BANDWIDTH_STEP, most), why }
  }
  const gap = Math.log(goals.aimPerSecond / Math.max(1, signalOf(seen)))
  const wanted = bounded(gap / memory.slope)
  // Not so far that noise comes over its own limit, and not to where it was.
  const quiet = Math.log((0.7 * goals.noiseHz) / Math.max(1e-4, seen.noiseHz)) / (2 * NOISE_SLOPE)
  const known = memory.noisyLevel > 0 ? Math.log(levelOf(knobs) / (1.04 * memory.noisyLevel)) : LONG
  const lower = Math.min(wanted, quiet, known, room(knobs, 'down'))
  if (lower < SHORT / 2) {
    const limit = Math.min(quiet, known) < room(knobs, 'down') ? 'noise' : 'the safe range'
    return { ...STAY, why: `${why}, and ${limit} allows no more` }
  }
  return { ...STAY, raise: -lower, why }
}

/** How far the thresholds can still go together, logarithmic. */
function room(knobs: Knobs, way: 'up' | 'down'): number {
  const { onThreshold: on, offThreshold: off } = knobs
  return way === 'up'
    ? Math.log(SAFE.onThreshold[1] / Math.min(on, off))
    : Math.log(Math.max(on, off) / SAFE.onThreshold[0])
}

function bounded(step: number): number {
  return Math.min(LONG, Math.max(SHORT, step))
}

function skewOf({ seen, goals, memory, margin }: State): number {
  // Of noise and of a few hot pixels the balance says nothing about the thresholds for light.
  if (seen.lonelyShare > MOST_LONELY || seen.perSecond < goals.minPerSecond / 4) return 0
  const tilt = Math.log(seen.onOff)
  const allowed = Math.log(goals.onOff) / (margin > 1 ? 1.5 : 1)
  if (!Number.isFinite(tilt) || Math.abs(tilt) <= allowed) return 0
  return memory.gain * Math.min(LONG, Math.max(-LONG, tilt / memory.slope))
}

function levelOf({ onThreshold, offThreshold }: Knobs): number {
  return Math.sqrt(onThreshold * offThreshold)
}

/** What the last turn of the thresholds did to the rate. */
function learn(seen: Seen, knobs: Knobs, memory: Memory): Memory {
  const { last } = memory
  if (last === undefined) return memory
  const moved = Math.log(levelOf(knobs) / last.level)
  if (Math.abs(moved) < SHORT) return memory
  const fell = -Math.log(Math.max(1, seen.perSecond) / Math.max(1, last.perSecond)) / moved
  // A scene that changed meanwhile must not turn the loop around.
  const slope = Math.min(8, Math.max(1, fell))
  return { ...memory, slope: 0.5 * (memory.slope + slope) }
}

function remember(
  memory: Memory,
  turn: Turn,
  now: { readonly level: number; readonly perSecond: number },
): Memory {
  const direction = Math.sign(turn.raise)
  const turnedBack = direction !== 0 && direction === -memory.direction
  const slower = turn.bandwidth < 1
  const noisy = turn.why.startsWith('too much noise') && turn.raise > 0
  const other = turn.bandwidth !== 1 || turn.refractory !== 1
  return {
    ...memory,
    gain: turnedBack ? Math.max(LEAST_GAIN, memory.gain * LESS_GAIN) : memory.gain,
    direction: direction === 0 ? memory.direction : direction,
    // With another bandwidth the noise is another.
    noisyLevel: slower ? 0 : noisy ? Math.max(memory.noisyLevel, now.level) : memory.noisyLevel,
    slowed: memory.slowed || slower,
    last: other ? undefined : now,
  }
}

/** Events a second that the scene made. */
function signalOf({ perSecond, lonelyShare }: Seen): number {
  return lonelyShare > MOST_LONELY ? perSecond * (1 - lonelyShare) : perSecond
}

/** How far a reading is from the goals: 0 when it meets all, else a sum of logarithms. */
export function distance(seen: Seen, goals: Goals): number {
  const above = (value: number, most: number) => Math.max(0, Math.log(Math.max(1e-9, value) / most))
  const rate = above(seen.perSecond, goals.maxPerSecond)
  const few = above(goals.minPerSecond, Math.max(1, signalOf(seen)))
  const bursts = above(seen.p99PerSecond, goals.p99PerSecond)
  const noise = NOISE_WEIGHT * above(seen.noiseHz, goals.noiseHz)
  const ratio = Math.min(WORST_BALANCE, Math.max(1 / WORST_BALANCE, seen.onOff || 1))
  const tilt = Math.abs(Math.log(ratio))
  return rate + few + bursts + noise + Math.max(0, tilt - Math.log(goals.onOff))
}
