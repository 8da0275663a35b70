/**
 * Sigmoid in place: computed in float64, rounded once to float32. The only step of an inference that rounds, and it is
 * this code on every backend. Clamped to [1e-4, 1 - 1e-4] as in SDTrack's head, so that a score is never a certainty.
 */
// hot
export function sigmoidInto(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    const p = 1 / (1 + Math.exp(-values[i]!))
    values[i] = Math.min(Math.max(p, 1e-4), 1 - 1e-4)
  }
}
