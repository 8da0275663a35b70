import type {
  SearchMaps,
  TemplateState,
  TrackerSession,
  TrackerSpec,
} from '../../src/inference/tracker-session.js'

export const fakeSpec: TrackerSpec = {
  name: 'centroid',
  sha256: '',
  planes: ['trajectory', 'negative', 'positive', 'prior'],
  templateSize: 32,
  searchSize: 64,
  templateFactor: 2,
  searchFactor: 4,
  mapSize: 16,
}

/** What a crop shows of the box in its middle (or wherever its prior is). */
interface Look {
  readonly cx: number
  readonly cy: number
  /** Width and height of the prior, crop pixels. */
  readonly w: number
  readonly h: number
  /** Events per pixel of the box, and the share of them that is positive. */
  readonly density: number
  readonly positive: number
}

/**
 * A tracker that follows the nearest heap of events by mean shift and knows its target by density and polarity. It
 * stands in for the network where the lives of targets are tested: its answers can be told from the input.
 */
export class CentroidSession implements TrackerSession {
  readonly spec = fakeSpec
  readonly batches: number[] = []
  templates = 0
  /** Set to make the backend fail. */
  failure: Error | undefined

  async template(crop: Uint8Array): Promise<TemplateState> {
    this.templates++
    const { density, positive } = look(crop, this.spec.templateSize)
    return { tensors: { look: Float32Array.of(density, positive) } }
  }

  async search(crops: Uint8Array, templates: readonly TemplateState[]): Promise<SearchMaps> {
    if (this.failure !== undefined) throw this.failure
    const { searchSize, mapSize } = this.spec
    const batch = templates.length
    this.batches.push(batch)
    const cells = mapSize * mapSize
    const maps = {
      batch,
      mapSize,
      score: new Float32Array(batch * cells),
      size: new Float32Array(batch * cells * 2),
      offset: new Float32Array(batch * cells * 2),
    }
    for (let b = 0; b < batch; b++) {
      const bytes = 4 * searchSize * searchSize
      const seen = look(crops.subarray(b * bytes, (b + 1) * bytes), searchSize)
      const shown = templates[b]!.tensors['look'] as Float32Array
      const x = (seen.cx / searchSize) * mapSize
      const y = (seen.cy / searchSize) * mapSize
      const ix = Math.min(mapSize - 1, Math.floor(x))
      const iy = Math.min(mapSize - 1, Math.floor(y))
      const at = iy * mapSize + ix
      const ratio = seen.density / shown[0]!
      const alike = Math.max(0, 1 - 2 * Math.abs(seen.positive - shown[1]!))
      maps.score[b * cells + at] = Math.min(ratio, 1 / ratio, 1) * alike
      maps.offset[2 * b * cells + at] = x - ix
      maps.offset[2 * b * cells + cells + at] = y - iy
      maps.size[2 * b * cells + at] = seen.w / searchSize
      maps.size[2 * b * cells + cells + at] = seen.h / searchSize
    }
    return maps
  }

  async close(): Promise<void> {}
}

function look(crop: Uint8Array, side: number): Look {
  const pixels = side * side
  let mass = 0
  let [left, right, top, bottom] = [side, 0, side, 0]
  for (let i = 0; i < pixels; i++) {
    if (crop[3 * pixels + i]! < 128) continue
    left = Math.min(left, i % side)
    right = Math.max(right, (i % side) + 1)
    top = Math.min(top, Math.floor(i / side))
    bottom = Math.max(bottom, Math.floor(i / side) + 1)
  }
  const [w, h] = [right - left, bottom - top]
  let [cx, cy] = [(left + right) / 2, (top + bottom) / 2]
  let positive = 0
  for (let pass = 0; pass < 8; pass++) {
    let [xs, ys] = [0, 0]
    mass = 0
    positive = 0
    for (let i = 0; i < pixels; i++) {
      const x = (i % side) + 0.5
      const y = Math.floor(i / side) + 0.5
      if (Math.abs(x - cx) > 0.75 * w || Math.abs(y - cy) > 0.75 * h) continue
      const off = crop[pixels + i]!
      const on = crop[2 * pixels + i]!
      mass += on + off
      positive += on
      xs += x * (on + off)
      ys += y * (on + off)
    }
    if (mass === 0) break
    cx = xs / mass
    cy = ys / mass
  }
  const density = mass / Math.max(1, w * h) / 30
  return { cx, cy, w, h, density, positive: mass === 0 ? 0 : positive / mass }
}
