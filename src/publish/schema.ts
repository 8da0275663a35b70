import { z } from 'zod'
import { bootId, count, wallTime } from './payload-schema.js'

/**
 * What is published by the MQTT contract, version 1. Payloads are held to these schemas by tests, not at run
 * time. New keys may join a payload within version 1, so readers ignore keys they do not know.
 */
export const SCHEMA_VERSION = 1

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
    reason: z
      .string()
      .optional()
      .describe(
        'Why, for degraded, and for stopped after a failure: an error code and a sentence.',
      ),
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

export type StatusPayload = z.infer<typeof statusSchema>
export type InfoPayload = z.infer<typeof infoSchema>
export type CameraStatusPayload = z.infer<typeof cameraStatusSchema>
