import type { Box, Size } from '../events/geometry.js'
import type { TruthBox } from '../events/signals.js'
import type { TrackerSpec } from '../inference/tracker-session.js'
import { Aggregator } from '../pipeline/aggregate.js'
import { createFilterChain } from '../pipeline/filters.js'
import type { Frame } from '../pipeline/frame.js'
import { frameCallback } from '../pipeline/frame-sink.js'
import type { AggregationConfig, FiltersConfig } from '../pipeline/schema.js'
import type { Rng } from '../sources/scene/rng.js'
import type { Scene } from '../sources/scene/scene.js'
import { type Cropper, type CropRegion, createCropper, cropRegion } from './crop.js'
import type { Followers } from './followers.js'
import type { Pair } from './shard-file.js'

export type CropSpec = Pick<
  TrackerSpec,
  'planes' | 'templateSize' | 'searchSize' | 'templateFactor' | 'searchFactor'
>

export interface PairOptions {
  readonly spec: CropSpec
  readonly filters: FiltersConfig
  readonly aggregation: AggregationConfig
  readonly durationUs: number
  /** Names the scene in every pair. */
  readonly scene: number
  /** Trackers whose beliefs take the place of most invented ones. */
  readonly followers?: Followers | undefined
}

/** Windows until the trajectory plane has a past. */
const WARM_UP = 5
/** Smallest side of a box that is worth a crop, in pixels. */
const MIN_SIDE = 6
const TEMPLATES_PER_TARGET = 6
/** Least share of a box's pixels with events: below this there is nothing to learn from a template or to be found. */
const TEMPLATE_DENSITY = 0.08
const SEARCH_DENSITY = 0.04
/**
 * Windows searched in a second of the scene for a thing at rest, chosen at random because neighbours would be nearly the
 * same pair. Fast things give more, up to four times: they are rarer, harder, and change more from window to window.
 */
const SEARCHED_PER_SECOND = 15
/** Hidden things are rare in a scene and worth knowing well: this many times as many searches. */
const HIDDEN_WEIGHT = 5
/** Share of searches around what a follower believes, where there are followers. */
const FOLLOWED = 0.6
/** Share of searches with the template of something else: nothing is to be found. */
const FOREIGN = 0.06
/** Share of searches in a place that shows no target. */
const ELSEWHERE = 0.04

/** Share of templates whose box is only roughly right, as from a proposal made of events. */
const SLOPPY = 0.4
const ROUGH_HAND: Jitter = { position: 0.09, scale: 0.14, aspect: 0.1 }
const STEADY_HAND: Jitter = { position: 0.03, scale: 0.04, aspect: 0.03 }
/** What a tracker believes of a box: mostly a little off; sometimes lost, with the right size at best. */
const DRIFT: Jitter = { position: 0.12, scale: 0.12, aspect: 0.07 }
const LOST: Jitter = { position: 0, scale: 0.25, aspect: 0.12 }

interface Jitter {
  readonly position: number
  readonly scale: number
  readonly aspect: number
}

interface Search {
  readonly x: Uint8Array
  readonly id: number
  readonly box: Pair['box']
  readonly state: 'visible' | 'hidden' | 'elsewhere'
  /** Everything else that the crop shows a good part of. */
  readonly others: ReadonlySet<number>
}

/**
 * Lets a scene run through the pipeline as a camera's events would, and cuts training pairs from its frames: a template of
 * a thing at one time, a search region around where a tracker may believe it at another.
 */
