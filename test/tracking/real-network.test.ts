import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Box } from '../../src/events/geometry.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { createTrackerSession } from '../../src/inference/session.js'
import type { Frame } from '../../src/pipeline/frame.js'
import { frameCallback } from '../../src/pipeline/frame-sink.js'
import { Pipeline } from '../../src/pipeline/pipeline.js'
import { aggregationSchema, filtersSchema } from '../../src/pipeline/schema.js'
import { sceneByName } from '../../src/sources/scene/named.js'
import { createScene } from '../../src/sources/scene/scene.js'
import { createEvaluator } from '../../src/tracking/evaluate.js'
import { createTargetManager } from '../../src/tracking/manager.js'
import { trackingSchema } from '../../src/tracking/schema.js'

const models = join(import.meta.dirname, '../../../models')
const packages = existsSync(models)
  ? readdirSync(models).filter((name) => existsSync(join(models, name, 'model.json')))
  : []

/** Windows of a built-in scene, as the daemon makes them. */
function windowsOf(name: string, seconds: number): { frames: Frame[]; truth: Box[] } {
  const scene = createScene(sceneByName(name, 1))
  const frames: Frame[] = []
  const sink = frameCallback(scene.size, (frame) =>
    frames.push({ ...frame, planes: frame.planes.slice() }),
  )
  const config = { filters: filtersSchema.parse({}), aggregation: aggregationSchema.parse({}) }
  const pipeline = new Pipeline(config, scene.size, sink)
  for (let tUs = 10_000; tUs <= seconds * 1e6; tUs += 10_000) {
    scene.advance(tUs, (batch) => pipeline.events(batch))
    pipeline.time(tUs, 0)
  }
  return { frames, truth: frames.map((frame) => scene.truth(frame.header.tEndUs)[0]!.box) }
}

t.test(
  'the shipped network and the manager together find, follow and name a target of a scene',
  packages.length === 0 ? { skip: 'no model package in models/' } : {},
  async (t) => {
    const session = await createTrackerSession(await loadModelPackage(join(models, packages[0]!)))
    t.teardown(() => session.close())
    const { frames, truth } = windowsOf('scale', 2)
    const [{ width, height }] = frames as [Frame]
    const run = async () => {
      const manager = createTargetManager({
        session,
        size: { width, height },
        config: trackingSchema.parse({}),
        idPrefix: 'real',
        nowMs: () => 0,
      })
      const evaluator = createEvaluator()
      const results = []
      for (const [i, frame] of frames.entries()) {
        const result = await manager.step(frame)
        evaluator.add(result.tracks, [{ id: 1, box: truth[i]! }])
        results.push(result)
      }
      return { results, score: evaluator.score() }
    }
    const { results, score } = await run()
    t.ok(score.recall > 0.7, `recall ${score.recall}`)
    t.ok(score.meanIou > 0.4, `mean IoU ${score.meanIou}`)
    t.equal(score.idSwitches, 0)
    t.same((await run()).results, results, 'twice the same')
  },
)
