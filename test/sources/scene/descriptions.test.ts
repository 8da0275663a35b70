import t from 'tap'
import { SCENE_NAMES, sceneByName } from '../../../src/sources/scene/named.js'
import { randomScene } from '../../../src/sources/scene/random.js'
import { createRng, deriveSeed } from '../../../src/sources/scene/rng.js'
import { createScene } from '../../../src/sources/scene/scene.js'
import { parseScene } from '../../../src/sources/scene/schema.js'
import { sum } from './scenes.js'

t.test('scenes built in code are complete descriptions', async (t) => {
  for (const name of SCENE_NAMES) {
    const config = sceneByName(name, 4)
    t.same(parseScene(JSON.parse(JSON.stringify(config))), config, name)
  }
  for (let seed = 0; seed < 300; seed++) {
    const config = randomScene(seed)
    t.same(parseScene(JSON.parse(JSON.stringify(config))), config, config.name)
  }
})

t.test('a short description is filled in', async (t) => {
  const config = parseScene({
    background: { kind: 'leaves' },
    things: [
      {
        id: 1,
        role: 'target',
        shape: { kind: 'ellipse' },
        width: 30,
        height: 20,
        texture: { kind: 'checks' },
        path: { kind: 'line', x: 100, y: 100, vx: 50, vy: 0 },
      },
    ],
  })
  t.same(config.size, { width: 346, height: 260 })
  t.ok(createScene(config).truth(0).length === 1)
})

t.test('a wrong description names its key', async (t) => {
  t.throws(() => parseScene({ background: { kind: 'leaves', contrast: -1 } }), {
    code: 'CONFIG_INVALID',
    data: { key: 'background.contrast' },
  })
  t.throws(() => parseScene({ background: { kind: 'sky' } }), { code: 'CONFIG_INVALID' })
  t.throws(() => parseScene({ background: { kind: 'plain' }, pixels: {} }), {
    message: /pixels/,
  })
  const huge = { width: 1e9, height: 1e9 }
  t.throws(() => parseScene({ background: { kind: 'plain' }, size: huge }), {
    code: 'CONFIG_INVALID',
    data: { key: 'size.width' },
  })
  t.throws(() => parseScene(null), { code: 'CONFIG_INVALID' })
})

t.test('an unknown name lists the known ones', async (t) => {
  t.throws(() => sceneByName('beach'), { code: 'CONFIG_INVALID', next: /ego-motion/ })
})

t.test('every named scene runs and shows its targets', async (t) => {
  for (const name of SCENE_NAMES) {
    const scene = createScene(sceneByName(name, 2))
    let events = 0
    scene.advance(150_000, (batch) => {
      events += batch.length
    })
    t.ok(events > 1000, `${name}: ${events} events`)
    t.equal(scene.dropped(), 0)
    const visible = Array.from({ length: 50 }, (_, i) => scene.truth(i * 200_000))
    t.ok(visible.filter((boxes) => boxes.length > 0).length >= 45, `${name} has targets`)
  }
})

t.test('the occlusion scene hides its target and shows it again', async (t) => {
  for (const seed of [1, 2, 3, 4]) {
    const scene = createScene(sceneByName('occlusion', seed))
    const hidden = Array.from({ length: 100 }, (_, i) => scene.truth(i * 100_000)[0]!.hidden)
    t.ok(Math.max(...hidden) > 0.4 && Math.min(...hidden) === 0)
  }
})

t.test('random scenes cover what is to be learnt', async (t) => {
  const scenes = Array.from({ length: 300 }, (_, seed) => randomScene(seed))
  const share = (test: (config: (typeof scenes)[number]) => boolean) =>
    scenes.filter(test).length / scenes.length
  const things = scenes.flatMap((config) => config.things)
  const sizes = things
    .filter(({ role }) => role === 'target')
    .map(({ width, height }) => Math.sqrt(width * height))
  t.ok(Math.min(...sizes) < 13 && Math.max(...sizes) > 110)
  t.ok(share(({ camera }) => camera.vx !== 0 || camera.shakePx !== 0) > 0.4)
  t.ok(share((config) => config.things.some(({ role }) => role === 'distractor')) > 0.3)
  t.ok(share((config) => config.things.some(({ role }) => role === 'occluder')) > 0.3)
  t.ok(share(({ pixel }) => pixel.shotNoiseHz > 2) > 0.1)
  t.ok(new Set(things.map(({ shape }) => shape.kind)).size >= 7)
  t.ok(new Set(things.map(({ path }) => path.kind)).size >= 5)
  t.same(randomScene(17), randomScene(17))
  t.notSame(randomScene(17).things, randomScene(18).things)
})

t.test('random numbers: even, independent of nearby seeds', async (t) => {
  const rng = createRng(1)
  const values = Array.from({ length: 20_000 }, () => rng.next())
  t.ok(values.every((value) => value >= 0 && value < 1))
  t.ok(Math.abs(sum(values) / values.length - 0.5) < 0.01)
  const normals = values.map(() => rng.normal())
  t.ok(Math.abs(sum(normals) / normals.length) < 0.03)
  t.ok(Math.abs(sum(normals.map((v) => v * v)) / normals.length - 1) < 0.05)
  t.not(createRng(1).next(), createRng(2).next())
  t.not(deriveSeed(1, 'a'), deriveSeed(1, 'b'))
})
