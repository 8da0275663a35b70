/**
 * Pairs device time with host time. A transfer is received a little after its last word was made, never before, so
 * the smallest difference host - device seen lately is the best estimate of the offset; what is left is the shortest
 * way through USB. The two clocks drift against each other by some parts per million, so minima are taken per second
 * and only the last few count; their slope is the drift.
 */
export interface ClockPairing {
  /** Host time at which the camera had reached `deviceUs`, at the latest. */
  update(hostUs: number, deviceUs: number): void
  /** Forgets everything: device time started again. */
  restart(): void
  /** Host time minus device time, microseconds; NaN before the first update. */
  offsetUs(): number
  /** How much faster the host's clock runs, parts per million; NaN with less than ten seconds of data. */
  driftPpm(): number
}

const BUCKET_US = 1_000_000
const BUCKETS = 64
/** Minima that count for the offset: at 100 ppm, eight seconds hide less than a millisecond. */
const RECENT = 8
const MIN_BUCKETS_FOR_DRIFT = 10

export function createClockPairing(): ClockPairing {
  const minima = new Float64Array(BUCKETS)
  const times = new Float64Array(BUCKETS)
  let filled = 0
  let bucket = -1
  let current = Number.NaN
  let currentAt = 0

  return {
    // hot
    update(hostUs, deviceUs) {
      const difference = hostUs - deviceUs
      const b = Math.floor(deviceUs / BUCKET_US)
      if (b !== bucket) {
        if (bucket >= 0) {
          minima[filled % BUCKETS] = current
          times[filled % BUCKETS] = currentAt
          filled++
        }
        bucket = b
        current = difference
        currentAt = deviceUs
      } else if (difference < current) {
        current = difference
        currentAt = deviceUs
      }
    },

    restart() {
      filled = 0
      bucket = -1
      current = Number.NaN
    },

    offsetUs() {
      let min = current
      for (let i = Math.max(0, filled - RECENT); i < filled; i++) {
        min = Math.min(min, minima[i % BUCKETS]!)
      }
      return min
    },

    driftPpm() {
      const n = Math.min(filled, BUCKETS)
      if (n < MIN_BUCKETS_FOR_DRIFT) return Number.NaN
      let meanT = 0
      let meanD = 0
      for (let i = 0; i < n; i++) {
        meanT += times[i]! / n
        meanD += minima[i]! / n
      }
      let covariance = 0
      let variance = 0
      for (let i = 0; i < n; i++) {
        const t = times[i]! - meanT
        covariance += t * (minima[i]! - meanD)
        variance += t * t
      }
      return (covariance / variance) * 1e6
    },
  }
}
