import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { evaluateDiscovery } from '../../src/daemon/evaluate-discovery.js'
import { type EvaluationOptions, evaluateAll } from '../../src/daemon/evaluation.js'
import { systemClock } from '../../src/events/time.js'
import { aggregationSchema, filtersSchema } from '../../src/pipeline/schema.js'
import { composeScene } from '../../src/sources/scene/compose.js'
import { createScene } from '../../src/sources/scene/scene.js'
import { createSceneSource } from '../../src/sources/scene-source.js'
import { openSequences } from '../../src/sources/sequence/open-sequences.js'
import { trackingSchema } from '../../src/tracking/schema.js'

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-eval-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

const NEEDS: EvaluationOptions = {
  pipeline: { filters: filtersSchema.parse({}), aggregation: aggregationSchema.parse({}) },
  tracking: trackingSchema.parse({ proposals: { enabled: false } }),
  session: undefined,
  contestants: [{ tracker: 'static', mode: 'offline' }],
}

/** A square of 20 pixels, seen by its left and right edges, that goes 50 px/s to the right for a second, as text events and boxes 20 a second. */
function movingSquare(
  name: string,
  rows: (boxes: string[]) => string[] = (boxes) => boxes,
): string {
  const at = (tUs: number) => 100 + (50 * tUs) / 1e6
  const events: string[] = []
  for (let tUs = 0; tUs < 1e6; tUs += 2000) {
    const left = Math.floor(at(tUs))
    for (let k = 0; k < 20; k++) {
      events.push(`${tUs + k} ${left + 19} ${120 + k} 1`, `${tUs + k} ${left} ${120 + k} 0`)
    }
  }
  const boxes = Array.from({ length: 18 }, (_, i) => `${at(1e5 + i * 5e4)},120,20,20`)
  const times = boxes.map((_, i) => `${1e5 + i * 5e4}`)
  const folder = mkdtempSync(join(dir, `${name}-`))
  writeFileSync(join(folder, 'events.txt'), `${events.join('\n')}\n`)
  writeFileSync(join(folder, 'groundtruth.txt'), `${rows(boxes).join('\n')}\n`)
  writeFileSync(join(folder, 'timestamps.txt'), `${times.join('\n')}\n`)
  return folder
}

t.test('text events to scores, result files, pictures and event images', async (t) => {
  const [sequence] = await openSequences(movingSquare('square'))
  const out = join(dir, 'results')
  const exportFrames = join(dir, 'frames')
  const pictures = join(dir, 'pictures')
  const lines: string[] = []
  const report = await evaluateAll([sequence!], {
    ...NEEDS,
    contestants: [
      { tracker: 'static', mode: 'offline' },
      { tracker: 'cluster', mode: 'offline' },
      { tracker: 'cluster', mode: 'streaming' },
    ],
    out,
    exportFrames,
    pictures,
    progress: (line) => lines.push(line),
  })
  t.same(report.skipped, [])
  const [fixed, cluster] = report.contestants
  // The box moves 2.5 px a label: overlap (20 - d) / (20 + d) with d = 2.5 … 42.5.
  const overlaps = Array.from({ length: 17 }, (_, i) =>
    Math.max(0, (17.5 - 2.5 * i) / (22.5 + 2.5 * i)),
  )
  const want = overlaps.reduce((a, b) => a + b, 0) / 17
  t.ok(Math.abs(fixed!.mean.meanIou - want) < 1e-6, `${fixed!.mean.meanIou} is ${want}`)
  t.equal(fixed!.mean.precision20, 8 / 17, 'up to 20 px')
  t.ok(cluster!.mean.meanIou > fixed!.mean.meanIou, 'who follows is better than who does not')
  t.equal(lines.length, 1)

  const { name } = sequence!
  t.same(readdirSync(out).sort(), ['cluster', 'cluster-streaming', 'static'])
  const rows = readFileSync(join(out, 'static', `${name}.txt`), 'utf8')
    .trim()
    .split('\n')
  t.same(
    rows,
    Array.from({ length: 18 }, () => '105.00,120.00,20.00,20.00'),
    'one row a label',
  )
  const times = readFileSync(join(out, 'static', `${name}_time.txt`), 'utf8')
    .trim()
    .split('\n')
  t.equal(times.length, 18)
  t.notOk(times.some((seconds) => !(Number(seconds) >= 0)))

  const description = JSON.parse(readFileSync(join(exportFrames, name, 'frames.json'), 'utf8'))
  t.match(description, { width: 346, height: 260, count: 18, init: [105, 120, 20, 20], name })
  t.same(description.truth[2], [110, 120, 20, 20])
  t.equal(description.tUs[1], 150_000)
  const grey = readFileSync(join(exportFrames, name, 'frames.bin'))
  t.equal(grey.length, 18 * 346 * 260)
  const image = grey.subarray(17 * 346 * 260)
  t.equal(image[0], 128, 'grey where nothing happens')
  const differs = [...image].flatMap((value, i) => (value === 128 ? [] : [i % 346]))
  t.ok(differs.length > 50)
  // At 0.95 s the square covers columns 147 to 167, and 1.5 px less 30 ms before.
  t.ok(Math.min(...differs) >= 145 && Math.max(...differs) <= 167, 'the newest window that ended')
  t.ok(readdirSync(pictures).length >= 5)
})

