import t from 'tap'
import type { StepResult, Track, TrackEvent } from '../../src/tracking/track.js'
import { ZoneWatch } from '../../src/tracking/zones.js'

const GATE = {
  name: 'gate',
  polygon: [
    [100, 0],
    [200, 0],
    [200, 260],
    [100, 260],
  ],
} as const

function at(x: number, more: Partial<Track> = {}): Track {
  return {
    id: 'a',
    state: 'tracking',
    score: 1,
    box: { x: x - 10, y: 50, w: 20, h: 20 },
    velocity: { x: 0, y: 0 },
    ageUs: 0,
    tUs: 0,
    ...more,
  }
}

let seq = 0
function step(tracks: readonly Track[], events: readonly TrackEvent[] = []): StepResult {
  const times = { seq: seq++, tStartUs: 0, tEndUs: 30_000 }
  return { ...times, tracks, events, inferences: 0, inferenceMs: 0 }
}

t.test('a track that walks through enters once and leaves once', async (t) => {
  const watch = new ZoneWatch([GATE])
  const crossings: string[] = []
  let last: StepResult | undefined
  for (let x = 60; x < 260; x += 5) {
    last = watch.step(step([at(x)]))
    for (const { before, after } of last.events)
      crossings.push(`${x}: ${before?.zones} > ${after.zones}`)
  }
  t.equal(crossings.length, 2)
  t.match(crossings[0], /^110: {2}> gate$/)
  t.match(crossings[1], /^210: gate > $/)
  t.same(last?.zones, [{ name: 'gate', inside: 0, entered: 1, left: 1 }])
})

t.test('a box that trembles on the line crosses it at most once', async (t) => {
  const watch = new ZoneWatch([GATE])
  let events = 0
  for (let i = 0; i < 60; i++)
    events += watch.step(step([at(i % 2 === 0 ? 99 : 101)])).events.length
  t.equal(events, 0)
})

t.test('lost tracks do not cross, and one that ends inside has not left', async (t) => {
  const watch = new ZoneWatch([GATE])
  for (let i = 0; i < 5; i++) watch.step(step([at(150)]))
  for (let i = 0; i < 5; i++) {
    t.same(watch.step(step([at(300, { state: 'lost' })])).zones?.[0], {
      name: 'gate',
      inside: 1,
      entered: 1,
      left: 0,
    })
  }
  const end = watch.step(step([], [{ kind: 'end', after: at(300) }]))
  t.same(end.events[0]?.after.zones, ['gate'])
  t.same(watch.step(step([])).zones, [{ name: 'gate', inside: 0, entered: 1, left: 0 }])
})

t.test('without zones nothing is added', async (t) => {
  const plain = step([at(150)])
  t.equal(new ZoneWatch([]).step(plain), plain)
})
