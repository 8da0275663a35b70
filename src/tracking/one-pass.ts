import { type Box, clampToSensor, type Size } from '../events/geometry.js'
import type { Frame } from '../pipeline/frame.js'
import type { InitialLabel, Label } from '../sources/sequence/sequence.js'
import type { ScoredPair } from './evaluate.js'
import type { TargetManager } from './manager.js'
import type { Track, TrackState } from './track.js'

/**
 * One-pass evaluation: a tracker gets the first box of a sequence and is asked for the box at the time of every other
 * label, without help in between.
 *
 * - `offline`: every window is worked on, and a label is answered by the newest window that ended at or before it.
 * - `streaming`: windows come as time goes on, one is worked on at a time, and a label is answered by the newest result
 *   that was there by then: the end of its window, its wait, and the time measured for it on this machine. While one is
 *   worked on, the newest of those that come waits and the others are dropped and counted, as the daemon does. The box
 *   of a target in sight is moved on by its velocity from the end of its window to the label, as a subscriber would do
 *   with the fields `velocity` and `t_us`.
 *
 * The target is started before the first window that ends at or after its label. Until there is a result the answer is
 * the given box; a target that has ended is answered by its last box, since a data set wants a box for every label.
 */
export type OnePassMode = 'offline' | 'streaming'

export interface OnePassOptions {
  readonly manager: TargetManager
  readonly mode: OnePassMode
  readonly size: Size
  readonly labels: readonly [InitialLabel, ...Label[]]
  /** Milliseconds; for tests. */
  readonly nowMs?: () => number
  /** Microseconds of CPU that the process has used; for tests. */
  readonly cpuUs?: () => number
}

/** The answer to one label. */
export interface Answer {
  readonly tUs: number
  readonly truth: Box | undefined
  readonly box: Box
  readonly state: TrackState | 'ended' | 'given'
  /** Time spent since the label before, milliseconds. */
  readonly spentMs: number
}

export interface OnePassResult {
  /** One for each label, the first (given) one included. */
  readonly answers: readonly Answer[]
  readonly windows: number
  /** Windows that came while others were worked on and were not looked at (streaming). */
  readonly dropped: number
  /** Wall time of each window since the start of the target, milliseconds. */
  readonly windowMs: readonly number[]
  /** CPU time of these windows together, all threads, milliseconds. */
  readonly cpuMs: number
  /** Device time from the first to the last of these windows, microseconds. */
  readonly spanUs: number
  /** Id of the target, for asking whether it was kept. */
  readonly id: string | undefined
}

interface Result {
  /** When it was there, device time. */
  readonly atUs: number
  /** End of its window. */
  readonly tUs: number
  /** Pixels per second; none where the target is not in sight. */
  readonly velocity: Track['velocity'] | undefined
  readonly box: Box
  readonly state: Answer['state']
  readonly ms: number
}

export class OnePass {
  readonly #options: Required<OnePassOptions>
  readonly #results: Result[] = []
  readonly #windowMs: number[] = []
  #id: string | undefined
  #box: Box
  #waiting: Frame | undefined
  #freeAtUs = Number.NEGATIVE_INFINITY
  #windows = 0
  #dropped = 0
  #cpuUs = 0
  #firstUs = Number.NaN
  #lastUs = Number.NaN

  constructor(options: OnePassOptions) {
    this.#options = {
      nowMs: () => performance.now(),
      cpuUs: processCpuUs,
      ...options,
    }
    this.#box = options.labels[0].box
  }

  /** Takes one window; the frame is borrowed until the promise settles. Rejects as the manager does. */
  async frame(frame: Frame): Promise<void> {
    this.#windows++
    const { tEndUs } = frame.header
    if (this.#options.mode === 'offline') {
      await this.#work(frame, tEndUs)
      return
    }
    if (this.#waiting !== undefined && this.#freeAtUs <= tEndUs) await this.#workOffWaiting()
    if (this.#freeAtUs <= tEndUs) {
      await this.#work(frame, tEndUs)
      return
    }
    // One place, drop-oldest: an old window is worth less than a new one.
    if (this.#waiting !== undefined) this.#dropped++
    this.#waiting = { ...frame, planes: frame.planes.slice() }
  }

  /** There are no more windows. The manager stays the caller's to close. */
  async end(): Promise<OnePassResult> {
    if (this.#waiting !== undefined) await this.#workOffWaiting()
    return {
      answers: this.#answers(),
      windows: this.#windows,
      dropped: this.#dropped,
      windowMs: this.#windowMs,
      cpuMs: this.#cpuUs / 1000,
      spanUs: Number.isNaN(this.#firstUs) ? 0 : this.#lastUs - this.#firstUs,
      id: this.#id,
    }
  }

  async #workOffWaiting(): Promise<void> {
    const frame = this.#waiting!
    this.#waiting = undefined
    await this.#work(frame, Math.max(this.#freeAtUs, frame.header.tEndUs))
  }

  async #work(frame: Frame, startUs: number): Promise<void> {
    const { manager, mode, labels, nowMs, cpuUs } = this.#options
    const { tEndUs } = frame.header
    if (this.#id === undefined && tEndUs >= labels[0].tUs) {
      this.#id = manager.start(labels[0].box).after.id
    }
    const [wall, cpu] = [nowMs(), cpuUs()]
    const { tracks } = await manager.step(frame)
    const ms = nowMs() - wall
    const spent = cpuUs() - cpu
    this.#freeAtUs = startUs + ms * 1000
    if (this.#id === undefined) return
    this.#windowMs.push(ms)
    this.#cpuUs += spent
    if (Number.isNaN(this.#firstUs)) this.#firstUs = frame.header.tStartUs
    this.#lastUs = tEndUs
    const track = tracks.find(({ id }) => id === this.#id)
    if (track !== undefined) this.#box = clampToSensor(track.box, this.#options.size)
    const atUs = mode === 'offline' ? tEndUs : this.#freeAtUs
    this.#results.push({
      atUs,
      tUs: tEndUs,
      velocity: mode === 'streaming' && track?.state === 'tracking' ? track.velocity : undefined,
      box: this.#box,
      state: track?.state ?? 'ended',
      ms,
    })
  }

  #answers(): Answer[] {
    const [given, ...rest] = this.#options.labels
    const first: Answer = {
      tUs: given.tUs,
      truth: given.box,
      box: given.box,
      state: 'given',
      spentMs: 0,
    }
    let next = 0
    let last: Result | undefined
    const answers = rest.map(({ tUs, box: truth }) => {
      let spentMs = 0
      for (; next < this.#results.length && this.#results[next]!.atUs <= tUs; next++) {
        last = this.#results[next]!
        spentMs += this.#results[next]!.ms
      }
      if (last === undefined) return { tUs, truth, box: first.box, state: first.state, spentMs }
      return { tUs, truth, box: movedOn(last, tUs, this.#options.size), state: last.state, spentMs }
    })
    return [first, ...answers]
  }
}

function movedOn({ box, velocity, tUs }: Result, labelUs: number, size: Size): Box {
  if (velocity === undefined) return box
  const dt = (labelUs - tUs) / 1e6
  return clampToSensor({ ...box, x: box.x + velocity.x * dt, y: box.y + velocity.y * dt }, size)
}

function processCpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** The labels that are scored: all with a box but the first, which was given. */
export function scoredPairs(answers: readonly Answer[]): ScoredPair[] {
  return answers
    .slice(1)
    .flatMap(({ truth, box }) => (truth === undefined ? [] : [{ truth, answer: box }]))
}
