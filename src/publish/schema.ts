import { z } from 'zod'

/**
 * What is published by the MQTT contract, version 1. Payloads are held to these schemas by tests, not at run
 * time. New keys may join a payload within version 1, so readers ignore keys they do not know.
 */
export const SCHEMA_VERSION = 1

const count = z.number().int().min(0)
const wallTime = (what: string) =>
  z.number().int().min(0).describe(`${what}: host wall clock, microseconds since 1970-01-01 UTC.`)
const deviceTime = (what: string) =>
  z.number().describe(`${what}: device time, microseconds; orders data, not a wall clock.`)
const bootId = z.string().min(1).describe('Identifies one run of the daemon.')
const pixelBox = (what: string) =>
  z
    .tuple([z.number().min(0), z.number().min(0), z.number().min(0), z.number().min(0)])
    .describe(
      `${what}: [left, top, width, height] in sensor pixels, origin at the upper-left corner, clamped to the sensor.`,
    )
const vector = (what: string) => z.tuple([z.number(), z.number()]).describe(`[x, y] ${what}.`)
const percentiles = (what: string) =>
  z
    .object({
      p50: z.number().min(0).nullable().describe('Median, milliseconds; null before the first.'),
      p99: z.number().min(0).nullable().describe('99th percentile, milliseconds.'),
      count: count.describe('How many were measured.'),
    })
    .describe(what)

export const statusSchema = z
  .object({
    state: z
      .enum(['init', 'ready', 'degraded', 'stopped', 'offline'])
      .describe(
        'init: starting; ready: tracking; degraded: running without a part it needs; stopped: ended in order; ' +
          'offline: the last will, published by the broker when the connection broke.',
      ),
    boot_id: bootId,
    seq: count.describe('Counts changes of state within one run of the daemon.'),
    since: count
      .nullable()
      .describe(
        'When this state began: host wall clock, microseconds since 1970-01-01 UTC; null in the last will, which is ' +
          'written before anyone knows when it will be needed.',
      ),
    reason: z.string().optional().describe('Why, for degraded: an error code and a sentence.'),
  })
  .describe(
    'State of the daemon. Retained; sent again on every connect; `offline` is the last will.',
  )

export const infoSchema = z
  .object({
    schema_version: z.literal(SCHEMA_VERSION).describe('Version of this contract.'),
    evtrackd: z.string().describe('Version of evtrackd.'),
    boot_id: bootId,
    model: z
      .object({
        name: z.string().describe('Name of the model package.'),
        sha256: z.string().describe('SHA-256 of the model package, lower-case hex.'),
      })
      .nullable()
      .describe('The model package in use; null before it is loaded.'),
    model_change: z
      .object({
        outcome: z
          .enum(['trial', 'kept', 'reverted'])
          .describe(
            'trial: its first windows are awaited; kept: they went well; reverted: the package before is in use again.',
          ),
        from: z.string().describe('Name of the package before.'),
        to: z.string().describe('Name of the package changed over to.'),
        sha256: z.string().describe('SHA-256 of the package changed over to.'),
        at: wallTime('When this came about'),
        code: z.string().optional().describe('Why it was taken back: MODEL_REVERTED.'),
        message: z.string().optional().describe('The same as a sentence.'),
      })
      .optional()
      .describe('The last change of the model package while running, if there was one.'),
    backend: z.string().nullable().describe('Inference backend in use; null before it is open.'),
    camera: z
      .object({
        id: z.string().describe('The <camera> of the topics.'),
        source: z.string().describe('camera, emulator, scene, or the name of a recording.'),
        serial: z.string().nullable().describe('Serial number of the camera.'),
        firmware: z.string().nullable().describe('Firmware version of the camera.'),
        logic: z.string().nullable().describe('Logic (FPGA) version of the camera.'),
        image_size: z
          .tuple([count, count])
          .describe('Width and height of the sensor as published, pixels.'),
      })
      .describe('What the events come from; null where the source has no such thing.'),
    calibration_ids: z.array(z.string()).describe('Calibrations in use.'),
    clock_source: z
      .string()
      .describe('What device time is measured by, for example the camera or the recording.'),
  })
  .describe('Versions and identities. Retained; sent again on every connect.')

export const cameraStatusSchema = z
  .object({
    state: z
      .enum(['streaming', 'stalled', 'disconnected', 'disabled'])
      .describe(
        'streaming: data arrives; stalled: connected, but no data; disconnected: not found; disabled: by configuration.',
      ),
    at: wallTime('When this was written'),
    last_event_age_ms: z
      .number()
      .min(0)
      .nullable()
      .describe('Age of the newest event at `at`, milliseconds; null before the first event.'),
    reason: z.string().optional().describe('Why the camera does not stream.'),
    guard: z
      .object({
        level: count.describe('How far up its ladder of measures it is; 0 does nothing.'),
        measure: z
          .string()
          .describe(
            'What it does: none, refractory, refractory-long, threshold, threshold-high or skip; each with those before it.',
          ),
        events_per_second: count.describe('The rate that made it take its last step.'),
        max_events_per_second: count.describe('Its limit.'),
        raised: count.describe('Steps up since the start.'),
        lowered: count.describe('Steps back since the start.'),
        exhausted: count.describe('Readings above the limit with nothing left to do.'),
        failed: count.describe('Steps that the camera did not take.'),
      })
      .optional()
      .describe('The event-rate guard; absent while it is off.'),
  })
  .describe(
    'State of the camera. Retained; refreshed with every health message and on each change.',
  )

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

