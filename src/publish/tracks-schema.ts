import { z } from 'zod'
import { bootId, count, deviceTime, pixelBox, vector, wallTime } from './payload-schema.js'

/** Tracks, window by window, and their lives. */

export const trackSchema = z
  .object({
    id: z.string().min(1).describe('Unique over restarts; never used again.'),
    state: z
      .enum(['tracking', 'still', 'lost'])
      .describe(
        'still: the region of the target is silent (an event camera sees nothing that does not move); lost: looked ' +
          'for. Tentative tracks are not published.',
      ),
    score: z.number().min(0).max(1).describe('Confidence, 0 to 1.'),
    box: pixelBox('Where the target is at `t_us`'),
    center: z.tuple([z.number(), z.number()]).describe('[x, y] of the middle of the box, pixels.'),
    velocity: z.tuple([z.number(), z.number()]).describe('[x, y], pixels per second.'),
    age_ms: z.number().min(0).describe('Device time since the track began, milliseconds.'),
    t_us: deviceTime('The time the box belongs to'),
    label: z.string().optional().describe('The label given when the target was started.'),
    zones: z
      .array(z.string())
      .optional()
      .describe(
        'Count zones the middle of the box is in; absent where none are set up. A change of this list is told by an `update` event.',
      ),
    undistorted: z
      .object({
        box: z
          .tuple([z.number(), z.number(), z.number(), z.number()])
          .describe(
            '[left, top, width, height] in pixels of a lens without distortion, same focal length and principal point; may leave the sensor.',
          ),
        center: vector('Middle of that box, pixels'),
        velocity: vector('The same, pixels per second'),
      })
      .optional()
      .describe(
        'Without the distortion of the lens; absent without an active lens calibration, and beyond the edge of its model.',
      ),
    ground: z
      .object({
        position: vector('Where the target touches the ground, metres'),
        position_sigma: vector('Standard deviation of the position, metres'),
        velocity: vector('Over the ground, metres per second'),
        velocity_sigma: vector('Standard deviation of the velocity, metres per second'),
      })
      .optional()
      .describe(
        'On the ground, in the axes of the survey; absent without an active ground calibration, and near or above the horizon.',
      ),
  })
  .describe('One confirmed track.')

export const tracksSchema = z
  .object({
    seq: count.describe('Number of the window; a step above one shows skipped windows.'),
    t_start_us: deviceTime('Begin of the window'),
    t_end_us: deviceTime('End of the window'),
    at: wallTime('When this was published'),
    latency_ms: z
      .number()
      .min(0)
      .describe(
        'From the receipt of the last event of the window to the publication, milliseconds.',
      ),
    tracks: z
      .array(trackSchema)
      .describe('Every confirmed track; empty once, when the last one goes.'),
    zones: z
      .array(
        z.object({
          name: z.string().describe('The zone.'),
          inside: count.describe('Tracks inside now.'),
          entered: count.describe('Tracks that have entered since the start.'),
          left: count.describe(
            'Tracks that have left since the start; one that ends inside has not.',
          ),
        }),
      )
      .optional()
      .describe('What was counted in each zone; absent where none are set up.'),
  })
  .describe(
    'The tracks of one window. QoS 0, expires after 2 s; only the newest survives an outage.',
  )

export const trackEventSchema = z
  .object({
    boot_id: bootId,
    seq: count.describe('Counts lifecycle events within one boot_id; the pair tells a repeat.'),
    at: wallTime('When it happened, also when it is delivered later'),
    event: z.enum(['new', 'update', 'lost', 'reacquired', 'end']).describe('What happened.'),
    track: z.string().min(1).describe('Id of the track.'),
    before: trackSchema.optional().describe('The track before; absent for `new`.'),
    after: trackSchema.describe('The track after.'),
    summary: z
      .object({
        t_start_us: deviceTime('First window of the track'),
        t_end_us: deviceTime('Last window of the track'),
        windows: count.describe('Windows the track lived.'),
        mean_score: z.number().min(0).max(1).describe('Mean confidence.'),
        path_px: z.number().min(0).describe('Length of the path of its centre, pixels.'),
        first_box: pixelBox('The first box'),
        last_box: pixelBox('The last box'),
        reason: z
          .enum(['stopped', 'lost', 'left', 'merged', 'shutdown'])
          .describe('Why the track ended.'),
      })
      .optional()
      .describe('The whole track; present for `end`.'),
    replayed: z
      .literal(true)
      .optional()
      .describe('Present when the event was delivered late, or perhaps a second time.'),
  })
  .describe(
    'The life of a track. QoS 1, spooled while the broker is away: delivered at least once, in order.',
  )

export type TrackPayload = z.infer<typeof trackSchema>
export type TracksPayload = z.infer<typeof tracksSchema>
export type TrackEventPayload = z.infer<typeof trackEventSchema>
