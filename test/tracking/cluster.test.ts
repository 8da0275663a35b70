import t from 'tap'
import { type Box, clampToSensor, iou } from '../../src/events/geometry.js'
import type { Frame } from '../../src/pipeline/frame.js'
import { frameCallback } from '../../src/pipeline/frame-sink.js'
import { Pipeline } from '../../src/pipeline/pipeline.js'
import { aggregationSchema, filtersSchema } from '../../src/pipeline/schema.js'
import { sceneByName } from '../../src/sources/scene/named.js'
import { createScene } from '../../src/sources/scene/scene.js'
import { createClusterManager } from '../../src/tracking/cluster-manager.js'
import { createEvaluator } from '../../src/tracking/evaluate.js'
import type { TargetManager } from '../../src/tracking/manager.js'
import { trackingSchema } from '../../src/tracking/schema.js'
import type { StepResult } from '../../src/tracking/track.js'
import { addBlob, addNoise, emptyFrame } from './helpers.js'

const size = { width: 200, height: 150 }
const alone = { proposals: { enabled: false } }

function setUp(settings: Record<string, unknown> = {}): TargetManager {
  const config = trackingSchema.parse({ tracker: 'cluster', ...settings })
  return createClusterManager({ size, config, idPrefix: 'c', nowMs: () => 0 })
}

/** Plays windows whose header says that they are one hop long, so that nothing lags; `log` is `kind id [reason]`. */
async function play(
  manager: TargetManager,
  windows: number,
  { draw, from = 0 }: { draw?: (frame: Frame, i: number) => void; from?: number } = {},
): Promise<{ results: StepResult[]; last: StepResult; log: string[] }> {
  const results: StepResult[] = []
  for (let i = 0; i < windows; i++) {
    const frame = emptyFrame(size, from + i)
    draw?.(frame, i)
    results.push(await manager.step(frame))
  }
  const log = results.flatMap(({ events }) =>
    events.map(({ kind, after, summary }) =>
      [kind, after.id, summary?.endReason].filter(Boolean).join(' '),
    ),
  )
  return { results, last: results.at(-1)!, log }
}

const start: Box = { x: 30, y: 40, w: 24, h: 20 }
const moved = (box: Box, dx: number, dy = 0): Box => ({ ...box, x: box.x + dx, y: box.y + dy })

t.test('events pull a given box along; no inference is run', async (t) => {
  const manager = setUp(alone)
  manager.start(start, 'car')
  const at = (i: number) => moved(start, 1.5 * i, 0.5 * i)
  const { last, results } = await play(manager, 60, { draw: (f, i) => addBlob(f, at(i)) })
  t.ok(iou(last.tracks[0]!.box, at(59)) > 0.8, JSON.stringify(last.tracks[0]!.box))
  const { velocity, state, label, score } = last.tracks[0]!
  t.same([state, label], ['tracking', 'car'])
  t.ok(Math.abs(velocity.x - 150) < 15 && Math.abs(velocity.y - 50) < 15, JSON.stringify(velocity))
  t.ok(score > 0.8)
  t.ok(results.every(({ inferences, inferenceMs }) => inferences === 0 && inferenceMs === 0))
})

t.test('the given box is kept as given, though the events lie in a corner of it', async (t) => {
  const manager = setUp(alone)
  manager.start({ x: 26, y: 38, w: 32, h: 28 })
  const { last } = await play(manager, 60, { draw: (f, i) => addBlob(f, moved(start, i)) })
  const want = { x: 26 + 59, y: 38, w: 32, h: 28 }
  t.ok(iou(last.tracks[0]!.box, want) > 0.85, JSON.stringify(last.tracks[0]!.box))
})

t.test('size and shape follow the spread of the events', async (t) => {
  const manager = setUp(alone)
  manager.start({ x: 80, y: 60, w: 20, h: 20 })
  const at = (i: number): Box => {
    const w = 20 + i / 5
    return { x: 90 - w / 2, y: 60, w, h: 20 }
  }
  const { last } = await play(manager, 120, { draw: (f, i) => addBlob(f, at(i)) })
  const { box } = last.tracks[0]!
  t.ok(box.w > 30 && box.w > 1.3 * box.h, `true 44 x 20, box ${box.w} x ${box.h}`)
  t.ok(iou(box, at(119)) > 0.5)
})

t.test('a stop is not a loss: the box waits where it was and wakes', async (t) => {
  const manager = setUp(alone)
  manager.start(start)
  const draw = (f: Frame, i: number) => {
    addNoise(f, 40, i)
    addBlob(f, moved(start, i))
  }
  await play(manager, 40, { draw })
  const noise = (f: Frame, i: number) => addNoise(f, 40, 900 + i)
  const silent = await play(manager, 300, { from: 40, draw: noise })
  t.match(silent.last.tracks, [{ state: 'still', velocity: { x: 0, y: 0 } }])
  t.ok(iou(silent.last.tracks[0]!.box, moved(start, 39)) > 0.8)
  const again = await play(manager, 20, { from: 340, draw: (f, i) => draw(f, 40 + i) })
  t.equal(again.last.tracks[0]!.state, 'tracking')
  t.ok(iou(again.last.tracks[0]!.box, moved(start, 59)) > 0.7)
  t.same([...silent.log, ...again.log], ['update c-1', 'update c-1'])
})

