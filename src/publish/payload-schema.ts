import { z } from 'zod'

/** What payloads of the contract are made of. */

export const count = z.number().int().min(0)
export const wallTime = (what: string) =>
  z.number().int().min(0).describe(`${what}: host wall clock, microseconds since 1970-01-01 UTC.`)
export const deviceTime = (what: string) =>
  z.number().describe(`${what}: device time, microseconds; orders data, not a wall clock.`)
export const bootId = z.string().min(1).describe('Identifies one run of the daemon.')
export const pixelBox = (what: string) =>
  z
    .tuple([z.number().min(0), z.number().min(0), z.number().min(0), z.number().min(0)])
    .describe(
      `${what}: [left, top, width, height] in sensor pixels, origin at the upper-left corner, clamped to the sensor.`,
    )
export const vector = (what: string) =>
  z.tuple([z.number(), z.number()]).describe(`[x, y] ${what}.`)
export const percentiles = (what: string) =>
  z
    .object({
      p50: z.number().min(0).nullable().describe('Median, milliseconds; null before the first.'),
      p99: z.number().min(0).nullable().describe('99th percentile, milliseconds.'),
      count: count.describe('How many were measured.'),
    })
    .describe(what)
