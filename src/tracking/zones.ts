import type { StepResult, Track, TrackEvent } from './track.js'

/** An area in which tracks are counted: corners [x, y] in sensor pixels, closed by itself. */
export interface CountZone {
  readonly name: string
  readonly polygon: readonly (readonly [number, number])[]
}

export interface ZoneCount {
  readonly name: string
  /** Tracks that are inside now. */
  readonly inside: number
  /** Since the start, or since the zones changed. */
  readonly entered: number
  readonly left: number
}

/** A crossing counts once it has lasted so many windows: a box that trembles on the line crosses it once. */
const LASTING_WINDOWS = 3

interface Membership {
  readonly zones: Set<string>
  /** For how many windows the track has been on the other side of the line, by zone. */
  readonly other: Map<string, number>
}

/**
 * Says which zones each track is in, by the middle of its box: zones of every track, an update event for each crossing,
 * and counts. A track that ends inside has not left.
 */
export class ZoneWatch {
  readonly #zones: readonly CountZone[]
  readonly #members = new Map<string, Membership>()
  readonly #entered = new Map<string, number>()
  readonly #left = new Map<string, number>()

  constructor(zones: readonly CountZone[]) {
    this.#zones = zones
  }

  /** The same window with what is known of zones in it. */
  step(result: StepResult): StepResult {
    if (this.#zones.length === 0) return result
    const crossings: TrackEvent[] = []
    const tracks = result.tracks.map((track) => {
      const before = this.#named(track)
      const crossed = this.#follow(track)
      const after = this.#named(track)
      if (crossed) crossings.push({ kind: 'update', before, after })
      return after
    })
    const events = result.events.map((event) => ({ ...event, after: this.#named(event.after) }))
    for (const { kind, after } of events) if (kind === 'end') this.#members.delete(after.id)
    return { ...result, tracks, events: [...events, ...crossings], zones: this.#counts() }
  }

  #named(track: Track): Track {
    const zones = this.#members.get(track.id)?.zones
    return zones === undefined ? track : { ...track, zones: [...zones].sort() }
  }

  /** True when the track has crossed into or out of a zone. */
  #follow(track: Track): boolean {
    // Where a lost target is, is a guess.
    if (track.state === 'lost') return false
    const x = track.box.x + track.box.w / 2
    const y = track.box.y + track.box.h / 2
    let member = this.#members.get(track.id)
    if (member === undefined) {
      member = { zones: new Set(), other: new Map() }
      this.#members.set(track.id, member)
    }
    const { zones, other } = member
    let crossed = false
    for (const { name, polygon } of this.#zones) {
      const within = isWithin(polygon, x, y)
      const lasting = within === zones.has(name) ? 0 : (other.get(name) ?? 0) + 1
      other.set(name, lasting % LASTING_WINDOWS)
      if (lasting < LASTING_WINDOWS) continue
      crossed = true
      if (within) zones.add(name)
      else zones.delete(name)
      const counter = within ? this.#entered : this.#left
      counter.set(name, (counter.get(name) ?? 0) + 1)
    }
    return crossed
  }

  #counts(): ZoneCount[] {
    return this.#zones.map(({ name }) => {
      let inside = 0
      for (const { zones } of this.#members.values()) if (zones.has(name)) inside++
      const entered = this.#entered.get(name) ?? 0
      const left = this.#left.get(name) ?? 0
      return { name, inside, entered, left }
    })
  }
}

/** Even-odd rule. */
function isWithin(polygon: CountZone['polygon'], x: number, y: number): boolean {
  let within = false
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [x1, y1] = polygon[i]!
    const [x2, y2] = polygon[j]!
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) within = !within
  }
  return within
}
