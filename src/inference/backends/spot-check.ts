import type { SearchMaps, TemplateState, TrackerSession } from '../tracker-session.js'

interface Kept {
  readonly crop: Uint8Array
  readonly template: TemplateState
  readonly answer: readonly Float32Array[]
}

/**
 * Compares answers of another backend with the CPU's, for equality: the network is exact. Now and then it keeps a search;
 * when nobody waits for the thread the CPU searches it again. It rests after that, so that it takes no more than its
 * share of the time.
 */
export class SpotCheck {
  readonly #cpu: TrackerSession
  readonly #share: number
  readonly #nowMs: () => number
  #kept: Kept | undefined
  #nextMs = -Infinity
  #turn = 0
  checks = 0
  wrong = 0

  constructor(cpu: TrackerSession, share: number, nowMs = () => performance.now()) {
    this.#cpu = cpu
    this.#share = share
    this.#nowMs = nowMs
  }

  /** Takes a copy of one search of a batch, if it is time for one. */
  offer(crops: Uint8Array, templates: readonly TemplateState[], maps: SearchMaps): void {
    const batch = templates.length
    if (this.#share === 0 || batch === 0 || this.#kept !== undefined) return
    if (this.#nowMs() < this.#nextMs) return
    // Every target of a batch has its turn.
    const index = this.#turn++ % batch
    const { planes, searchSize } = this.#cpu.spec
    const bytes = planes.length * searchSize ** 2
    this.#kept = {
      crop: crops.slice(index * bytes, (index + 1) * bytes),
      template: templates[index]!,
      answer: [maps.score, maps.size, maps.offset].map((map) => {
        const each = map.length / batch
        return map.slice(index * each, (index + 1) * each)
      }),
    }
  }

  /** Nothing that was kept is of interest any more. */
  forget(): void {
    this.#kept = undefined
    this.#nextMs = -Infinity
  }

  /** Undefined where nothing was kept; else whether the answer was right. */
  async check(): Promise<boolean | undefined> {
    const kept = this.#kept
    if (kept === undefined) return undefined
    this.#kept = undefined
    const beganMs = this.#nowMs()
    const maps = await this.#cpu.search(kept.crop, [kept.template])
    const endedMs = this.#nowMs()
    this.#nextMs = endedMs + (endedMs - beganMs) * (1 / this.#share - 1)
    this.checks++
    const right = [maps.score, maps.size, maps.offset].every((map, i) =>
      isEqual(map, kept.answer[i]!),
    )
    if (!right) this.wrong++
    return right
  }
}

function isEqual(a: Float32Array, b: Float32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return a.length === b.length
}
