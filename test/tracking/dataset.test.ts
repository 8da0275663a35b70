import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { aggregationSchema, filtersSchema } from '../../src/pipeline/schema.js'
import { composeScene } from '../../src/sources/scene/compose.js'
import { createRng } from '../../src/sources/scene/rng.js'
import { createScene } from '../../src/sources/scene/scene.js'
import { COMPACT_CROPS, generateShards } from '../../src/tracking/dataset.js'
import { readPictures } from '../../src/tracking/picture-folder.js'
import { scenePairs } from '../../src/tracking/scene-pairs.js'
import type { Pair } from '../../src/tracking/shard-file.js'

const folder = () => mkdtempSync(join(tmpdir(), 'evtrackd-dataset-'))

/** Two things before an even wall, no noise: every event belongs to one of them. */
function quietPairs(seed: number): Promise<Pair[]> {
  const config = composeScene({
    name: 'quiet',
    seed: 1,
    size: { width: 200, height: 120 },
    background: { kind: 'plain', brightness: 0.2 },
    pixel: { leakHz: 0, shotNoiseHz: 0, hotPixels: 0 },
    things: [60, 140].map((x, i) => ({
      id: i + 1,
      shape: { kind: i === 0 ? 'box' : 'ellipse' },
      texture: { kind: 'checks', featurePx: 8, brightness: 0.8 },
      width: 30,
      height: 24,
      path: {
        kind: 'sway',
        x,
        y: 60,
        ax: 15,
        ay: 15,
        periodXMs: 2000,
        periodYMs: 1500,
        phaseX: 0,
        phaseY: 0,
      },
    })),
  })
  return scenePairs(createScene(config), createRng(seed), {
    spec: COMPACT_CROPS,
    filters: filtersSchema.parse({}),
    aggregation: aggregationSchema.parse({}),
    durationUs: 700_000,
    scene: 7,
  })
}

t.test('labels are where the events are', async (t) => {
  const pairs = await quietPairs(1)
  const seen = pairs.filter((pair) => pair.visible)
  t.ok(pairs.length > 8 && seen.length > pairs.length / 2)
  let inside = 0
  let near = 0
  for (const { x, box, scene } of seen) {
    t.equal(scene, 7)
    const [left, top, right, bottom] = box
    t.ok(left < right && top < bottom && left + right > 0 && left + right < 2)
    // The label is the box at the window's end; the window's events reach back along the path.
    const reach = 0.06
    for (let row = 0; row < 128; row++) {
      for (let column = 0; column < 128; column++) {
        const i = row * 128 + column
        if ((x[128 * 128 + i]! | x[2 * 128 * 128 + i]!) === 0) continue
        const [u, v] = [(column + 0.5) / 128, (row + 0.5) / 128]
        if (u > left && u < right && v > top && v < bottom) inside++
        if (u > left - reach && u < right + reach && v > top - reach && v < bottom + reach) near++
      }
    }
  }
  t.ok(near > 50 * seen.length)
  // Spread evenly, less than half of them would be inside; soft edges reach a pixel or two beyond the silhouette.
  t.ok(inside > 0.7 * near, 'what happens around the labels happens in them')
})

t.test('templates show the target and mark it', async (t) => {
  for (const { z } of await quietPairs(2)) {
    const prior = z.subarray(3 * 64 * 64)
    const marked = prior.reduce((sum, value) => sum + value, 0) / 255 / (64 * 64)
    t.ok(marked > 0.2 && marked < 0.3, 'a box of a quarter of the crop (side is twice its root)')
    t.ok(z.subarray(64 * 64, 3 * 64 * 64).some((value) => value > 0))
  }
})

t.test('hidden answers have no box', async (t) => {
  const pairs = (await Promise.all([3, 4, 5, 6].map(quietPairs))).flat()
  const hidden = pairs.filter((pair) => !pair.visible)
  t.ok(hidden.length > 0)
  for (const { box } of hidden) t.same(box, [0, 0, 0, 0])
})

t.test('shards: complete, deterministic, readable by their header', async (t) => {
  const [first, second] = [folder(), folder()]
  const options = { seed: 5, count: 20, pairsPerShard: 10 }
  const shown: number[] = []
  const report = await generateShards({
    ...options,
    out: first,
    onShard: (p) => shown.push(p.pairs),
  })
  await generateShards({ ...options, out: second })
  t.match(report, { pairs: 20, shards: 2 })
  t.same(shown, [10, 20])
  const names = readdirSync(first).sort()
  t.same(
    names,
    ['0', '1'].flatMap((i) => [`shard-5-0000${i}.bin`, `shard-5-0000${i}.json`]),
  )
  for (const name of names)
    t.same(readFileSync(join(first, name)), readFileSync(join(second, name)))
  const header = JSON.parse(readFileSync(join(first, names[1]!), 'utf8'))
  t.match(header, { version: 1, count: 10 })
  const widths: Record<string, number> = { uint8: 1, uint32: 4, float32: 4 }
  let end = 0
  for (const { dtype, shape, offset } of header.arrays) {
    t.equal(offset, end, 'arrays lie one after another')
    end += shape.reduce((a: number, b: number) => a * b, widths[dtype]!)
  }
  t.equal(readFileSync(join(first, names[0]!)).length, end)
})

t.test('pictures: backgrounds and cut-outs; anything else is refused by name', async (t) => {
  const dir = folder()
  const pgm = (width: number, height: number, pixels: number) =>
    Buffer.concat([Buffer.from(`P5\n${width} ${height}\n255\n`), Buffer.alloc(pixels, 77)])
  writeFileSync(join(dir, 'wall.pgm'), pgm(4, 3, 12))
  writeFileSync(join(dir, 'car.pgm'), pgm(2, 2, 4))
  writeFileSync(join(dir, 'car.alpha.pgm'), pgm(2, 2, 4))
  writeFileSync(join(dir, 'notes.txt'), 'not a picture')
  const pictures = readPictures(dir)
  t.same([...pictures.keys()], ['car', 'wall'])
  t.match(pictures.get('wall'), { width: 4, height: 3, gray: new Uint8Array(12).fill(77) })
  t.equal(pictures.get('wall')?.alpha, undefined)
  t.equal(pictures.get('car')?.alpha?.length, 4)
  writeFileSync(join(dir, 'short.pgm'), pgm(4, 3, 11))
  t.throws(() => readPictures(dir), { code: 'CONFIG_INVALID', message: /short\.pgm/ })
  writeFileSync(join(dir, 'short.pgm'), 'P6 1 1 255 ')
  t.throws(() => readPictures(dir), { code: 'CONFIG_INVALID', message: /binary 8-bit PGM/ })
  writeFileSync(join(dir, 'short.pgm'), pgm(4, 3, 12))
  writeFileSync(join(dir, 'car.alpha.pgm'), pgm(1, 4, 4))
  t.throws(() => readPictures(dir), { code: 'CONFIG_INVALID', message: /car\.alpha\.pgm/ })
})
