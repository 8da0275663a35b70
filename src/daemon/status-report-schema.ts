import { z } from 'zod'

/**
 * What a reader of the status socket relies on. Looser than what this version writes: the daemon may be older or newer
 * than the program that asks, and may say more.
 */
const percentiles = z
  .looseObject({
    p50: z.number().nullable().describe('Median, milliseconds.'),
    p99: z.number().nullable().describe('99th percentile, milliseconds.'),
  })
  .describe('Of the last seconds.')

const healthShownSchema = z
  .looseObject({
    uptime_s: z.number().describe('Seconds since the start.'),
    events_per_second: z.number().nullable().describe('Before the filters.'),
    last_event_age_ms: z.number().nullable().describe('Age of the newest event.'),
    targets: z.number().describe('Confirmed tracks.'),
    drops: z.record(z.string(), z.number()).describe('Lost, by hop.'),
    latency_ms: percentiles,
    inference_ms: percentiles,
    spool: z.looseObject({ pending: z.number().describe('Waiting.') }).describe('The spool.'),
    recording: z
      .looseObject({
        name: z.string().describe('Of the file.'),
        seconds: z.number().describe('Recorded.'),
      })
      .nullable()
      .describe('The one under way.'),
  })
  .describe('As published.')

const cameraShownSchema = z
  .looseObject({
    device: z.string().describe('In topics.'),
    camera: z.string().describe('In topics.'),
    source: z.string().describe('Kind of source.'),
    boot_id: z.string().describe('Of this run.'),
    state: z.string().describe('As published.'),
    reason: z.string().nullable().describe('Of a state that is not ready.'),
    camera_state: z.string().describe('Of the camera itself.'),
    serial: z.string().nullable().describe('Of the camera.'),
    failures: z.number().describe('Since the process started.'),
    broker: z
      .looseObject({
        endpoint: z.string().describe('Host and port.'),
        state: z.string().describe('Of the connection.'),
        error: z.string().nullable().describe('Why there is none.'),
      })
      .describe('The broker.'),
    health: healthShownSchema,
  })
  .describe('One camera.')

export const statusReportSchema = z
  .looseObject({
    version: z.string().describe('Of the daemon.'),
    pid: z.number().describe('Of the daemon.'),
    config_file: z.string().describe('In use.'),
    restart_needed: z.array(z.string()).describe('Keys that wait for a restart.'),
    cameras: z.array(cameraShownSchema).describe('All of them.'),
  })
  .describe('What the status socket says.')
