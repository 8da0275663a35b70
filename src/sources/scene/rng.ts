/**
 * Seeded random numbers for scenes: the same seed gives the same stream on every machine, so a scene is a test vector.
 * The generator is sfc32 (128 bits of state, 32-bit integer arithmetic only), seeded through splitmix32.
 */
export interface Rng {
  /** Uniform in [0, 1), 32 bits of resolution. */
  next(): number
  /** Uniform integer in [0, n). */
  int(n: number): number
  /** Uniform in [low, high). */
  range(low: number, high: number): number
  /** Log-uniform in [low, high); both positive. */
  logRange(low: number, high: number): number
  /** Standard normal. */
  normal(): number
  /** True with probability `p`. */
  chance(p: number): boolean
  pick<T>(items: readonly T[]): T
}

const TO_UNIT = 1 / 4294967296

export function createRng(seed: number): Rng {
  let mix = seed >>> 0
  const seedWord = () => {
    mix = (mix + 0x9e3779b9) | 0
    let z = mix
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return z ^ (z >>> 15)
  }
  let a = seedWord()
  let b = seedWord()
  let c = seedWord()
  let counter = 1
  const next = () => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return (sum >>> 0) * TO_UNIT
  }
  // The first outputs still resemble the seed; a dozen rounds spread it.
  for (let i = 0; i < 12; i++) next()
  return {
    next,
    int: (n) => Math.floor(next() * n),
    range: (low, high) => low + next() * (high - low),
    logRange: (low, high) => low * (high / low) ** next(),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
    chance: (p) => next() < p,
    pick: (items) => items[Math.floor(next() * items.length)]!,
  }
}

/** A seed for an independent stream: `label` names what the stream is for (FNV-1a over the label, mixed with the seed). */
export function deriveSeed(seed: number, label: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < label.length; i++) {
    hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return (hash ^ (hash >>> 16)) >>> 0
}
