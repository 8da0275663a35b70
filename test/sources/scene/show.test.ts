import t from 'tap'
import { makeActor } from '../../../src/sources/scene/actor.js'
import { composeScene } from '../../../src/sources/scene/compose.js'
import { sceneByName } from '../../../src/sources/scene/named.js'
import { createStage, POSE, posesAt } from '../../../src/sources/scene/pose.js'
import { randomScene } from '../../../src/sources/scene/random.js'
import { drawParts, paintBackground } from '../../../src/sources/scene/render.js'
import type { SceneConfig } from '../../../src/sources/scene/schema.js'
import { createShow } from '../../../src/sources/scene/show.js'
import { makeTexture } from '../../../src/sources/scene/texture.js'
import { brightBox, plainScene } from './scenes.js'

function open(config: SceneConfig) {
  const actors = config.things.map((thing) => makeActor(thing, new Map()))
  const stage = createStage(config.size, config.camera, actors)
  const texture = makeTexture(config.background, 512, new Map())
  return { stage, texture, show: createShow(stage, texture, config.step) }
}

t.test('drawing only what changed gives the whole picture', async (t) => {
  const still = Array.from({ length: 60 }, (_, seed) => randomScene(seed))
    .filter(({ camera }) => camera.vx === 0 && camera.shakePx === 0)
    .slice(0, 6)
  for (const config of [sceneByName('demo', 3), ...still]) {
    const { stage, texture, show } = open(config)
    const { width, height } = stage.size
    for (let i = 0; i < 150; i++) {
      show.step()
      for (let a = 0; a < show.changedCount; a++) {
        for (let b = a + 1; b < show.changedCount; b++) {
          const p = show.changed[a]!
          const q = show.changed[b]!
          const apart = p.x1 <= q.x0 || q.x1 <= p.x0 || p.y1 <= q.y0 || q.y1 <= p.y0
          t.ok(apart, 'rectangles are disjoint')
        }
      }
    }
    const fresh = { width, height, log: new Float32Array(width * height) }
    const poses = new Float64Array(stage.parts.length * POSE)
    posesAt(stage, show.timeUs, poses)
    paintBackground(fresh, texture, { panX: 0, panY: 0, roll: 0, zoom: 1 })
    drawParts(fresh, stage, { poses, rect: show.whole })
    t.ok(
      show.plane.log.every((value, p) => value === fresh.log[p]),
      config.name,
    )
  }
})

t.test('a step is as long as motion allows', async (t) => {
  const stepOf = (vx: number) => {
    const path = { kind: 'line' as const, x: 60, y: 40, vx, vy: 0, edge: 'bounce' as const }
    const { show } = open(composeScene(plainScene({ things: [brightBox({ path })] })))
    show.step()
    const first = show.timeUs
    show.step()
    return show.timeUs - first
  }
  t.equal(stepOf(0), 1000)
  t.equal(stepOf(100), 1000)
  t.ok(Math.abs(stepOf(1500) - 500) <= 50, '0.75 px at 1500 px/s')
  t.equal(stepOf(50_000), 100, 'not below the shortest')
})

t.test('with a moving camera everything is drawn', async (t) => {
  const { show } = open(sceneByName('ego-motion', 1))
  show.step()
  t.equal(show.changedCount, 1)
  t.same(show.changed[0], show.whole)
})

t.test('panning by whole pixels shifts the picture', async (t) => {
  const texture = makeTexture(
    { kind: 'leaves', seed: 4, featurePx: 10, contrast: 0.5, brightness: 0.4 },
    128,
    new Map(),
  )
  const plane = () => ({ width: 60, height: 40, log: new Float32Array(2400) })
  const here = plane()
  const there = plane()
  paintBackground(here, texture, { panX: 0, panY: 0, roll: 0, zoom: 1 })
  paintBackground(there, texture, { panX: -3 + 128 * 5, panY: 2, roll: 0, zoom: 1 })
  const turned = plane()
  paintBackground(turned, texture, { panX: -3, panY: 2, roll: 1e-12, zoom: 1 })
  for (let y = 0; y < 38; y++) {
    for (let x = 3; x < 60; x++) {
      const value = there.log[y * 60 + x]!
      if (value !== here.log[(y + 2) * 60 + x - 3]) t.fail(`(${x}, ${y})`)
      if (Math.abs(value - turned.log[y * 60 + x]!) > 1e-5) t.fail(`turned (${x}, ${y})`)
    }
  }
})
