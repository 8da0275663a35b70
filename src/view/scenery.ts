import type { Frame } from '../pipeline/frame.js'
import { type Canvas, drawFrame, type Rgb } from '../pipeline/picture.js'
import { drawLine } from '../pipeline/plot.js'
import type { Track } from '../tracking/track.js'

/** Colours of tracks, far from those of ON and OFF events. */
const TRACK_COLORS: readonly Rgb[] = [
  [80, 255, 120],
  [255, 110, 220],
  [255, 235, 90],
  [90, 240, 240],
  [190, 150, 255],
  [255, 140, 140],
  [170, 230, 70],
  [60, 200, 160],
]
const TRAIL_US = 1_000_000
/** A trail is this much darker than its box. */
const TRAIL_SHADE = 0.6

interface TrailPoint {
  readonly x: number
  readonly y: number
  readonly tUs: number
}

interface Trail {
  readonly color: Rgb
  readonly points: readonly TrailPoint[]
}

/** What is drawn of one window: kept until it is known whether it will be. */
export interface Scenery {
  readonly frame: Frame
  readonly tracks: readonly Track[]
  readonly trails: ReadonlyMap<string, Trail>
}

/** Where tracks have been in the last second of device time, and their colours: kept while they live. */
export class Trails {
  readonly #trails = new Map<string, { color: Rgb; points: TrailPoint[] }>()

  add(tracks: readonly Track[]): void {
    const live = new Set(tracks.map(({ id }) => id))
    for (const id of this.#trails.keys()) if (!live.has(id)) this.#trails.delete(id)
    for (const { id, box, tUs } of tracks) {
      const trail = this.#trails.get(id) ?? { color: this.#freeColor(), points: [] }
      const { points } = trail
      points.push({ x: box.x + box.w / 2, y: box.y + box.h / 2, tUs })
      while (tUs - points[0]!.tUs > TRAIL_US) points.shift()
      this.#trails.set(id, trail)
    }
  }

  /** As they are now, unchanged by what is added later. */
  snapshot(): Scenery['trails'] {
    return new Map(
      [...this.#trails].map(([id, { color, points }]) => [id, { color, points: [...points] }]),
    )
  }

  #freeColor(): Rgb {
    const taken = new Set([...this.#trails.values()].map(({ color }) => color))
    const free = TRACK_COLORS.find((color) => !taken.has(color))
    return free ?? TRACK_COLORS[this.#trails.size % TRACK_COLORS.length]!
  }
}

/** The window with boxes, labels, trails and a caption; `startUs` is where the recording's time begins. */
export function paintScenery(
  { frame, tracks, trails }: Scenery,
  options: { readonly scale: number; readonly startUs: number },
): Canvas {
  const { scale, startUs } = options
  const boxes = tracks.map((track) => ({
    box: track.box,
    color: trails.get(track.id)?.color ?? TRACK_COLORS[0]!,
    label: `${track.label ?? track.id} ${track.state}`,
  }))
  const seconds = ((frame.header.tEndUs - startUs) / 1e6).toFixed(2)
  const caption = `t=${seconds} s  ${frame.header.events} events  ${tracks.length} tracks`
  const canvas = drawFrame(frame, boxes, { scale, caption })
  for (const { color, points } of trails.values()) {
    const [r, g, b] = color
    const shade: Rgb = [r * TRAIL_SHADE, g * TRAIL_SHADE, b * TRAIL_SHADE]
    for (let i = 1; i < points.length; i++) {
      const [from, to] = [points[i - 1]!, points[i]!]
      drawLine(canvas, shade, {
        from: { x: from.x * scale, y: from.y * scale },
        to: { x: to.x * scale, y: to.y * scale },
      })
    }
  }
  return canvas
}
