/**
 * Configuration files write keys in snake_case (`window_us`), the code in camelCase (`windowUs`). The conversion is
 * mechanical and happens here only, so a schema states each key once.
 */
export function camelKey(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, c: string) => c.toUpperCase())
}

/** Names that begin with a capital, such as the biases, are proper names and stay. */
export function snakeKey(key: string): string {
  if (/^[A-Z]/.test(key)) return key
  return key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
}

/** Text written for the code, as a reader of the file should see it: camelCase words become snake_case. */
export function snakeWords(text: string): string {
  return text.replace(/\b[a-z]+(?:[A-Z][a-z0-9]*)+\b/g, snakeKey)
}

/** Converts the keys of plain objects, recursively through arrays; values are left alone. */
export function mapKeys(value: unknown, convert: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => mapKeys(item, convert))
  if (value === null || typeof value !== 'object') return value
  // Tables of a TOML file have no prototype; dates and other values with one of their own stay as they are.
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== null && prototype !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [convert(key), mapKeys(item, convert)]),
  )
}

/** Edit distance (insert, delete, replace, each 1): for naming the key a user probably meant. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replace))
    }
    row = next
  }
  return row[b.length]!
}

/** The nearest of `known`, if it is near enough to be a slip of the finger. */
export function nearest(key: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(key.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(key.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}
