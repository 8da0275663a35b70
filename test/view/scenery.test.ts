import t from 'tap'
import { paintScenery, Trails } from '../../src/view/scenery.js'
import { aTrack, emptyFrame } from './windows.js'

const SECOND = 1_000_000

t.test('a trail is the last second of a target that lives', async (t) => {
  const trails = new Trails()
  for (let i = 0; i <= 30; i++) {
    trails.add([aTrack('t-1', { tUs: i * 100_000, box: { x: i, y: 0, w: 10, h: 10 } })])
  }
  const before = trails.snapshot()
  const points = before.get('t-1')!.points
  t.equal(points.length, 11)
  t.same(points[0], { x: 25, y: 5, tUs: 2 * SECOND })
  trails.add([])
  t.equal(trails.snapshot().size, 0)
  t.equal(before.size, 1, 'a snapshot stays as it was')
})

t.test('targets that live together have colours of their own, and keep them', async (t) => {
  const trails = new Trails()
  const ids = Array.from({ length: 8 }, (_, i) => `t-${1 + 8 * i}`)
  trails.add(ids.map((id) => aTrack(id)))
  const colors = new Map([...trails.snapshot()].map(([id, { color }]) => [id, color.join()]))
  t.equal(new Set(colors.values()).size, 8)
  const rest = ids.slice(3)
  trails.add(rest.map((id) => aTrack(id)))
  trails.add([...rest, 't-99'].map((id) => aTrack(id)))
  const later = trails.snapshot()
  for (const id of rest) t.equal(later.get(id)?.color.join(), colors.get(id))
  const given = new Set([...later.values()].map(({ color }) => color.join()))
  t.equal(given.size, 6)
})

t.test('boxes and trails are drawn where they are', async (t) => {
  const trails = new Trails()
  trails.add([aTrack('t-1', { tUs: 0, box: { x: 0, y: 80, w: 40, h: 30 } })])
  const track = aTrack('t-1', { tUs: 10_000 })
  trails.add([track])
  const scenery = { frame: emptyFrame(), tracks: [track], trails: trails.snapshot() }
  const canvas = paintScenery(scenery, { scale: 2, startUs: 0 })
  t.equal(canvas.width, 692)
  t.ok(canvas.height > 520, 'with a caption')
  const green = (x: number, y: number) => canvas.data[4 * (y * canvas.width + x) + 1]!
  t.equal(green(200, 180), 255, 'left edge of the box')
  t.equal(green(279, 180), 255, 'right edge')
  t.equal(green(140, 190), 153, 'on the way from centre to centre, darker')
  t.ok(green(100, 400) < 20, 'nothing elsewhere')
})
