import { numberText } from './number-text.js'

/** A brightness from 0 to 255 for each pixel, row by row, and the colours it is shown in. */
export interface Tones {
  readonly values: Uint8Array
  readonly palette: 'heat' | 'gray' | 'kept'
  /** What the colours stand for, from the darkest to the brightest. */
  readonly scale?: { readonly label: string; readonly low: string; readonly high: string }
}

type Pixel = readonly [red: number, green: number, blue: number, opacity: 255]

/** Tones of the palette `kept`: nothing, an event that a filter drops, one that it keeps. */
export const KEPT = { nothing: 0, dropped: 1, kept: 2 } as const

const rise = (v: number, from: number, to: number) =>
  Math.min(1, Math.max(0, (v - from) / (to - from)))

/** Dark blue over red and orange to pale yellow: brightness rises with the value. */
function heat(tone: number): Pixel {
  if (tone === 0) return [18, 20, 28, 255]
  return [
    Math.round(34 + 221 * rise(tone, 16, 140)),
    Math.round(26 + 214 * rise(tone, 80, 230)),
    Math.round(
      44 + 30 * rise(tone, 16, 60) - 50 * rise(tone, 60, 140) + 150 * rise(tone, 200, 255),
    ),
    255,
  ]
}

function keptColor(tone: number): Pixel {
  if (tone === KEPT.kept) return [255, 160, 70, 255]
  return tone === KEPT.dropped ? [104, 112, 134, 255] : [18, 20, 28, 255]
}

const palette = (color: (tone: number) => Pixel) => Array.from({ length: 256 }, (_, i) => color(i))

export const PALETTES: Readonly<Record<Tones['palette'], readonly Pixel[]>> = {
  heat: palette(heat),
  gray: palette((tone) => [tone, tone, tone, 255]),
  kept: palette(keptColor),
}

/** Counts of pixels by their logarithm, the largest brightest; `perUnit` turns a count into what the label says. */
export function heatOf(counts: ArrayLike<number>, of: { label: string; perUnit: number }): Tones {
  let most = 0
  for (let i = 0; i < counts.length; i++) if (counts[i]! > most) most = counts[i]!
  const scale = most === 0 ? 0 : 255 / Math.log1p(most)
  const values = Uint8Array.from(counts, (count) =>
    Math.round(scale * Math.log1p(Math.max(0, count))),
  )
  const high = numberText(Number((most * of.perUnit).toPrecision(2)))
  return { values, palette: 'heat', scale: { label: of.label, low: '0', high } }
}

/** A picture of the camera. `full`: the brightest value there can be. */
export function grayOf(pixels: ArrayLike<number>, full: number): Tones {
  const scale = 255 / full
  const values = Uint8Array.from(pixels, (v) => Math.min(255, Math.round(v * scale)))
  return { values, palette: 'gray' }
}
