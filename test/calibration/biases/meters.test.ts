import t from 'tap'
import { NoiseMeter } from '../../../src/calibration/biases/noise-meter.js'
import { RateMeter } from '../../../src/calibration/biases/rate-meter.js'
import { createBatch, type EventBatch } from '../../../src/events/batch.js'
import { createRng } from '../../../src/sources/scene/rng.js'

const SIZE = { width: 160, height: 120 }
const PIXELS = SIZE.width * SIZE.height

function batchOf(
  events: readonly (readonly [tUs: number, x: number, y: number, on: number])[],
): EventBatch {
  const batch = createBatch(events.length)
  batch.t0Us = events[0]?.[0] ?? 0
  batch.length = events.length
  events.forEach(([tUs, x, y, on], i) => {
    batch.dtUs[i] = tUs - batch.t0Us
    batch.x[i] = x
    batch.y[i] = y
    batch.on[i] = on
  })
  return batch
}

/** Poisson noise of `hz` a pixel, hot pixels, and a vertical edge that sweeps over a part of the sensor. */
function* world(of: { hz: number; seed: number; seconds: number; edge?: boolean; hot?: number }) {
  const rng = createRng(of.seed)
  const stepUs = 5000
  const hot = Array.from({ length: of.hot ?? 0 }, () => [rng.int(SIZE.width), rng.int(SIZE.height)])
  let nextUs = 0
  for (let tUs = 0; tUs < of.seconds * 1e6; tUs += stepUs) {
    const events: [number, number, number, number][] = []
    while (nextUs < tUs + stepUs) {
      events.push([Math.floor(nextUs), rng.int(SIZE.width), rng.int(SIZE.height), rng.int(2)])
      nextUs += (-1e6 * Math.log(1 - rng.next())) / (of.hz * PIXELS)
    }
    for (const [x, y] of hot) events.push([tUs + rng.int(stepUs), x!, y!, 1])
    if (of.edge) {
      const x = Math.floor(tUs / stepUs) % (SIZE.width / 2)
      for (let y = 0; y < SIZE.height; y++) events.push([tUs + rng.int(1500), x, y, y & 1])
    }
    events.sort((a, b) => a[0] - b[0])
    yield batchOf(events)
  }
}

t.test('noise is found at every rate and seed', async (t) => {
  // At 3 Hz one pixel in twenty stays silent for the second, which tells less.
  const cases = [
    [0.05, 0.2],
    [0.2, 0.2],
    [1, 0.2],
    [3, 0.3],
  ] as const
  for (const [hz, within] of cases) {
    for (const seed of [1, 2, 3]) {
      const meter = new NoiseMeter(SIZE)
      for (const batch of world({ hz, seed, seconds: 1 })) meter.add(batch, 0)
      const found = meter.read(1)
      t.ok(Math.abs(found / hz - 1) < within, `${hz} Hz, seed ${seed}: ${found.toFixed(3)}`)
    }
  }
})

t.test('what has no neighbours is most of the dark and little of a scene', async (t) => {
  const share = (edge: boolean) => {
    const meter = new NoiseMeter(SIZE)
    for (const batch of world({ hz: 0.1, seed: 8, seconds: 1, edge, hot: 20 })) meter.add(batch, 0)
    return meter.lonelyShare
  }
  t.ok(share(false) > 0.8)
  t.ok(share(true) < 0.4)
  t.equal(new NoiseMeter(SIZE).lonelyShare, 1)
})

t.test('neither hot pixels nor what moves count as noise', async (t) => {
  for (const seed of [4, 5]) {
    const meter = new NoiseMeter(SIZE)
    let events = 0
    for (const batch of world({ hz: 0.1, seed, seconds: 1.5, edge: true, hot: 40 })) {
      meter.add(batch, 0)
      events += batch.length
    }
    const found = meter.read(1.5)
    t.ok(events / PIXELS / 1.5 > 1, 'they are most of the events')
    t.ok(Math.abs(found / 0.1 - 1) < 0.3, `seed ${seed}: ${found.toFixed(3)}`)
  }
})

t.test('noise beyond what a window can tell is told as much, not as none', async (t) => {
  const meter = new NoiseMeter(SIZE)
  for (const batch of world({ hz: 30, seed: 6, seconds: 0.4 })) meter.add(batch, 0)
  t.ok(meter.read(0.4) > 3)
})

t.test('silence is no noise, and a window is one of its own', async (t) => {
  const meter = new NoiseMeter(SIZE)
  t.equal(meter.read(1), 0)
  for (const batch of world({ hz: 1, seed: 7, seconds: 0.5 })) meter.add(batch, 0)
  t.ok(meter.read(0.5) > 0.5)
  meter.restart()
  t.equal(meter.read(1), 0)
})

t.test('events before `from` are neighbours but do not count', async (t) => {
  const meter = new NoiseMeter(SIZE)
  const pairs = Array.from({ length: 500 }, (_, i) => {
    const [x, y] = [4 * (i % 39), 4 * Math.floor(i / 39)]
    return [x, y] as const
  })
  meter.add(batchOf(pairs.map(([x, y]) => [1000, x, y, 1])), 500)
  meter.add(batchOf(pairs.map(([x, y]) => [1100, x + 1, y, 1])), 0)
  t.equal(meter.read(1), 0)
})

t.test('rate, bursts and balance of a known stream', async (t) => {
  const meter = new RateMeter()
  meter.restart(Number.NaN)
  // 1 s: 10 events in each 10 ms, two thirds ON, but one bin of 500.
  for (let bin = 0; bin < 100; bin++) {
    const n = bin === 40 ? 500 : 10
    const events = Array.from(
      { length: n },
      (_, i) => [5e6 + bin * 10_000 + Math.floor((i * 9999) / n), 1, 1, i % 3 < 2 ? 1 : 0] as const,
    )
    meter.add(batchOf(events), 0)
  }
  meter.time(6e6)
  const { seconds, perSecond, p99PerSecond, on, off } = meter.read()
  t.equal(seconds, 1)
  t.equal(perSecond, 1490)
  t.equal(p99PerSecond, 1000, 'one bin of a hundred is beyond the 99th percentile')
  t.ok(Math.abs(on / off - 2) < 0.3)
})

t.test('a silent end belongs to the window, what lies before `from` does not', async (t) => {
  const meter = new RateMeter()
  meter.restart(1000)
  meter.add(
    batchOf([
      [500, 1, 1, 1],
      [2000, 1, 1, 1],
      [3000, 1, 1, 0],
    ]),
    1,
  )
  meter.time(1_001_000)
  t.same(
    { ...meter.read(), p99PerSecond: 0 },
    { seconds: 1, perSecond: 2, p99PerSecond: 0, on: 1, off: 1 },
  )
})
