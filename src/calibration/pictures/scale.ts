/** One axis. Its ends are as given, or as the values have them. */
export interface Axis {
  /** With its unit: `time, s`. */
  readonly label: string
  readonly scale: 'linear' | 'log'
  readonly min?: number
  readonly max?: number
}

/** Maps values to pixels; what a logarithmic axis cannot show is not a number. */
export interface Scale {
  readonly ticks: readonly number[]
  readonly at: (value: number) => number
}

const TICKS = 6

export function scaleOf(
  axis: Axis,
  values: readonly number[],
  ends: { from: number; to: number },
): Scale {
  const log = axis.scale === 'log'
  const usable = values.filter((v) => Number.isFinite(v) && (!log || v > 0))
  let min = axis.min ?? usable.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
  let max = axis.max ?? usable.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  if (!Number.isFinite(min) || !Number.isFinite(max)) [min, max] = log ? [1, 10] : [0, 1]
  if (log) {
    min = 10 ** Math.floor(Math.log10(min) + 1e-9)
    max = 10 ** Math.ceil(Math.log10(max) - 1e-9)
    if (max <= min) max = 10 * min
  } else {
    const step = niceStep((max - min || Math.abs(max) || 1) / TICKS)
    min = axis.min ?? Math.floor(min / step) * step
    max = axis.max ?? Math.ceil(max / step) * step
    if (max <= min) max = min + step
  }
  const { from, to } = ends
  const place = log ? Math.log10 : (v: number) => v
  const [low, high] = [place(min), place(max)]
  const at = (value: number) => from + ((place(value) - low) / (high - low)) * (to - from)
  return { at, ticks: log ? decades(min, max) : steps(min, max) }
}

function decades(min: number, max: number): number[] {
  const first = Math.round(Math.log10(min))
  const last = Math.round(Math.log10(max))
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i))
}

function steps(min: number, max: number): number[] {
  const step = niceStep((max - min) / TICKS)
  const first = Math.ceil(min / step - 1e-9)
  const last = Math.floor(max / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
}

/** One, two or five times a power of ten, at least `rough`. */
export function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough))
  const share = rough / power
  return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10)
}

export function tickText(value: number): string {
  const size = Math.abs(value)
  const short = (v: number) => String(Number(v.toPrecision(3))).replace('-', '−')
  if (size >= 1e6) return `${short(value / 1e6)} M`
  if (size >= 1e4) return `${short(value / 1e3)} k`
  return size < 1e-12 ? '0' : short(value)
}