export const healthSchema = z
  .object({
    boot_id: bootId,
    seq: count.describe('Counts health messages within one run of the daemon.'),
    at: wallTime('When this was written'),
    uptime_s: z.number().min(0).describe('Seconds since the publisher started.'),
    events_per_second: z.number().min(0).nullable().describe('Events before the filters.'),
    last_event_age_ms: z.number().min(0).nullable().describe('Age of the newest event.'),
    drops: z
      .record(z.string(), count)
      .describe('What each hop lost since the start, by the name of its counter.'),
    usb: z
      .object({
        errors: count.describe('Failed transfers.'),
        reconnects: count.describe('Times the camera came back.'),
      })
      .nullable()
      .describe('Null when the source is not a camera.'),
    targets: count.describe('Confirmed tracks in the newest window.'),
    recording: z
      .object({
        name: z.string().describe('Name of the file in the recordings folder.'),
        seconds: z.number().min(0).describe('Device time recorded, seconds.'),
        bytes: count.describe('Size of the file.'),
        events_dropped: count.describe('Events that the disk was too slow for.'),
      })
      .nullable()
      .describe('The recording under way; null without one.'),
    skipped_windows: count.describe('Windows that were never tracked because inference was busy.'),
    latency_ms: percentiles(
      'Last event of a window to publication, since the last health message.',
    ),
    inference_ms: percentiles('Duration of the inference of one window.'),
    energy: z
      .object({
        mj_per_inference: z.number().min(0).describe('Estimate of one search, millijoules.'),
        samples: count.describe(
          'Searches whose spikes were counted since the start; the figure is the mean of the newest. ' +
            '0: none yet, the figure is from the package.',
        ),
        convention: z.string().describe('How the estimate is made.'),
      })
      .nullable()
      .describe('Null where no estimate exists.'),
    mqtt: z
      .object({
        protocol: z.enum(['5', '3.1.1']).nullable().describe('Protocol of the connection.'),
        connects: count.describe('Connections made since the start.'),
        tracks_published: count.describe('Tracks messages sent.'),
        tracks_dropped: count.describe(
          'Tracks messages that a newer one replaced, or that expired.',
        ),
        tracks_limited: count.describe('Tracks messages left out to keep mqtt.tracks_per_second.'),
        refused: count.describe('Messages the broker refused.'),
        requests: count.describe('Requests answered.'),
        requests_dropped: count.describe('Requests dropped unanswered: too many at once.'),
        responses_lost: count.describe('Responses that did not reach the broker.'),
      })
      .describe('The connection to the broker.'),
    spool: z
      .object({
        pending: count.describe('Lifecycle events that wait for the broker.'),
        pending_bytes: count.describe('Their size, bytes.'),
        dropped_size: count.describe('Dropped, oldest first: the spool was full.'),
        dropped_age: count.describe('Dropped: older than the spool keeps.'),
        dropped_memory: count.describe('Dropped, oldest first: the disk took nothing.'),
        corrupt: count.describe('Lines or files of an earlier run that could not be read.'),
        write_errors: count.describe('Failed writes.'),
        disk: z.boolean().describe('False while events are kept in memory only.'),
      })
      .describe('The disk spool of lifecycle events.'),
    clock: z
      .object({
        offset_us: z.number().describe('Host time less device time, microseconds.'),
        drift_ppm: z.number().describe('Drift of the device clock, parts per million.'),
      })
      .nullable()
      .describe('Device clock against host clock; null until measured.'),
    temperature_c: z.number().nullable().describe('Temperature of the camera, degrees Celsius.'),
    memory: z
      .object({
        rss_bytes: count.describe('Resident memory of the process.'),
        heap_used_bytes: count.describe('JavaScript heap in use on the main thread.'),
      })
      .describe('Memory of the daemon.'),
  })
  .describe('How the daemon is doing. Retained, every 10 s.')

export type StatusPayload = z.infer<typeof statusSchema>
export type InfoPayload = z.infer<typeof infoSchema>
export type CameraStatusPayload = z.infer<typeof cameraStatusSchema>
export type TrackPayload = z.infer<typeof trackSchema>
export type TracksPayload = z.infer<typeof tracksSchema>
export type TrackEventPayload = z.infer<typeof trackEventSchema>
export type HealthPayload = z.infer<typeof healthSchema>
