import { z } from 'zod'
import { KIND_NAMES } from '../calibration/kind.js'

/** What a program on the device may ask a running daemon over its control socket: one line of JSON. */
export const controlRequestSchema = z.discriminatedUnion('command', [
  z
    .strictObject({
      command: z.literal('calibrate').describe('Calibrate a camera; hanging up cancels it.'),
      kind: z.enum(KIND_NAMES).describe('What.'),
      serial: z.string().max(32).optional().describe('Which camera; without it the only one.'),
      seconds: z.number().positive().max(3600).optional().describe('Device time to measure.'),
      dryRun: z.boolean().default(false).describe('Measure and judge, write nothing.'),
      options: z
        .record(z.string(), z.unknown())
        .default({})
        .describe('Of the kind, in place of the configuration, camelCase.'),
    })
    .describe('Answered by accepted, progress and a report, or by an error.'),
  z
    .strictObject({
      command: z
        .literal('reread')
        .describe('Read configuration and active calibrations anew, as a reload does.'),
    })
    .describe('Answered by done.'),
])
export type ControlRequest = z.infer<typeof controlRequestSchema>
