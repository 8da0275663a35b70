import t from 'tap'
import { worst } from '../../src/calibration/kind.js'
import { noiseKind } from '../../src/calibration/noise.js'
import { AGE_BINS, ageBin, bestFilter, binUpperUs } from '../../src/calibration/noise-fit.js'
import { calibratedFilters } from '../../src/calibration/settings.js'
import { DAVIS346_SIZE } from '../../src/events/geometry.js'
import { createFilterChain } from '../../src/pipeline/filters.js'
import { filtersSchema } from '../../src/pipeline/schema.js'
import { createRng } from '../../src/sources/scene/rng.js'
import { batchOf, type PlainEvent, row, start } from './helpers.js'

const { width, height } = DAVIS346_SIZE

function noiseEvents(
  rng: ReturnType<typeof createRng>,
  perSecond: number,
  [from, to]: [number, number],
) {
  const count = Math.round((perSecond * (to - from)) / 1e6)
  return Array.from({ length: count }, (): PlainEvent => {
    return { t: rng.range(from, to), x: rng.int(width), y: rng.int(height) }
  })
}

/** The outline of a 30 pixel square that moves by 200 pixels a second, each pixel of it firing about twice. */
function targetEvents(rng: ReturnType<typeof createRng>, [from, to]: [number, number]) {
  const events: PlainEvent[] = []
  for (let t = from; t < to; t += 5000) {
    const left = 20 + ((((t - from) * 200) / 1e6) % 280)
    for (let i = 0; i < 30; i++) {
      for (const x of [left, left + 30]) {
        events.push({ t: t + rng.range(0, 5000), x: Math.floor(x), y: 100 + i })
      }
    }
  }
  return events
}

function measure(of: { seed: number; noisePerSecond: number; moves?: boolean; covered?: boolean }) {
  const { seed, noisePerSecond, moves = true, covered = true } = of
  const rng = createRng(seed)
  const measurement = start(noiseKind, {
    options: { darkSeconds: 3, chip: false },
    seconds: 9,
  })
  for (let from = 0; from < 9e6; from += 100_000) {
    const span: [number, number] = [from, from + 100_000]
    const seen = moves && (from >= 3e6 || !covered)
    measurement.events?.(
      batchOf([
        ...noiseEvents(rng, noisePerSecond, span),
        ...(seen ? targetEvents(rng, span) : []),
      ]),
    )
  }
  return measurement.finish()
}

t.test(
  'what is chosen rejects 90 % of noise and keeps 90 % of a target, on other data',
  async (t) => {
    for (const [seed, noisePerSecond] of [
      [1, 1e4],
      [2, 3e4],
      [3, 6e4],
    ] as const) {
      const { rows, settings } = measure({ seed, noisePerSecond })
      t.not(worst(rows), 'FAIL', `${noisePerSecond} events/s`)
      const chain = createFilterChain(
        calibratedFilters(filtersSchema.parse({}), [settings!]),
        DAVIS346_SIZE,
      )
      const rng = createRng(100 + seed)
      const passing = (events: readonly PlainEvent[]) => {
        const batch = batchOf(events)
        chain.apply(batch)
        return batch.length
      }
      let dark = 0
      let darkKept = 0
      for (let from = 0; from < 2e6; from += 100_000) {
        const events = noiseEvents(rng, noisePerSecond, [from, from + 100_000])
        dark += events.length
        darkKept += passing(events)
      }
      let wanted = 0
      let kept = 0
      for (let from = 2e6; from < 4e6; from += 100_000) {
        const span: [number, number] = [from, from + 100_000]
        const events = targetEvents(rng, span)
        const batch = batchOf([...events, ...noiseEvents(rng, noisePerSecond, span)])
        const isTarget = new Set(events.map(({ x, y }) => `${x},${y}`))
        chain.apply(batch)
        wanted += events.length
        for (let i = 0; i < batch.length; i++)
          if (isTarget.has(`${batch.x[i]},${batch.y[i]}`)) kept++
      }
      const [rejects, keeps] = [1 - darkKept / dark, Math.min(1, kept / wanted)]
      t.comment(
        `${noisePerSecond} events/s: rejects ${rejects.toFixed(4)}, keeps ${keeps.toFixed(4)}`,
      )
      t.ok(rejects >= 0.9, 'rejects')
      t.ok(keeps >= 0.9, 'keeps')
    }
  },
)

t.test('nothing moved', async (t) => {
  const { rows } = measure({ seed: 4, noisePerSecond: 1e4, moves: false })
  t.equal(row(rows, 'rate where something moves against dark').verdict, 'FAIL')
  t.match(row(rows, 'rate where something moves against dark').note, 'move')
})

t.test('never covered: what should be dark is as busy as the rest', async (t) => {
  const { rows } = measure({ seed: 5, noisePerSecond: 1e4, covered: false })
  t.equal(row(rows, 'rate where something moves against dark').verdict, 'FAIL')
})

t.test('ages have a bin, and the least demanding of equal filters wins', async (t) => {
  t.equal(ageBin(0), 0)
  t.equal(ageBin(Number.POSITIVE_INFINITY), AGE_BINS - 1)
  for (const age of [126, 999, 5000, 77_777]) {
    t.ok(age <= binUpperUs(ageBin(age)) && age > binUpperUs(ageBin(age) - 1), `${age}`)
  }
  const even = { rejected: 0.95, kept: 0.95 }
  t.match(
    bestFilter([
      { ...even, timeUs: 9000, support: 2 },
      { ...even, timeUs: 9000, support: 1 },
      { ...even, timeUs: 5000, support: 1 },
      { timeUs: 1000, support: 1, rejected: 1, kept: 0.2 },
    ]),
    { timeUs: 5000, support: 1 },
  )
})
