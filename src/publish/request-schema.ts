import { z } from 'zod'
import { ERROR_CODES } from '../events/errors.js'

/**
 * Requests and responses of the MQTT contract, version 1. Requests come from outside, so they are parsed with these
 * schemas at run time; a key that is not listed is an error, because it is most likely misspelt.
 */

const transaction = z
  .union([z.string().max(256), z.number()])
  .describe('Echoed in the response: how a 3.1.1 client finds its answer.')

export const targetStartSchema = z
  .strictObject({
    box: z
      .tuple([z.number(), z.number(), z.number().positive(), z.number().positive()])
      .describe(
        '[left, top, width, height] in sensor pixels. The part outside the sensor is cut off.',
      ),
    label: z.string().min(1).max(64).optional().describe('Published with the track.'),
    transaction: transaction.optional(),
  })
  .describe('Start to follow what is inside a box. The result is {id}.')

export const targetStopSchema = z
  .strictObject({
    id: z.string().min(1).max(128).describe('Id of the track to end.'),
    transaction: transaction.optional(),
  })
  .describe('End a track. The result is {id}.')

/**
 * Keys are those of the configuration file; their values are judged with the whole configuration, so that a region is
 * refused here for the same reason as there. Keys that name files or brokers are not among them: a client chooses no
 * path and cannot lead the device elsewhere.
 */
export const configureSchema = z
  .strictObject({
    camera: z
      .strictObject({
        preset: z
          .string()
          .regex(/^[a-z0-9-]{1,64}$/, 'use the name of a preset')
          .optional()
          .describe('Name of a camera preset.'),
        biases: z
          .record(z.string().max(64), z.unknown())
          .optional()
          .describe('Biases in place of those of the preset, each stated whole.'),
      })
      .optional()
      .describe('The camera itself.'),
    model: z
      .strictObject({
        name: z
          .string()
          .regex(/^[a-z0-9][a-z0-9.-]{0,95}$/, 'use the name of an installed package')
          .optional()
          .describe('Model package to change over to, between two windows.'),
      })
      .optional()
      .describe('The tracker network.'),
    filters: z
      .record(z.string().max(64), z.unknown())
      .optional()
      .describe('Keys of [filters]: regions, hot pixels, background activity, refractory time.'),
    aggregation: z
      .record(z.string().max(64), z.unknown())
      .optional()
      .describe('Keys of [aggregation]; they need a restart.'),
    tracking: z
      .record(z.string().max(64), z.unknown())
      .optional()
      .describe('Keys of [tracking]; they need a restart.'),
    mqtt: z
      .strictObject({
        tracks_per_second: z.number().optional().describe('As in the configuration file.'),
        health_interval_ms: z.number().optional().describe('As in the configuration file.'),
      })
      .optional()
      .describe('Rates.'),
    log_level: z.string().max(16).optional().describe('As in the configuration file.'),
    persist: z
      .boolean()
      .optional()
      .describe('Keep the changes over restarts; without it they end with the process.'),
    reset: z
      .boolean()
      .optional()
      .describe('First forget what earlier requests of this kind have changed.'),
    transaction: transaction.optional(),
  })
  .describe(
    'Change what can change while running. The result is {applied, restart}: the keys that are in effect now, and those that wait for a restart.',
  )

export const calibrateStartSchema = z
  .strictObject({
    kind: z.string().min(1).max(32).describe('What to calibrate, for example hot-pixels.'),
    seconds: z
      .number()
      .positive()
      .max(3600)
      .optional()
      .describe('Device time to measure; without it what the kind needs.'),
    dry_run: z.boolean().optional().describe('Measure and judge; write and change nothing.'),
    options: z
      .record(z.string().max(64), z.unknown())
      .optional()
      .describe('Keys of [calibration.<kind>], in place of those of the configuration.'),
    transaction: transaction.optional(),
  })
  .describe(
    'Calibrate the camera while the daemon runs. The result is {id, kind, ask, seconds, topic}: it was accepted, and how it goes and what comes of it is told on the topic.',
  )

export const calibrateCancelSchema = z
  .strictObject({
    id: z.string().min(1).max(128).optional().describe('Only if it is this run.'),
    transaction: transaction.optional(),
  })
  .describe(
    'Stop the calibration under way; the camera gets its settings back. The result is {kind}.',
  )

export const recordStartSchema = z
  .strictObject({
    seconds: z
      .number()
      .positive()
      .max(86_400)
      .optional()
      .describe('Device time after which the recording ends by itself.'),
    transaction: transaction.optional(),
  })
  .describe('Record the events before the filters to the state directory. The result is {name}.')

export const plainRequestSchema = z
  .strictObject({ transaction: transaction.optional() })
  .describe('A request without parameters: record/stop, snapshot, restart.')

/** Codes of failed requests beside the error codes of the daemon. */
export const REQUEST_CODES = [
  'REQUEST_INVALID',
  'REQUEST_TOO_LARGE',
  'REQUEST_TIMEOUT',
  'TARGET_UNKNOWN',
  'TARGET_LIMIT',
  'CALIBRATION_NONE',
  'RECORDING_ACTIVE',
  'RECORDING_NONE',
  'DISK_FULL',
  'RESPONSE_TOO_LARGE',
  'NOT_READY',
  'INTERNAL',
] as const

export const responseOkSchema = z.object({
  ok: z.literal(true),
  command: z.string().describe('The command answered.'),
  transaction: transaction.optional(),
  result: z.record(z.string(), z.unknown()).describe('What the command gives back.'),
})

export const responseErrorSchema = z.object({
  ok: z.literal(false),
  command: z.string().describe('The command answered.'),
  transaction: transaction.optional(),
  code: z.enum([...REQUEST_CODES, ...ERROR_CODES]).describe('Stable; for programs.'),
  message: z.string().describe('One plain sentence; for people.'),
  next: z.string().optional().describe('What to do.'),
})

export const responseSchema = z
  .discriminatedUnion('ok', [responseOkSchema, responseErrorSchema])
  .describe('The answer to a request. A request that is not valid changes nothing.')

export type TargetStart = z.infer<typeof targetStartSchema>
export type ConfigureRequest = Omit<z.infer<typeof configureSchema>, 'transaction'>
export type TargetStop = z.infer<typeof targetStopSchema>
export type RequestCode = (typeof REQUEST_CODES)[number]
export type ResponsePayload = z.infer<typeof responseSchema>
