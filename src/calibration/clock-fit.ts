/**
 * Camera clock against host clock. The host learns of a device time a little after it was reached, never before, so the
 * truth runs along the lower edge of host − device over device time; what lies above it is delay.
 */
export interface ClockFit {
  /** Host − device at `referenceUs` of device time, microseconds, the shortest delay included. */
  readonly offsetUs: number
  readonly referenceUs: number
  /** How much faster the host's clock runs, parts per million. */
  readonly driftPpm: number
  /** Two standard errors of the drift. */
  readonly driftErrorPpm: number
  /** Distance above the line of the least delays, one for each 100 ms. */
  readonly residualsUs: Float64Array
  readonly points: readonly Pair[]
}

export interface Pair {
  readonly deviceUs: number
  /** Host − device. */
  readonly differenceUs: number
}

/** Of each such time the pair with the least delay counts. */
export const BIN_US = 100_000
/** Fewer bins than this give no drift. */
export const MIN_BINS = 20
const ROUNDS = 8

/** `pairs`: the least of each bin, in order of device time. Undefined when there are too few. */
export function fitClock(pairs: readonly Pair[]): ClockFit | undefined {
  if (pairs.length < MIN_BINS) return undefined
  const t0 = pairs.reduce((sum, p) => sum + p.deviceUs, 0) / pairs.length
  const d0 = pairs[0]!.differenceUs
  const t = pairs.map((p) => p.deviceUs - t0)
  const d = pairs.map((p) => p.differenceUs - d0)
  let line = lowerEdge(t, d)
  let kept: number[] = []
  // The lower edge leans upon single pairs; the nearest half above it, fitted again, averages over many.
  for (let round = 0; round < ROUNDS; round++) {
    const above = t.map((x, i) => Math.abs(d[i]! - (line.at + line.slope * x)))
    const sorted = [...above].sort((a, b) => a - b)
    const limit = Math.max(5, 3 * sorted[Math.floor(sorted.length / 4)]!)
    kept = above.flatMap((r, i) => (r <= limit ? [i] : []))
    if (kept.length < MIN_BINS / 2) break
    line = leastSquares(t, d, kept)
  }
  const residualsUs = Float64Array.from(t, (x, i) => Math.abs(d[i]! - (line.at + line.slope * x)))
  return {
    offsetUs: d0 + line.at,
    referenceUs: t0,
    driftPpm: line.slope * 1e6,
    driftErrorPpm: 2e6 * standardError(t, d, { line, kept }),
    residualsUs,
    points: pairs,
  }
}

interface Line {
  /** Value at 0. */
  readonly at: number
  readonly slope: number
}

/** The line below all points with the least sum of distances: the edge of the lower hull above the mean of t (0). */
function lowerEdge(t: readonly number[], d: readonly number[]): Line {
  const hull: number[] = []
  for (let i = 0; i < t.length; i++) {
    while (hull.length > 1) {
      const [a, b] = [hull[hull.length - 2]!, hull[hull.length - 1]!]
      const turn = (t[b]! - t[a]!) * (d[i]! - d[a]!) - (d[b]! - d[a]!) * (t[i]! - t[a]!)
      if (turn > 0) break
      hull.pop()
    }
    hull.push(i)
  }
  let k = 0
  while (k + 2 < hull.length && t[hull[k + 1]!]! < 0) k++
  const [a, b] = [hull[k]!, hull[k + 1]!]
  const slope = (d[b]! - d[a]!) / (t[b]! - t[a]!)
  return { slope, at: d[a]! - slope * t[a]! }
}

function leastSquares(t: readonly number[], d: readonly number[], of: readonly number[]): Line {
  const meanT = of.reduce((sum, i) => sum + t[i]!, 0) / of.length
  const meanD = of.reduce((sum, i) => sum + d[i]!, 0) / of.length
  let covariance = 0
  let variance = 0
  for (const i of of) {
    covariance += (t[i]! - meanT) * (d[i]! - meanD)
    variance += (t[i]! - meanT) ** 2
  }
  const slope = covariance / variance
  return { slope, at: meanD - slope * meanT }
}

function standardError(
  t: readonly number[],
  d: readonly number[],
  { line, kept }: { line: Line; kept: readonly number[] },
): number {
  if (kept.length < 3) return Number.NaN
  const meanT = kept.reduce((sum, i) => sum + t[i]!, 0) / kept.length
  let squares = 0
  let variance = 0
  for (const i of kept) {
    squares += (d[i]! - line.at - line.slope * t[i]!) ** 2
    variance += (t[i]! - meanT) ** 2
  }
  return Math.sqrt(squares / (kept.length - 2) / variance)
}

/** Gathers pairs, one bin after another. Device time that starts again begins a new run; the longest run is fitted. */
export class PairCollector {
  readonly #runs: Pair[][] = [[]]
  #bin = Number.NaN
  #lastUs = Number.NEGATIVE_INFINITY
  restarts = 0
  /** Times at which device time went back without saying so. */
  backwards = 0

  // hot
  add(deviceUs: number, hostUs: number): void {
    if (deviceUs < this.#lastUs) {
      this.backwards++
      this.restart()
    }
    this.#lastUs = deviceUs
    const run = this.#runs[this.#runs.length - 1]!
    const bin = Math.floor(deviceUs / BIN_US)
    const differenceUs = hostUs - deviceUs
    if (bin !== this.#bin) {
      this.#bin = bin
      run.push({ deviceUs, differenceUs })
    } else if (differenceUs < run[run.length - 1]!.differenceUs) {
      run[run.length - 1] = { deviceUs, differenceUs }
    }
  }

  /** The camera said that its time starts again. */
  restart(): void {
    this.#lastUs = Number.NEGATIVE_INFINITY
    this.#bin = Number.NaN
    if (this.#runs.at(-1)!.length === 0) return
    this.restarts++
    this.#runs.push([])
  }

  longest(): readonly Pair[] {
    return this.#runs.reduce((best, run) => (run.length > best.length ? run : best))
  }
}
