/** Plane polygons, closed by themselves. */
export type PointOnSensor = readonly [number, number]

/** What is wrong with a polygon, in words, or undefined: too small, a corner twice, edges that cross or touch. */
export function zoneProblem(corners: readonly PointOnSensor[]): string | undefined {
  const n = corners.length
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const same = corners[i]![0] === corners[j]![0] && corners[i]![1] === corners[j]![1]
      if (same) return `corners ${i + 1} and ${j + 1} are the same point`
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      const neighbours = j === i + 1 || (i === 0 && j === n - 1)
      const edges = [
        [corners[i]!, corners[(i + 1) % n]!],
        [corners[j]!, corners[(j + 1) % n]!],
      ] as const
      if (neighbours ? foldsBack(corners, j === i + 1 ? j : i) : meet(edges[0], edges[1]))
        return `the edges after corners ${i + 1} and ${j + 1} cross`
    }
  }
  return Math.abs(signedArea(corners)) < 1 ? 'it encloses less than one pixel' : undefined
}

/** Twice counted corners aside: positive when the corners go clockwise on the screen (y points down). */
export function signedArea(corners: readonly PointOnSensor[]): number {
  let sum = 0
  corners.forEach(([x1, y1], i) => {
    const [x2, y2] = corners[(i + 1) % corners.length]!
    sum += x1 * y2 - x2 * y1
  })
  return sum / 2
}

type Edge = readonly [PointOnSensor, PointOnSensor]

/** Which side of the line a → b the point lies on. */
function side(a: PointOnSensor, b: PointOnSensor, p: PointOnSensor): number {
  return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
}

function between(a: PointOnSensor, b: PointOnSensor, p: PointOnSensor): boolean {
  return (
    Math.min(a[0], b[0]) <= p[0] &&
    p[0] <= Math.max(a[0], b[0]) &&
    Math.min(a[1], b[1]) <= p[1] &&
    p[1] <= Math.max(a[1], b[1])
  )
}

function meet([a, b]: Edge, [c, d]: Edge): boolean {
  const [s1, s2, s3, s4] = [side(a, b, c), side(a, b, d), side(c, d, a), side(c, d, b)]
  if (s1 * s2 < 0 && s3 * s4 < 0) return true
  return (
    (s1 === 0 && between(a, b, c)) ||
    (s2 === 0 && between(a, b, d)) ||
    (s3 === 0 && between(c, d, a)) ||
    (s4 === 0 && between(c, d, b))
  )
}

/** The two edges at a corner lie upon each other. */
function foldsBack(corners: readonly PointOnSensor[], at: number): boolean {
  const n = corners.length
  const [before, corner, after] = [corners[(at + n - 1) % n]!, corners[at]!, corners[(at + 1) % n]!]
  if (side(before, corner, after) !== 0) return false
  const along =
    (before[0] - corner[0]) * (after[0] - corner[0]) +
    (before[1] - corner[1]) * (after[1] - corner[1])
  return along > 0
}
