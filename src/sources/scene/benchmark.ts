import { type Box, center, type Size } from '../../events/geometry.js'
import { systemClock } from '../../events/time.js'
import { createSceneSource } from '../scene-source.js'
import type { InitialLabel, Label, Sequence } from '../sequence/sequence.js'
import { LONG_SCENES, longScene } from './long-scenes.js'
import { SCENE_NAMES, sceneByName } from './named.js'
import { deriveSeed } from './rng.js'
import { createScene, type Scene } from './scene.js'
import type { SceneConfig } from './schema.js'

/**
 * The fixed benchmark: ten groups of scenes, four seeds each, from a name space of seeds that nothing else draws from;
 * training draws its scenes from randomScene. And the long scenes, which ask whether a target keeps its identity.
 */
export const BENCHMARK_GROUPS = SCENE_NAMES.filter((name) => name !== 'demo')
export const BENCHMARK_SEEDS = 4
export { LONG_SCENES }

/** Time between labels: a multiple of the default hop, about the rate of annotated video. */
export const LABEL_US = 30_000

/** Hidden at least this much, by things in front or the sensor's edge, a target is not judged. */
const HIDDEN_SHARE = 0.5
/** What the first label must show: a target that hardly anything hides, large and quick enough to be seen at all. */
const INITIAL_HIDDEN = 0.02
const INITIAL_SIDE_PX = 12
const INITIAL_SPEED = 20
/** Filters and the trajectory have settled; and there is something left to track. */
const EARLIEST_US = 300_000
const LATEST_US = 4_000_000

/** The first target of a named scene. */
const TARGET_ID = 1

export interface BenchmarkSequence extends Sequence {
  readonly durationUs: number
  /** A scene of its own, at time 0: for its truth about everything that moves. */
  scene(): Scene
}

/** Length of the sequences of a group: longer where the difficulty comes only now and then. */
function durationUs(group: string): number {
  if (group === 'occlusion' || group === 'stop-and-go') return 10_000_000
  return group === 'fast' || group === 'high-rate' ? 6_000_000 : 8_000_000
}

/** Sequence `index` (from 0) of a group of BENCHMARK_GROUPS or LONG_SCENES. Throws CONFIG_INVALID for another name. */
export function benchmarkSequence(group: string, index: number): BenchmarkSequence {
  const long = LONG_SCENES.find((name) => name === group)
  const seed = deriveSeed(index, `benchmark ${group}`)
  const config = long === undefined ? sceneByName(group, seed) : longScene(long, seed)
  const length = long === undefined ? durationUs(group) : LONG_US
  return sequenceOf(config, { name: `${group}-${index + 1}`, group, durationUs: length })
}

const LONG_US = 16_000_000

function sequenceOf(
  config: SceneConfig,
  parts: { name: string; group: string; durationUs: number },
): BenchmarkSequence {
  const scene = () => createScene(config)
  const labels = sceneLabels(scene(), config, parts.durationUs)
  return {
    ...parts,
    labels,
    skippedLabels: 0,
    scene,
    open: async () =>
      createSceneSource({
        scene: scene(),
        pace: 'fast',
        clock: systemClock,
        durationUs: parts.durationUs,
      }),
  }
}

/**
 * Labels of the first target every LABEL_US, from the first time on at which it shows itself well. Throws when there is
 * no such time: such a scene is no benchmark.
 */
export function sceneLabels(
  scene: Scene,
  config: Pick<SceneConfig, 'name' | 'camera'>,
  lengthUs: number,
): readonly [InitialLabel, ...Label[]] {
  const times: number[] = []
  for (let tUs = LABEL_US; tUs <= lengthUs; tUs += LABEL_US) times.push(tUs)
  const moves = config.camera.vx !== 0 || config.camera.shakePx > 0
  const first = times.find(
    (tUs) => tUs >= EARLIEST_US && tUs <= LATEST_US && showsItself(scene, tUs, moves),
  )
  const initial = first === undefined ? undefined : truthOf(scene, first)
  if (first === undefined || initial === undefined) {
    throw new Error(`the target of ${config.name} never shows itself`)
  }
  const rest = times
    .filter((tUs) => tUs > first)
    .map((tUs) => {
      const truth = truthOf(scene, tUs)
      const seen = truth !== undefined && truth.hidden < HIDDEN_SHARE
      return { tUs, box: seen ? truth.box : undefined }
    })
  return [{ tUs: first, box: initial.box }, ...rest]
}

function truthOf(scene: Scene, tUs: number) {
  return scene.truth(tUs).find(({ id }) => id === TARGET_ID)
}

function showsItself(scene: Scene, tUs: number, cameraMoves: boolean): boolean {
  const now = truthOf(scene, tUs)
  const before = truthOf(scene, tUs - LABEL_US)
  if (now === undefined || before === undefined || now.hidden > INITIAL_HIDDEN) return false
  if (Math.min(now.box.w, now.box.h) < INITIAL_SIDE_PX) return false
  if (!isInside(now.box, scene.size)) return false
  if (cameraMoves) return true
  const [a, b] = [center(before.box), center(now.box)]
  return Math.hypot(b.x - a.x, b.y - a.y) * (1e6 / LABEL_US) >= INITIAL_SPEED
}

function isInside({ x, y, w, h }: Box, { width, height }: Size): boolean {
  return x > 0 && y > 0 && x + w < width && y + h < height
}
