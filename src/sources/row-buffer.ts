/** Timed rows of numbers that wait to be written together: the first number of each row is its time. */
export interface RowBuffer {
  readonly values: Float64Array
  readonly count: number
  /** Time of the first row; infinite when there is none. */
  readonly firstUs: number
  /** Time of the newest row ever added. */
  readonly lastUs: number
  add(tUs: number, values: readonly number[]): void
  clear(): void
}

/** `capacity` rows of `width` numbers; the caller clears it before it is full. */
export function createRowBuffer(shape: { width: number; capacity: number }): RowBuffer {
  const values = new Float64Array(shape.width * shape.capacity)
  let count = 0
  let lastUs = 0
  return {
    values,
    get count() {
      return count
    },
    get firstUs() {
      return count === 0 ? Number.POSITIVE_INFINITY : values[0]!
    },
    get lastUs() {
      return lastUs
    },
    add(tUs, rest) {
      values[count * shape.width] = tUs
      values.set(rest, count * shape.width + 1)
      lastUs = tUs
      count++
    },
    clear() {
      count = 0
    },
  }
}
