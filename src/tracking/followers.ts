import { type Box, iou, type Size } from '../events/geometry.js'
import type { TruthBox } from '../events/signals.js'
import type { TemplateState, TrackerSession } from '../inference/tracker-session.js'
import type { Frame } from '../pipeline/frame.js'
import { clipBox } from './decode.js'
import { correct, type Motion, predict } from './motion.js'
import type { TrackingConfig } from './schema.js'
import { createSearcher } from './searcher.js'

/**
 * Trackers of every labelled thing in a scene, each following with nothing but its own answers. What they believe is what
 * a network meets in service: errors that grew over windows, not ones drawn at random.
 */
export interface Followers {
  /** Takes one window; things without a follower get one, and those that lost theirs a new one after a while. */
  step(frame: Frame, truth: readonly TruthBox[], dtUs: number): Promise<void>
  /** Where the follower expects the thing in the window that `step` took last, before it looked. */
  belief(id: number): Box | undefined
}

interface Follower {
  readonly template: TemplateState
  readonly reference: { readonly w: number; readonly h: number }
  motion: Motion
  believed: Box
  astrayUs: number
}

const CAPACITY = 16
/** Least overlap with the truth; below it a follower is astray. */
const FOUND_IOU = 0.1
/** A follower may stray this long, as what it then sees is worth training on, and starts anew. */
const ASTRAY_US = 250_000

export function createFollowers(options: {
  readonly session: TrackerSession
  readonly size: Size
  readonly config: TrackingConfig
}): Followers {
  const { session, size, config } = options
  const searcher = createSearcher({
    session,
    size,
    capacity: CAPACITY,
    windowStrength: config.windowStrength,
    nowMs: () => 0,
  })
  const followers = new Map<number, Follower>()

  return {
    async step(frame, truth, dtUs) {
      const present = new Map(truth.map((thing) => [thing.id, thing]))
      for (const id of followers.keys()) if (!present.has(id)) followers.delete(id)
      for (const follower of followers.values()) {
        follower.motion = predict(follower.motion, dtUs, {
          coasting: false,
          coastMs: config.coastMs,
        })
        follower.believed = follower.motion.box
      }
      const active = [...followers]
      const peaks = await searcher.search(
        frame,
        active.map(([, { motion, template }]) => ({ box: motion.box, growth: 1, template })),
      )
      for (const [i, [id, follower]] of active.entries()) {
        const { score, box } = peaks[i]!
        if (score >= config.keepScore) {
          const measured = clipBox(box, size, config.minBoxPx)
          const { reference } = follower
          follower.motion = correct(follower.motion, measured, { dtUs, reference, config })
        }
        const { box: label } = present.get(id)!
        if (iou(follower.motion.box, label) >= FOUND_IOU) follower.astrayUs = 0
        else if ((follower.astrayUs += dtUs) > ASTRAY_US) followers.delete(id)
      }
      await welcome(frame, truth)
    },
    belief: (id) => followers.get(id)?.believed,
  }

  async function welcome(frame: Frame, truth: readonly TruthBox[]): Promise<void> {
    for (const { id, box, hidden } of truth) {
      if (followers.has(id) || hidden > 0.2 || followers.size >= CAPACITY) continue
      followers.set(id, {
        template: await searcher.template(frame, box),
        reference: { w: box.w, h: box.h },
        motion: { box, vx: 0, vy: 0 },
        believed: box,
        astrayUs: 0,
      })
    }
  }
}
