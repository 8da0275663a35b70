import type { TrackEventKind, TrackState, TrackSummary } from './track.js'

/** A target's life as plain data. `advanceLife` computes the next one; nothing here has effects. */
export interface Life {
  readonly phase: TrackState | 'ended'
  /** Found by itself: has to be confirmed, and does not stay still for ever. */
  readonly found: boolean
  /** Good, missed and silent windows in a row. */
  readonly good: number
  readonly misses: number
  readonly quiet: number
  /** Device time in this phase, microseconds. */
  readonly phaseUs: number
  /** Device time since the target was last seen (or known to be silent), microseconds. */
  readonly unseenUs: number
}

/**
 * What one window says: `good` a score high enough for the phase, `miss` events but no such score, `silent` a region
 * without events, `none` nothing either way (data are missing: a gap is not evidence).
 */
export interface Evidence {
  readonly kind: 'good' | 'miss' | 'silent' | 'none'
  readonly dtUs: number
  /** A found target has moved far enough from where it was found. */
  readonly moved: boolean
  /** The target is at the sensor's edge and its velocity points outwards. */
  readonly leaving: boolean
}

export interface LifeConfig {
  readonly confirmWindows: number
  readonly tentativeMisses: number
  readonly tentativeMs: number
  readonly lostAfterWindows: number
  readonly reacquireWindows: number
  readonly lostMs: number
  readonly commandedLostMs: number
  readonly stillAfterWindows: number
  readonly stillMs: number
}

export interface LifePlan {
  readonly life: Life
  /** To be published; a target that was never confirmed ends without a word. */
  readonly event?: TrackEventKind
  readonly reason?: TrackSummary['endReason']
}

/** A commanded target is believed at once; until its events are seen it is still. */
export function newLife(found: boolean): Life {
  const phase = found ? 'tentative' : 'still'
  return { phase, found, good: 0, misses: 0, quiet: 0, phaseUs: 0, unseenUs: 0 }
}

export function advanceLife(life: Life, evidence: Evidence, config: LifeConfig): LifePlan {
  if (life.phase === 'ended') return { life }
  const next = count(life, evidence)
  switch (life.phase) {
    case 'tentative':
      return tentative(next, evidence, config)
    case 'tracking':
      return tracking(next, evidence, config)
    case 'still':
      return still(next, evidence, config)
    case 'lost':
      return lost(next, evidence, config)
  }
}

/** Ends a life from outside: stopped, merged, shut down. */
export function endLife(life: Life, reason: TrackSummary['endReason']): LifePlan {
  if (life.phase === 'ended') return { life }
  const ended: Life = { ...life, phase: 'ended' }
  return life.phase === 'tentative'
    ? { life: ended, reason }
    : { life: ended, event: 'end', reason }
}

function count(life: Life, { kind, dtUs }: Evidence): Life {
  const seen = kind === 'good' || (kind === 'silent' && life.phase !== 'lost')
  return {
    ...life,
    good: kind === 'good' ? life.good + 1 : kind === 'none' ? life.good : 0,
    misses: kind === 'miss' ? life.misses + 1 : kind === 'none' ? life.misses : 0,
    quiet: kind === 'silent' ? life.quiet + 1 : kind === 'none' ? life.quiet : 0,
    // Nobody can prove itself in a gap, so its time is not held against anybody.
    phaseUs: kind === 'none' ? life.phaseUs : life.phaseUs + dtUs,
    unseenUs: seen ? 0 : life.unseenUs + dtUs,
  }
}

function enter(life: Life, phase: TrackState, event: TrackEventKind): LifePlan {
  return { life: { ...life, phase, phaseUs: 0, good: 0, misses: 0 }, event }
}

function tentative(life: Life, evidence: Evidence, config: LifeConfig): LifePlan {
  if (life.good >= config.confirmWindows && evidence.moved) return enter(life, 'tracking', 'new')
  const unconvincing = life.misses + life.quiet >= config.tentativeMisses
  if (unconvincing || life.phaseUs > config.tentativeMs * 1000) return endLife(life, 'lost')
  return { life }
}

function tracking(life: Life, evidence: Evidence, config: LifeConfig): LifePlan {
  if (life.quiet >= config.stillAfterWindows) {
    return evidence.leaving ? leave(life) : enter(life, 'still', 'update')
  }
  if (life.misses >= config.lostAfterWindows) {
    return evidence.leaving ? leave(life) : enter(life, 'lost', 'lost')
  }
  return { life }
}

function still(life: Life, evidence: Evidence, config: LifeConfig): LifePlan {
  if (evidence.kind === 'good') return enter(life, 'tracking', 'update')
  if (life.misses >= config.lostAfterWindows) return enter(life, 'lost', 'lost')
  const forgotten = life.found && config.stillMs > 0 && life.phaseUs > config.stillMs * 1000
  return forgotten ? endLife(life, 'lost') : { life }
}

function lost(life: Life, evidence: Evidence, config: LifeConfig): LifePlan {
  if (life.good >= config.reacquireWindows) return enter(life, 'tracking', 'reacquired')
  if (evidence.kind === 'good') return { life }
  if (evidence.leaving && life.found) return endLife(life, 'left')
  const lostMs = life.found ? config.lostMs : config.commandedLostMs
  if (life.phaseUs <= lostMs * 1000) return { life }
  return endLife(life, evidence.leaving ? 'left' : 'lost')
}

/** What was found by itself would be found again; what somebody asked for is waited for. */
function leave(life: Life): LifePlan {
  return life.found ? endLife(life, 'left') : enter(life, 'lost', 'lost')
}
