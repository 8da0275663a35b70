import { z } from 'zod'
import { bootId, count, percentiles, wallTime } from './payload-schema.js'

/** Figures of a running daemon. */

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
    backend: z
      .object({
        wanted: z.string().describe('inference.backend of the configuration.'),
        in_use: z.string().describe('Who computes the network now.'),
        fallback: z.boolean().describe('The CPU computes because the wanted backend cannot.'),
        failures: count.describe('Times that the backend in use has failed.'),
        attempts: count.describe('Times that backends were tried.'),
        checks: count.describe('Answers that were compared with those of the CPU.'),
        wrong: count.describe('Those of them that differed.'),
        reason: z.string().nullable().describe('Why it failed last; null if it never did.'),
      })
      .optional()
      .describe('Absent where only the CPU is configured.'),
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

export type HealthPayload = z.infer<typeof healthSchema>
