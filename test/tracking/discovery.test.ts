import t from 'tap'
import { DiscoveryCount, sumDiscovery } from '../../src/tracking/discovery.js'
import type { Track, TrackState } from '../../src/tracking/track.js'

const box = (x: number) => ({ x, y: 0, w: 10, h: 10 })
const track = (id: string, x: number, state: TrackState = 'tracking'): Track => ({
  id,
  state,
  score: 1,
  box: box(x),
  velocity: { x: 0, y: 0 },
  ageUs: 0,
  tUs: 0,
})
const mover = (x: number, hidden = 0) => ({ id: 1, box: box(x), hidden })

t.test('a track on nothing for most of its life is false; others are not', async (t) => {
  const count = new DiscoveryCount()
  for (let window = 0; window < 10; window++) {
    const tracks = [
      track('on', 1),
      track('drifts-off', window < 6 ? 0 : 100),
      track('noise', window < 4 ? 0 : 200),
      // Lost ones are expected to be anywhere.
      track('lost', window < 1 ? 0 : 300, window < 1 ? 'tracking' : 'lost'),
    ]
    count.add(tracks, [mover(0)])
  }
  const score = count.score({ name: 'n', group: 'g', seconds: 30 })
  t.match(score, { tracks: 4, falseTracks: 1, falsePerMinute: 2, recall: 1, seconds: 30 })
})

t.test('a hidden mover need not be found, and may be followed', async (t) => {
  const count = new DiscoveryCount()
  count.add([], [mover(0, 0.8)])
  count.add([track('a', 0)], [mover(0, 0.8)])
  t.match(count.score({ name: 'n', group: 'g', seconds: 0 }), {
    falseTracks: 0,
    falsePerMinute: 0,
    recall: 0,
    precision: 0,
  })
})

t.test('sums are rates over all of the time', async (t) => {
  const quiet = new DiscoveryCount().score({ name: 'a', group: 'g', seconds: 50 })
  const noisy = new DiscoveryCount()
  noisy.add([track('x', 0)], [])
  const sum = sumDiscovery('all', [quiet, noisy.score({ name: 'b', group: 'g', seconds: 10 })])
  t.match(sum, { name: 'all', seconds: 60, falseTracks: 1, tracks: 1, falsePerMinute: 1 })
})
