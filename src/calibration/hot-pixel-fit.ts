/**
 * Which pixels are hot: those whose count no pixel of the rest would reach by chance. Pixels differ in how noisy they
 * are, so the rest is described by a mean and by a spread that may exceed that of pure chance.
 */
export interface HotPixelFit {
  /** A pixel is hot at this count or above. */
  readonly threshold: number
  /** Indices of hot pixels, the most active first. */
  readonly hot: readonly number[]
  /** Mean count of the pixels that are not hot. */
  readonly backgroundMean: number
}

/** How many ordinary pixels of the whole sensor may be taken for hot ones, on average. */
const FALSE_PIXELS = 0.5
const ROUNDS = 6
/** With at least this median the spread over pixels is visible in single counts, and is taken as log-normal. */
const LOG_NORMAL_MEDIAN = 8

/** `counts`: events of each pixel, in any order. `atLeast`: counts below it are never hot. */
export function findHotPixels(counts: Uint32Array, atLeast = 3): HotPixelFit {
  const sorted = Uint32Array.from(counts).sort()
  const chance = FALSE_PIXELS / counts.length
  // The hottest percent is left out of the first description.
  let threshold = (sorted[Math.floor(0.99 * (sorted.length - 1))] ?? 0) + 1
  let mean = 0
  for (let round = 0; round < ROUNDS; round++) {
    const rest = describe(sorted, threshold)
    mean = rest.mean
    const next = Math.max(
      atLeast,
      tailCount(rest.mean, rest.variance, chance),
      logNormalCount(sorted, rest.length, chance),
    )
    if (next === threshold) break
    threshold = next
  }
  const hot: number[] = []
  counts.forEach((count, pixel) => {
    if (count >= threshold) hot.push(pixel)
  })
  hot.sort((a, b) => counts[b]! - counts[a]! || a - b)
  return { threshold, hot, backgroundMean: mean }
}

function describe(sorted: Uint32Array, below: number) {
  let n = 0
  let sum = 0
  let squares = 0
  for (const count of sorted) {
    if (count >= below) break
    n++
    sum += count
    squares += count * count
  }
  const mean = n === 0 ? 0 : sum / n
  return { length: n, mean, variance: n === 0 ? 0 : squares / n - mean * mean }
}

/**
 * The smallest count that is reached with less than `chance`: Poisson, or negative binomial where the variance exceeds
 * the mean.
 */
export function tailCount(mean: number, variance: number, chance: number): number {
  if (mean <= 0) return 1
  // Below a mean of a few hundred, where the recursion is exact; above, the log-normal rule is the stricter one.
  const excess = variance - mean
  const shape = excess > 0.02 * mean ? (mean * mean) / excess : Number.POSITIVE_INFINITY
  const finite = Number.isFinite(shape)
  const share = finite ? mean / (mean + shape) : 0
  let logTerm = finite ? shape * Math.log(1 - share) : -mean
  let cumulative = Math.exp(logTerm)
  for (let k = 0; k < 100_000; k++) {
    if (1 - cumulative < chance && k >= mean) {
      // What is left is beyond double precision near 1: sum the tail itself.
      if (tailSum(k + 1, logTerm, { mean, shape, share }) < chance) return k + 1
    }
    logTerm += step(k, { mean, shape, share })
    cumulative += Math.exp(logTerm)
  }
  return 100_000
}

interface Law {
  readonly mean: number
  readonly shape: number
  readonly share: number
}

/** log p(k + 1) − log p(k) */
function step(k: number, { mean, shape, share }: Law): number {
  return Number.isFinite(shape)
    ? Math.log(((k + shape) / (k + 1)) * share)
    : Math.log(mean / (k + 1))
}

function tailSum(from: number, logBefore: number, law: Law): number {
  let log = logBefore
  let sum = 0
  for (let k = from; k < from + 10_000; k++) {
    log += step(k - 1, law)
    const term = Math.exp(log)
    sum += term
    if (term < 1e-4 * sum) break
  }
  return sum
}

function logNormalCount(sorted: Uint32Array, length: number, chance: number): number {
  const at = (share: number) => sorted[Math.floor(share * (length - 1))] ?? 0
  const median = at(0.5)
  if (median < LOG_NORMAL_MEDIAN) return 0
  // Quartiles, which hot pixels do not move: half their distance is 0.6745 standard deviations.
  const sigma = Math.log(at(0.75) / at(0.25)) / (2 * 0.6745)
  return Math.ceil(median * Math.exp(sigma * normalQuantile(chance)))
}

/** z with Q(z) = chance, for small chances. Abramowitz and Stegun 26.2.23, good to 0.0005. */
export function normalQuantile(chance: number): number {
  const t = Math.sqrt(-2 * Math.log(chance))
  const top = 2.515517 + t * (0.802853 + 0.010328 * t)
  const bottom = 1 + t * (1.432788 + t * (0.189269 + 0.001308 * t))
  return t - top / bottom
}