t.test('what cannot be judged is skipped with a reason, and counts nowhere', async (t) => {
  const good = await openSequences(movingSquare('good'))
  const nan = await openSequences(
    movingSquare('nan', (boxes) => boxes.map(() => 'NaN,NaN,NaN,NaN')),
  )
  const tiny = await openSequences(
    movingSquare('tiny', (boxes) => ['100,100,2,2', ...boxes.slice(1)]),
  )
  const late = movingSquare('late')
  const times = Array.from({ length: 18 }, (_, i) => `${9e6 + i * 5e4}`)
  writeFileSync(join(late, 'timestamps.txt'), times.join('\n'))
  const report = await evaluateAll(
    [...nan, ...tiny, ...(await openSequences(late)), ...good],
    NEEDS,
  )
  t.match(
    report.skipped.map(({ reason }) => reason),
    [/no label has a box/, /too small/, /no window of its events/],
  )
  t.equal(report.contestants[0]?.mean.sequences, 1)
  const absent = await openSequences(
    movingSquare('absent', (boxes) => boxes.map((row, i) => (i % 2 === 1 ? '0,0,0,0' : row))),
  )
  const { contestants, skipped } = await evaluateAll(absent, NEEDS)
  t.same(skipped, [])
  t.equal(contestants[0]?.mean.frames, 8, 'absent targets are not scored')
})

t.test('with nothing given, what is found in a scene is held against what moves', async (t) => {
  const seconds = 1.5
  const scene = () =>
    createScene(
      composeScene({
        name: 'square',
        seed: 1,
        size: { width: 160, height: 100 },
        background: { kind: 'plain', brightness: 0.2 },
        things: [
          {
            id: 1,
            shape: { kind: 'box' },
            width: 30,
            height: 26,
            texture: { kind: 'checks', featurePx: 5, brightness: 0.6 },
            path: { kind: 'line', x: 30, y: 50, vx: 70, vy: 0, edge: 'reenter' },
          },
        ],
      }),
    )
  const source = {
    scene: scene(),
    pace: 'fast' as const,
    clock: systemClock,
    durationUs: seconds * 1e6,
  }
  const [fixed, cluster] = await evaluateDiscovery(
    {
      name: 'square',
      group: 'own',
      durationUs: seconds * 1e6,
      scene,
      open: async () => createSceneSource(source),
    },
    { ...NEEDS, tracking: trackingSchema.parse({}), trackers: ['static', 'cluster'] },
  )
  t.match(fixed, { name: 'square', group: 'own', seconds, tracks: 0, falseTracks: 0, recall: 0 })
  t.match(cluster, { name: 'square', group: 'own', falseTracks: 0 })
  t.ok(cluster!.tracks >= 1 && cluster!.recall > 0, 'the target is found')
})