t.test('two clusters that cross keep their names', async (t) => {
  const manager = setUp(alone)
  const a = (i: number): Box => ({ x: 20 + 1.5 * i, y: 60, w: 24, h: 20 })
  const b = (i: number): Box => ({ x: 150 - 1.5 * i, y: 66, w: 24, h: 20 })
  manager.start(a(0))
  manager.start(b(0))
  const draw = (f: Frame, i: number) => {
    addBlob(f, a(i))
    addBlob(f, b(i), 0.5)
  }
  const { last, log } = await play(manager, 85, { draw })
  t.same(log, ['update c-1', 'update c-2'], 'both only woke up')
  const [first, second] = last.tracks
  t.ok(iou(first!.box, a(84)) > 0.6, JSON.stringify(first!.box))
  t.ok(iou(second!.box, b(84)) > 0.6, JSON.stringify(second!.box))
})

t.test('of two boxes on one thing one stays', async (t) => {
  const manager = setUp(alone)
  manager.start(start)
  manager.start(moved(start, 3, 2))
  const { last, log } = await play(manager, 60, { draw: (f, i) => addBlob(f, moved(start, i)) })
  t.equal(last.tracks.length, 1)
  t.ok(log.includes('end c-2 merged'), log.join())
})

t.test(
  'hidden for a third of a second, a cluster is taken up again where it comes out',
  async (t) => {
    const manager = setUp()
    manager.start(start)
    const at = (i: number) => moved(start, 1.2 * i)
    const draw = (f: Frame, i: number) => {
      if (i < 40 || i >= 75) addBlob(f, at(i))
    }
    const { last, log } = await play(manager, 110, { draw })
    t.notOk(
      log.some((line) => line.startsWith('new')),
      log.join(),
    )
    t.equal(last.tracks[0]!.id, 'c-1')
    t.ok(iou(last.tracks[0]!.box, at(109)) > 0.5, JSON.stringify(last.tracks[0]!.box))
  },
)

t.test('noise alone makes no track, and a moving camera none', async (t) => {
  const manager = setUp()
  const noisy = await play(manager, 200, { draw: (f, i) => addNoise(f, 600, i) })
  t.same(noisy.log, [])
  const wall = (f: Frame, i: number) => {
    for (let y = 0; y < 150; y += 25) {
      for (let x = 0; x < 200; x += 25) addBlob(f, { x: x + i / 2, y, w: 22, h: 22 }, 0.3)
    }
  }
  const camera = await play(manager, 100, { from: 200, draw: wall })
  t.same(camera.log, [])
})

t.test('a time that is torn is not held against a cluster', async (t) => {
  const manager = setUp(alone)
  manager.start(start)
  await play(manager, 30, { draw: (f, i) => addBlob(f, moved(start, i)) })
  const frame = emptyFrame(size, 60, { gapUs: 300_000, broken: true })
  const { tracks, events } = await manager.step(frame)
  t.same(events, [])
  t.equal(tracks[0]!.state, 'tracking')
  // Time that starts anew, as after a reconnect of the camera.
  const again = await play(manager, 30, { draw: (f, i) => addBlob(f, moved(start, 40 + i)) })
  t.ok(iou(again.last.tracks[0]!.box, moved(start, 69)) > 0.6)
})

t.test('boxes that cannot be followed are refused as with the network', async (t) => {
  const manager = setUp()
  t.throws(() => manager.start({ x: 10, y: 10, w: Number.NaN, h: 20 }), { code: 'CONFIG_INVALID' })
  t.throws(() => manager.start({ x: 500, y: 10, w: 20, h: 20 }), { code: 'CONFIG_INVALID' })
  manager.start(start)
  const ends = await manager.close()
  t.match(ends, [{ kind: 'end', summary: { endReason: 'shutdown' } }])
})

t.test(
  'on a simulated scene, through filters and aggregation, targets are found and followed',
  async (t) => {
    const scene = createScene(sceneByName('clean', 901))
    const frames: Frame[] = []
    const config = { filters: filtersSchema.parse({}), aggregation: aggregationSchema.parse({}) }
    const pipeline = new Pipeline(
      config,
      scene.size,
      frameCallback(scene.size, (frame) => frames.push({ ...frame, planes: frame.planes.slice() })),
    )
    for (let tUs = 10_000; tUs <= 2_500_000; tUs += 10_000) {
      scene.advance(tUs, (batch) => pipeline.events(batch))
      pipeline.time(tUs, 0)
    }
    const truths = frames.map(({ header }) =>
      scene
        .truth(header.tEndUs)
        .filter(({ hidden }) => hidden < 0.5)
        .map(({ id, box }) => ({ id, box: clampToSensor(box, scene.size) })),
    )
    const run = async () => {
      const manager = createClusterManager({
        size: scene.size,
        config: trackingSchema.parse({}),
        idPrefix: 's',
        nowMs: () => 0,
      })
      const evaluator = createEvaluator({ minIou: 0.3 })
      const results: StepResult[] = []
      for (const [i, frame] of frames.entries()) {
        const result = await manager.step(frame)
        evaluator.add(result.tracks, truths[i]!)
        results.push(result)
      }
      return { results, score: evaluator.score() }
    }
    const { results, score } = await run()
    t.comment(
      `recall ${score.recall.toFixed(3)} precision ${score.precision.toFixed(3)} IoU ${score.meanIou.toFixed(3)}`,
    )
    t.ok(score.recall > 0.75, `recall ${score.recall}`)
    t.ok(score.precision > 0.9, `precision ${score.precision}`)
    t.ok(score.meanIou > 0.55, `mean IoU ${score.meanIou}`)
    t.equal(score.idSwitches, 0)
    t.same((await run()).results, results, 'twice the same')
  },
)
