/**
 * The choice of a background activity filter from how long before each event its neighbours fired: an event passes a
 * filter of time τ and support k when the k-th latest of its eight neighbours fired less than τ before it.
 */

/** Bins an octave, from FIRST_US up; the last bin holds everything longer. */
const BINS_PER_OCTAVE = 6
const FIRST_US = 125
export const AGE_BINS = 6 * 13
export const MAX_SUPPORT = 3

/** hot. The bin of an age; ages from about one second on, and pixels that never fired, are in the last. */
export function ageBin(ageUs: number): number {
  if (ageUs <= FIRST_US) return 0
  const bin = Math.ceil(BINS_PER_OCTAVE * Math.log2(ageUs / FIRST_US))
  return bin < AGE_BINS ? bin : AGE_BINS - 1
}

/** Ages in bins up to and including this one are below it. */
export function binUpperUs(bin: number): number {
  return FIRST_US * 2 ** (bin / BINS_PER_OCTAVE)
}

/** Events by the age of their k-th latest neighbour: counts[(k - 1) * AGE_BINS + bin]. */
export type AgeCounts = Float64Array

export interface FilterChoice {
  readonly timeUs: number
  readonly support: number
  /** Share of the noise that is dropped, 0..1. */
  readonly rejected: number
  /** Share of the wanted events that pass, 0..1. */
  readonly kept: number
}

/** Times that can be chosen: multiples of the camera's 250 us, up to 100 ms. */
const TIMES_US = [
  500, 750, 1000, 1500, 2000, 2500, 3000, 4000, 5000, 6000, 8000, 10_000, 12_500, 16_000, 20_000,
  25_000, 32_000, 40_000, 50_000, 64_000, 80_000, 100_000,
]

/** Share of the events that pass. Between two bins it is taken as straight. */
export function passing(counts: AgeCounts, filter: { timeUs: number; support: number }): number {
  const at = (filter.support - 1) * AGE_BINS
  let total = 0
  let below = 0
  for (let bin = 0; bin < AGE_BINS; bin++) {
    const n = counts[at + bin]!
    total += n
    const upper = binUpperUs(bin)
    const lower = bin === 0 ? 0 : binUpperUs(bin - 1)
    if (bin === AGE_BINS - 1 || filter.timeUs <= lower) continue
    below += n * Math.min(1, (filter.timeUs - lower) / (upper - lower))
  }
  return total === 0 ? 0 : below / total
}

/** Every filter that can be chosen, with what it does to both. */
export function filterChoices(noise: AgeCounts, wanted: AgeCounts): FilterChoice[] {
  return Array.from({ length: MAX_SUPPORT }, (_, i) => i + 1).flatMap((support) =>
    TIMES_US.map((timeUs) => ({
      timeUs,
      support,
      rejected: 1 - passing(noise, { timeUs, support }),
      kept: passing(wanted, { timeUs, support }),
    })),
  )
}

/**
 * The filter whose worse side is best; of those that are as good within half a percent, the one with the least support
 * and the shortest time, which asks the least of the scene.
 */
export function bestFilter(choices: readonly FilterChoice[]): FilterChoice {
  const worth = (c: FilterChoice) => Math.min(c.rejected, c.kept)
  const best = Math.max(...choices.map(worth))
  const good = choices.filter((c) => worth(c) >= best - 0.005)
  return good.sort((a, b) => a.support - b.support || a.timeUs - b.timeUs)[0]!
}