export async function scenePairs(scene: Scene, rng: Rng, options: PairOptions): Promise<Pair[]> {
  const { spec, durationUs } = options
  const cut = new Cutter(spec, scene.size)
  const templates = new Map<number, { crops: Uint8Array[]; seen: number }>()
  const searches: Search[] = []
  let windows = 0
  const onFrame = async (frame: Frame): Promise<void> => {
    if (++windows <= WARM_UP) return
    const truth = scene.truth(frame.header.tEndUs, 'movers').filter(isLarge)
    for (const thing of truth) keepTemplate(thing, frame)
    const tUs = frame.header.tEndUs
    const { hopUs } = options.aggregation
    await options.followers?.step(frame, truth, hopUs)
    const before = scene.truth(Math.max(0, tUs - hopUs), 'movers')
    // A tracker that predicts well believes in the present place, one that does not in that of some windows ago.
    const believed = scene.truth(Math.max(0, tUs - hopUs * rng.int(4)), 'movers')
    for (const thing of truth) {
      const last = before.find(({ id }) => id === thing.id)?.box ?? thing.box
      const interest =
        thing.hidden >= 0.9 ? HIDDEN_WEIGHT : Math.min(4, 1 + speed(last, thing.box, hopUs) / 300)
      const perSecond = SEARCHED_PER_SECOND * interest
      if (!rng.chance((perSecond * hopUs) / 1e6)) continue
      const near = believed.find(({ id }) => id === thing.id)?.box ?? thing.box
      const search = searchFor(thing, { frame, truth, near })
      if (search !== undefined) searches.push(search)
    }
  }
  await run(scene, { ...options, durationUs, onFrame })
  return searches.flatMap((search) => pairUp(search))

  // One in `seen` replaces a kept one: every usable window of a target is equally likely to be its template.
  function keepTemplate({ id, box, hidden }: TruthBox, frame: Frame): void {
    if (hidden > 0.2 || density(frame, box) < TEMPLATE_DENSITY) return
    let kept = templates.get(id)
    if (kept === undefined) templates.set(id, (kept = { crops: [], seen: 0 }))
    const slot = kept.seen < TEMPLATES_PER_TARGET ? kept.seen : rng.int(kept.seen + 1)
    kept.seen++
    if (slot >= TEMPLATES_PER_TARGET) return
    const told = jitter(box, rng, rng.chance(SLOPPY) ? ROUGH_HAND : STEADY_HAND)
    kept.crops[slot] = cut.template(frame, told)
  }

  function searchFor(
    thing: TruthBox,
    seen: { frame: Frame; truth: readonly TruthBox[]; near: Box },
  ): Search | undefined {
    const { frame, truth } = seen
    const { hidden, id } = thing
    if (hidden > 0.6 && hidden < 0.9) return undefined
    const elsewhere = rng.chance(ELSEWHERE)
    const believed = elsewhere
      ? { ...thing.box, x: rng.range(0, scene.size.width), y: rng.range(0, scene.size.height) }
      : ((rng.chance(FOLLOWED) ? options.followers?.belief(id) : undefined) ??
        belief(seen.near, rng))
    const growth = rng.chance(0.12) ? rng.range(1, 2) : 1
    const region = cropRegion(believed, spec.searchFactor * growth)
    const others = new Set(truth.filter((t) => t.id !== id && shows(region, t)).map((t) => t.id))
    const inside = shows(region, thing)
    if (elsewhere && (inside || others.has(id))) return undefined
    const state = elsewhere ? 'elsewhere' : hidden >= 0.9 ? 'hidden' : 'visible'
    if (
      state === 'visible' &&
      (!holdsCenter(region, thing.box) || density(frame, thing.box) < SEARCH_DENSITY)
    )
      return undefined
    return {
      x: cut.search(frame, region, believed),
      id,
      box: share(thing.box, region),
      state,
      others,
    }
  }

  function pairUp({ x, id, box, state, others }: Search): Pair[] {
    const own = templates.get(id)
    const foreign = rng.chance(FOREIGN)
    const ids = [...templates.keys()].filter((other) => other !== id && !others.has(other))
    const from = foreign && ids.length > 0 ? templates.get(rng.pick(ids)) : own
    if (from === undefined) return []
    const visible = from === own && state === 'visible'
    return [
      {
        z: rng.pick(from.crops),
        x,
        box: visible ? box : [0, 0, 0, 0],
        visible,
        scene: options.scene,
      },
    ]
  }
}

async function run(
  scene: Scene,
  options: PairOptions & { readonly onFrame: (frame: Frame) => Promise<void> },
): Promise<void> {
  const filters = createFilterChain(options.filters, scene.size)
  let closed: Frame | undefined
  const sink = frameCallback(scene.size, (frame) => {
    closed = frame
  })
  const aggregator = new Aggregator(options.aggregation, scene.size, sink)
  const { hopUs } = options.aggregation
  for (let tUs = hopUs; tUs <= options.durationUs; tUs += hopUs) {
    scene.advance(tUs, (batch) => {
      const eventsIn = batch.length
      filters.apply(batch)
      aggregator.add(batch, eventsIn)
    })
    aggregator.time(tUs, tUs)
    // One hop closes one window, and its frame stays as it is until the next hop.
    if (closed !== undefined) await options.onFrame(closed)
    closed = undefined
  }
}

