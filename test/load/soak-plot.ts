/** One look at a daemon from outside. */
export interface Sample {
  /** Since the daemon was ready, on this machine's clock, minutes. */
  readonly minutes: number
  /** Device time since then, hours. */
  readonly hours: number
  readonly rssMb: number
  readonly heapMb: number
  readonly descriptors: number
  /** Crops, inference and decision of a window, milliseconds. */
  readonly p50: number | null
  readonly p99: number | null
}

interface Panel {
  readonly title: string
  readonly lines: readonly {
    readonly name: string
    readonly of: (sample: Sample) => number | null
  }[]
}

const PANELS: readonly Panel[] = [
  {
    title: 'memory, MB',
    lines: [
      { name: 'resident', of: (sample) => sample.rssMb },
      { name: 'heap of the main thread', of: (sample) => sample.heapMb },
    ],
  },
  {
    title: 'a window, ms',
    lines: [
      { name: 'p99', of: (sample) => sample.p99 },
      { name: 'p50', of: (sample) => sample.p50 },
    ],
  },
  { title: 'open files', lines: [{ name: 'open files', of: (sample) => sample.descriptors }] },
]
const COLOURS = ['#1f6feb', '#d1720f']
const [WIDTH, HEIGHT, LEFT, TOP, GAP] = [760, 150, 60, 40, 60]

/** Memory, time of a window and open files over device time, as SVG. */
export function soakPlot(samples: readonly Sample[], caption: string): string {
  const last = samples.at(-1)?.hours ?? 1
  const x = (hours: number) => LEFT + (hours / last) * (WIDTH - LEFT - 20)
  const panels = PANELS.map(({ title, lines }, at) => {
    const top = TOP + at * (HEIGHT + GAP)
    const values = lines.flatMap(({ of }) => samples.map(of).filter((value) => value !== null))
    const most = Math.max(1, ...values) * 1.15
    const y = (value: number) => top + HEIGHT - (value / most) * HEIGHT
    const grid = [0, 0.5, 1].map((share) => {
      const value = share * most
      return `<path d="M${LEFT} ${y(value)}H${WIDTH - 20}" stroke="#ddd"/><text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${value < 20 ? value.toFixed(1) : value.toFixed(0)}</text>`
    })
    const curves = lines.map(({ name, of }, line) => {
      const points = samples
        .map((sample) => ({ hours: sample.hours, value: of(sample) }))
        .filter((point) => point.value !== null)
        .map(({ hours, value }) => `${x(hours).toFixed(1)},${y(value!).toFixed(1)}`)
      const colour = COLOURS[line]!
      const end =
        lines.length > 1
          ? `<text x="${LEFT + 150 + line * 190}" y="${top - 8}" fill="${colour}">${name}</text>`
          : ''
      return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>${end}`
    })
    return `<text x="${LEFT}" y="${top - 8}" font-weight="bold">${title}</text>${grid.join('')}${curves.join('')}`
  })
  const bottom = TOP + PANELS.length * (HEIGHT + GAP) - GAP
  const ticks = Array.from({ length: 7 }, (_, i) => (last * i) / 6).map(
    (hours) =>
      `<text x="${x(hours)}" y="${bottom + 18}" text-anchor="middle">${hours.toFixed(last < 1 ? 2 : last < 10 ? 1 : 0)}</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + 60}" font-family="sans-serif" font-size="12" fill="#222"><rect width="100%" height="100%" fill="#fff"/>${panels.join('')}${ticks.join('')}<text x="${WIDTH / 2}" y="${bottom + 38}" text-anchor="middle">hours of device time</text><text x="${WIDTH / 2}" y="${bottom + 54}" text-anchor="middle" fill="#666">${caption}</text></svg>\n`
}
