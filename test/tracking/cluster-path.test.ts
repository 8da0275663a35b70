import t from 'tap'
import { ClusterPath } from '../../src/tracking/cluster-path.js'
import { mulberry } from './helpers.js'

t.test('the velocity is the slope of the newest part of the path', async (t) => {
  const path = new ClusterPath()
  for (let i = 0; i < 30; i++) path.add(500, 500, i * 10_000)
  for (let i = 30; i < 60; i++) path.add(500 + (i - 30) * 2, 500 - (i - 30), i * 10_000)
  t.equal(path.fit(100_000), true)
  t.ok(Math.abs(path.vx - 200) < 1e-6 && Math.abs(path.vy + 100) < 1e-6, `${path.vx} ${path.vy}`)
})

t.test('jitter averages out', async (t) => {
  const path = new ClusterPath()
  const random = mulberry(1)
  for (let i = 0; i < 200; i++) path.add(i + random() - 0.5, random() - 0.5, i * 10_000)
  path.fit(300_000)
  t.ok(Math.abs(path.vx - 100) < 10 && Math.abs(path.vy) < 10, `${path.vx} ${path.vy}`)
})

t.test('too few points say nothing, and time that goes back starts anew', async (t) => {
  const path = new ClusterPath()
  for (let i = 0; i < 3; i++) path.add(i, i, i * 10_000)
  t.equal(path.fit(100_000), false)
  t.same([path.vx, path.vy], [0, 0])
  path.add(3, 3, 30_000)
  t.equal(path.fit(100_000), true)
  t.equal(path.fit(15_000), false, 'nor do points of long ago')
  path.add(900, 900, 30_000)
  t.equal(path.fit(100_000), false)
  path.add(901, 900, 40_000)
  path.add(902, 900, 50_000)
  path.add(903, 900, 60_000)
  t.equal(path.fit(100_000), true)
  t.ok(Math.abs(path.vx - 100) < 1e-6)
})
