import { mkdirSync } from 'node:fs'
import type { TrackerSession, TrackerSpec } from '../inference/tracker-session.js'
import { aggregationSchema, filtersSchema } from '../pipeline/schema.js'
import type { Pictures } from '../sources/scene/picture.js'
import { randomScene } from '../sources/scene/random.js'
import { createRng, deriveSeed, type Rng } from '../sources/scene/rng.js'
import { createScene } from '../sources/scene/scene.js'
import { createFollowers } from './followers.js'
import { type CropSpec, scenePairs } from './scene-pairs.js'
import { trackingSchema } from './schema.js'
import { type Pair, writeShard } from './shard-file.js'

/** Crops of the compact network: what training and running must agree on. */
export const COMPACT_CROPS: CropSpec = {
  planes: ['trajectory', 'negative', 'positive', 'prior'],
  templateSize: 64,
  searchSize: 128,
  templateFactor: 2,
  searchFactor: 4,
}

export interface DatasetOptions {
  /** Every seed is another set of scenes; the same seed gives the same shards. */
  readonly seed: number
  /** Pairs to write, rounded up to whole shards. */
  readonly count: number
  /** Folder for the shards; made if missing. */
  readonly out: string
  readonly pairsPerShard?: number
  readonly crops?: Pick<TrackerSpec, keyof CropSpec>
  /** Pictures with transparency become targets, the others backgrounds, beside procedural ones. */
  readonly pictures?: Pictures
  /** A network that follows the things of every scene: pairs then hold what it believes, not only invented beliefs. */
  readonly follow?: TrackerSession | undefined
  readonly onShard?: (progress: { readonly pairs: number; readonly scenes: number }) => void
}

export interface DatasetReport {
  readonly pairs: number
  readonly visible: number
  readonly scenes: number
  readonly shards: number
}

/** Time between windows in training; mostly the runtime's own. */
const HOPS_US = [10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 10_000, 30_000, 30_000, 5_000]
const PAIRS_PER_SHARD = 512

/** Simulates random scenes and writes training shards, until `count` pairs are there. Takes minutes for thousands. */
export async function generateShards(options: DatasetOptions): Promise<DatasetReport> {
  const { seed, count, out, crops = COMPACT_CROPS } = options
  const perShard = options.pairsPerShard ?? PAIRS_PER_SHARD
  const shapes = {
    z: [crops.planes.length, crops.templateSize, crops.templateSize],
    x: [crops.planes.length, crops.searchSize, crops.searchSize],
  }
  const shardsWanted = Math.ceil(count / perShard)
  const waiting: Pair[] = []
  let scenes = 0
  let shards = 0
  let visible = 0
  mkdirSync(out, { recursive: true })
  while (shards < shardsWanted) {
    const sceneSeed = deriveSeed(seed, `dataset-scene-${scenes++}`)
    const { pictures, follow } = options
    waiting.push(...(await pairsOfScene(sceneSeed, { crops, pictures, follow })))
    while (waiting.length >= perShard && shards < shardsWanted) {
      const pairs = waiting.splice(0, perShard)
      for (const pair of pairs) if (pair.visible) visible++
      const name = `shard-${seed}-${String(shards++).padStart(5, '0')}`
      writeShard(out, name, { pairs, shapes })
      options.onShard?.({ pairs: shards * perShard, scenes })
    }
  }
  return { pairs: shards * perShard, visible, scenes, shards }
}

/** The pairs of one random scene. */
export async function pairsOfScene(
  seed: number,
  options: {
    readonly crops: CropSpec
    readonly pictures?: Pictures | undefined
    readonly follow?: TrackerSession | undefined
  },
): Promise<Pair[]> {
  const rng = createRng(deriveSeed(seed, 'pairs'))
  const pictures: Pictures = options.pictures ?? new Map()
  const scene = createScene(randomScene(seed, pictureOptions(pictures)), { pictures })
  const { follow: session } = options
  const config = trackingSchema.parse({})
  return scenePairs(scene, rng, {
    spec: options.crops,
    filters: filtersSchema.parse({}),
    aggregation: aggregationSchema.parse({ hopUs: rng.pick(HOPS_US) }),
    durationUs: Math.round(drawDuration(rng)),
    scene: seed,
    followers: session && createFollowers({ session, size: scene.size, config }),
  })
}

function drawDuration(rng: Rng): number {
  return rng.range(0.8e6, 2.4e6)
}

function pictureOptions(pictures: Pictures) {
  const backgrounds: string[] = []
  const cutouts: { name: string; width: number; height: number }[] = []
  for (const [name, picture] of pictures) {
    if (picture.alpha === undefined) backgrounds.push(name)
    else cutouts.push({ name, width: picture.width, height: picture.height })
  }
  return { backgrounds, cutouts }
}
