import t from 'tap'
import type { GrayPicture } from '../../../src/sources/scene/picture.js'
import { randomScene } from '../../../src/sources/scene/random.js'
import { createScene } from '../../../src/sources/scene/scene.js'
import { PATTERNS } from '../../../src/sources/scene/sketch.js'
import { targetFromCutout } from '../../../src/sources/scene/sprite.js'
import { makeTexture, type Texture, textureFromGray } from '../../../src/sources/scene/texture.js'
import { brightBox, digest, scene, sum } from './scenes.js'

const TONE = { contrast: 0.3, brightness: 0.4 }

function statistics({ log }: Texture) {
  const mean = sum([...log]) / log.length
  return { mean, deviation: Math.sqrt(sum([...log].map((v) => (v - mean) ** 2)) / log.length) }
}

t.test('every pattern has the wanted tone, tiles, and depends on its seed', async (t) => {
  for (const kind of PATTERNS) {
    const make = (seed: number) =>
      makeTexture({ kind, seed, featurePx: 12, ...TONE }, 128, new Map())
    const texture = make(5)
    const { mean, deviation } = statistics(texture)
    t.ok(Math.abs(mean - Math.log(0.4)) < 0.1, `${kind} brightness ${Math.exp(mean)}`)
    t.ok(Math.abs(deviation - 0.3) < 0.06, `${kind} contrast ${deviation}`)
    t.equal(digest(make(5).log), digest(texture.log))
    t.not(digest(make(6).log), digest(texture.log))
    // The seam between the last and the first column is no rougher than the columns inside.
    const step = (a: number, b: number) => {
      let total = 0
      for (let y = 0; y < 128; y++) {
        total += Math.abs(texture.log[y * 128 + a]! - texture.log[y * 128 + b]!)
      }
      return total / 128
    }
    let roughest = 0
    for (let x = 0; x < 127; x++) roughest = Math.max(roughest, step(x, x + 1))
    t.ok(step(127, 0) <= roughest * 1.2 + 1e-6, `${kind} seam`)
  }
})

/** Left half black, right half white, with a round alpha. */
function disc(side: number): GrayPicture {
  const gray = new Uint8Array(side * side)
  const alpha = new Uint8Array(side * side)
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      gray[y * side + x] = x < side / 2 ? 20 : 220
      const r = Math.hypot(x + 0.5 - side / 2, y + 0.5 - side / 2)
      alpha[y * side + x] = r < side / 2 ? 255 : 0
    }
  }
  return { width: side, height: side, gray, alpha }
}

t.test('a photograph becomes a texture of the wanted tone, mirrored', async (t) => {
  const texture = textureFromGray(disc(100), 64, TONE)
  const { mean, deviation } = statistics(texture)
  t.ok(Math.abs(mean - Math.log(0.4)) < 0.05 && Math.abs(deviation - 0.3) < 0.02)
  const row = [...texture.log.subarray(0, 64)]
  t.same(row.slice(32).reverse(), row.slice(0, 32))
  t.ok(row[4]! < row[28]!, 'black left, white right')
})

t.test('a cut-out becomes a sprite of its own silhouette', async (t) => {
  const sprite = targetFromCutout(disc(90), { width: 30, height: 20 }, TONE)
  const area = sum([...sprite.alpha])
  t.ok(Math.abs(area / ((Math.PI / 4) * 30 * 20) - 1) < 0.03, `${area} px`)
  const us = [...sprite.hull].filter((_, i) => i % 2 === 0)
  t.ok(Math.abs(Math.max(...us) - Math.min(...us) - 30) < 0.7)
})

t.test('pictures in a scene', async (t) => {
  const pictures = new Map([['disc', disc(64)]])
  const options = {
    backgrounds: ['disc'],
    cutouts: [{ name: 'disc', width: 64, height: 64 }],
    pictureShare: 1,
  }
  const config = randomScene(3, options)
  t.equal(config.background.kind, 'picture')
  t.ok(config.things.some(({ shape }) => shape.kind === 'cutout'))
  t.ok(createScene(config, { pictures }).truth(0, 'movers').length > 0)
})

t.test('a picture that is missing or of the wrong size is named', async (t) => {
  const background = { kind: 'picture' as const, picture: 'road' }
  t.throws(() => scene({ background }), { code: 'CONFIG_INVALID', message: /"road"/ })
  t.throws(() => scene({ things: [brightBox({ shape: { kind: 'cutout' } })] }), {
    code: 'CONFIG_INVALID',
  })
  const short = { width: 10, height: 10, gray: new Uint8Array(99) }
  const config = randomScene(1, { backgrounds: ['short'], pictureShare: 1 })
  t.throws(() => createScene(config, { pictures: new Map([['short', short]]) }), {
    code: 'CONFIG_INVALID',
    message: /"short" does not have its size/,
  })
})