/** Cuts crops into fresh memory. */
class Cutter {
  readonly #spec: CropSpec
  readonly #template: Cropper
  readonly #search: Cropper

  constructor(spec: CropSpec, sensor: Size) {
    this.#spec = spec
    this.#template = createCropper({ size: spec.templateSize, planes: spec.planes, sensor })
    this.#search = createCropper({ size: spec.searchSize, planes: spec.planes, sensor })
  }

  template(frame: Frame, box: Box): Uint8Array {
    const out = new Uint8Array(this.#template.cropBytes)
    const region = cropRegion(box, this.#spec.templateFactor)
    this.#template.cropInto(out, frame, { region, prior: box })
    return out
  }

  search(frame: Frame, region: CropRegion, prior: Box): Uint8Array {
    const out = new Uint8Array(this.#search.cropBytes)
    this.#search.cropInto(out, frame, { region, prior })
    return out
  }
}

/** What a tracker may believe of a box: mostly a little off, sometimes far off in place, size and shape. */
function belief(box: Box, rng: Rng): Box {
  if (rng.chance(0.25)) {
    const wide = jitter(box, rng, LOST)
    const reach = 1.2 * Math.sqrt(box.w * box.h)
    return { ...wide, x: wide.x + rng.range(-reach, reach), y: wide.y + rng.range(-reach, reach) }
  }
  return jitter(box, rng, DRIFT)
}

/** Moves by normal steps in units of sqrt(w * h), scales and stretches by log-normal factors. */
function jitter(box: Box, rng: Rng, sigma: Jitter): Box {
  const side = Math.sqrt(box.w * box.h)
  const scale = Math.exp(sigma.scale * rng.normal())
  const stretch = Math.exp(sigma.aspect * rng.normal())
  const w = Math.max(2, box.w * scale * stretch)
  const h = Math.max(2, (box.h * scale) / stretch)
  const x = box.x + box.w / 2 - w / 2 + sigma.position * side * rng.normal()
  const y = box.y + box.h / 2 - h / 2 + sigma.position * side * rng.normal()
  return { x, y, w, h }
}

/** Pixels per second of a box's centre. */
function speed(from: Box, to: Box, us: number): number {
  const dx = to.x - from.x + (to.w - from.w) / 2
  const dy = to.y - from.y + (to.h - from.h) / 2
  return (Math.hypot(dx, dy) / us) * 1e6
}

function isLarge({ box }: TruthBox): boolean {
  return Math.min(box.w, box.h) >= MIN_SIDE
}

function holdsCenter(region: CropRegion, box: Box): boolean {
  const x = (box.x + box.w / 2 - region.x) / region.side
  const y = (box.y + box.h / 2 - region.y) / region.side
  return x > 0.01 && x < 0.99 && y > 0.01 && y < 0.99
}

/** At least a quarter of the box lies in the region and is not hidden. */
function shows(region: CropRegion, { box, hidden }: TruthBox): boolean {
  const w = Math.min(box.x + box.w, region.x + region.side) - Math.max(box.x, region.x)
  const h = Math.min(box.y + box.h, region.y + region.side) - Math.max(box.y, region.y)
  return w > 0 && h > 0 && w * h * (1 - hidden) > 0.25 * box.w * box.h
}

function share(box: Box, region: CropRegion): Pair['box'] {
  const x = (box.x - region.x) / region.side
  const y = (box.y - region.y) / region.side
  return [x, y, x + box.w / region.side, y + box.h / region.side]
}

/** Share of the box's pixels that saw an event in the window; 0 for fewer than ten of them. */
function density(frame: Frame, box: Box): number {
  const { width, height, planes } = frame
  const area = width * height
  const x0 = Math.max(0, Math.floor(box.x))
  const y0 = Math.max(0, Math.floor(box.y))
  const x1 = Math.min(width, Math.ceil(box.x + box.w))
  const y1 = Math.min(height, Math.ceil(box.y + box.h))
  let hits = 0
  for (let y = y0; y < y1; y++) {
    for (let i = y * width + x0, end = y * width + x1; i < end; i++) {
      if ((planes[area + i]! | planes[2 * area + i]!) !== 0) hits++
    }
  }
  return hits < 10 ? 0 : hits / ((x1 - x0) * (y1 - y0))
}
