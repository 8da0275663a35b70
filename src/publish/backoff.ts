/** Waiting times between attempts to connect: doubling, with jitter so that a fleet does not come back in step. */

const FIRST_MS = 250
const LONGEST_MS = 30_000

/** `failures` counts attempts that failed in a row, from 1. Half of the time is fixed, half is random. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 20))
  return Math.round(ceiling * (0.5 + 0.5 * random()))
}
