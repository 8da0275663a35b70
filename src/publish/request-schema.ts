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

/** Codes of failed requests beside the error codes of the daemon. */
export const REQUEST_CODES = [
  'REQUEST_INVALID',
  'REQUEST_TOO_LARGE',
  'REQUEST_TIMEOUT',
  'TARGET_UNKNOWN',
  'TARGET_LIMIT',
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
export type TargetStop = z.infer<typeof targetStopSchema>
export type RequestCode = (typeof REQUEST_CODES)[number]
export type ResponsePayload = z.infer<typeof responseSchema>
