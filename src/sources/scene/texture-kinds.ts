import type { Rng } from './rng.js'
import type { TextureConfig } from './schema.js'

/**
 * The procedural textures: each fills a square tile whose left edge continues its right one. Values have no unit;
 * the caller stretches them to a brightness and contrast.
 */
interface Paint {
  readonly kind: TextureConfig['kind']
  readonly featurePx: number
  readonly rng: Rng
}

export function paintField(field: Float32Array, side: number, paint: Paint): void {
  switch (paint.kind) {
    case 'leaves':
      paintLeaves(field, side, paint)
      return
    case 'fractal':
      paintFractal(field, side, paint)
      return
    case 'stripes':
    case 'checks':
      paintWaves(field, side, paint)
      return
    case 'flat':
      paintRegions(field, side, paint)
      return
    case 'glyphs':
      paintGlyphs(field, side, paint)
      return
    case 'plain':
    case 'picture':
      return
  }
}

/** Dead leaves: shapes of all sizes over each other have the edge statistics of natural pictures. */
function paintLeaves(field: Float32Array, side: number, { featurePx, rng }: Paint): void {
  field.fill(rng.next())
  const smallest = Math.max(1.5, featurePx * 0.25)
  const largest = Math.min(side / 4, featurePx * 5)
  const count = Math.min(4000, Math.ceil((1.6 * side * side) / (featurePx * featurePx)))
  for (let i = 0; i < count; i++) {
    // Radii follow r^-3 (scale invariance), drawn by inverting the distribution.
    const u = rng.next()
    const r = 1 / Math.sqrt((1 - u) / smallest ** 2 + u / largest ** 2)
    const shape = {
      x: rng.range(0, side),
      y: rng.range(0, side),
      rx: r,
      ry: r * rng.range(0.4, 1),
      angle: rng.chance(0.5) ? 0 : rng.range(0, Math.PI),
      square: rng.chance(0.4),
      value: rng.next(),
    }
    stamp(field, side, shape)
  }
}

interface Stamp {
  readonly x: number
  readonly y: number
  readonly rx: number
  readonly ry: number
  readonly angle: number
  readonly square: boolean
  readonly value: number
}

function stamp(field: Float32Array, side: number, shape: Stamp): void {
  const mask = side - 1
  const reach = Math.ceil(
    Math.min(side / 2 - 1, shape.square ? Math.hypot(shape.rx, shape.ry) : shape.rx),
  )
  const cos = Math.cos(shape.angle)
  const sin = Math.sin(shape.angle)
  const cx = Math.round(shape.x)
  const cy = Math.round(shape.y)
  for (let dy = -reach; dy <= reach; dy++) {
    const row = ((cy + dy) & mask) * side
    for (let dx = -reach; dx <= reach; dx++) {
      const u = (dx * cos + dy * sin) / shape.rx
      const v = (dy * cos - dx * sin) / shape.ry
      const inside = shape.square ? u < 1 && u > -1 && v < 1 && v > -1 : u * u + v * v < 1
      if (inside) field[row + ((cx + dx) & mask)] = shape.value
    }
  }
}

/** Value noise over octaves of a periodic lattice. */
function paintFractal(field: Float32Array, side: number, { featurePx, rng }: Paint): void {
  const roughness = rng.range(0.35, 0.75)
  let amplitude = 1
  let cells = 2 ** Math.max(1, Math.round(Math.log2(side / (featurePx * 3))))
  while (cells * 2 <= side) {
    addLattice(field, side, { cells, amplitude, rng })
    amplitude *= roughness
    cells *= 2
  }
}

function addLattice(
  field: Float32Array,
  side: number,
  { cells, amplitude, rng }: { cells: number; amplitude: number; rng: Rng },
): void {
  const lattice = new Float32Array(cells * cells)
  for (let i = 0; i < lattice.length; i++) lattice[i] = amplitude * (rng.next() - 0.5)
  const cell = side / cells
  const mask = cells - 1
  const ease = new Float32Array(cell)
  for (let i = 0; i < cell; i++) {
    const f = i / cell
    ease[i] = f * f * (3 - 2 * f)
  }
  for (let y = 0; y < side; y++) {
    const cy = Math.floor(y / cell)
    const fy = ease[y - cy * cell]!
    const top = cy * cells
    const bottom = ((cy + 1) & mask) * cells
    for (let cx = 0; cx < cells; cx++) {
      const right = (cx + 1) & mask
      const a = lattice[top + cx]! * (1 - fy) + lattice[bottom + cx]! * fy
      const b = lattice[top + right]! * (1 - fy) + lattice[bottom + right]! * fy
      const base = y * side + cx * cell
      for (let i = 0; i < cell; i++) field[base + i]! += a + (b - a) * ease[i]!
    }
  }
}

/** Whole numbers of waves across the tile, so that stripes of any direction meet themselves. */
function paintWaves(field: Float32Array, side: number, { kind, featurePx, rng }: Paint): void {
  const waves = Math.max(1, side / (2 * featurePx))
  const direction = rng.range(0, Math.PI)
  const kx = Math.round(waves * Math.cos(direction))
  const ky = Math.round(waves * Math.sin(direction)) || (kx === 0 ? 1 : 0)
  const hard = kind === 'checks' || rng.chance(0.5)
  const step = (2 * Math.PI) / side
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const first = Math.cos((x * kx + y * ky) * step)
      const value = kind === 'checks' ? first * Math.cos((x * -ky + y * kx) * step) : first
      field[y * side + x] = hard ? Math.max(-1, Math.min(1, value * 4)) : value
    }
  }
}

/** Walls, roads, furniture: a few even regions with long straight edges, some thin lines. */
function paintRegions(field: Float32Array, side: number, { featurePx, rng }: Paint): void {
  field.fill(rng.next())
  const count = Math.max(4, Math.round((0.5 * side) / featurePx))
  for (let i = 0; i < count; i++) {
    const line = rng.chance(0.35)
    stamp(field, side, {
      x: rng.range(0, side),
      y: rng.range(0, side),
      rx: featurePx * rng.range(1, 6),
      ry: line ? rng.range(0.8, 3) : featurePx * rng.range(0.5, 4),
      angle: rng.chance(0.6) ? (rng.chance(0.5) ? 0 : Math.PI / 2) : rng.range(0, Math.PI),
      square: true,
      value: rng.next(),
    })
  }
}

/** Lines of strokes like signs and writing: dense, high-contrast, alike from place to place. */
function paintGlyphs(field: Float32Array, side: number, { featurePx, rng }: Paint): void {
  const paper = rng.next()
  const ink = paper > 0.5 ? paper - 0.5 : paper + 0.5
  field.fill(paper)
  const cell = Math.max(6, featurePx)
  const columns = Math.max(1, Math.round(side / cell))
  for (let row = 0; row < columns; row++) {
    for (let column = 0; column < columns; column++) {
      if (rng.chance(0.15)) continue
      const strokes = 2 + rng.int(3)
      for (let i = 0; i < strokes; i++) {
        stamp(field, side, {
          x: (column + rng.range(0.3, 0.7)) * cell,
          y: (row + rng.range(0.3, 0.7)) * cell,
          rx: cell * rng.range(0.2, 0.4),
          ry: Math.max(0.8, cell * 0.07),
          angle: (rng.int(4) * Math.PI) / 4,
          square: true,
          value: ink,
        })
      }
    }
  }
}
