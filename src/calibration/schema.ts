import { z } from 'zod'
import { groundSchema } from './ground/ground-schema.js'
import { lensSchema } from './lens/lens-schema.js'
import { type PointOnSensor, zoneProblem } from './polygon.js'

/** What a user can say to each kind: the tables [calibration.<kind>] of the configuration, and `--set key=value`. */

const hotPixels = z
  .strictObject({
    rateHz: z
      .number()
      .positive()
      .max(1e6)
      .optional()
      .describe(
        'Rate above which a pixel is hot, events a second; without it the rate that noise alone does not reach.',
      ),
    chipSlots: z
      .boolean()
      .default(true)
      .describe('Silence the worst eight inside the camera, too; off: all of them in the host.'),
    onlyAdd: z
      .boolean()
      .default(false)
      .describe('Keep every pixel of the active mask: for runs that nobody watches.'),
  })
  .describe('Which pixels fire although nothing happens.')

const eventRate = (text: string) => z.number().min(100).max(12e6).describe(text)

const biases = z
  .strictObject({
    minPerSecond: eventRate('Lower end of the band of mean event rates.').default(1e5),
    maxPerSecond: eventRate('Upper end of the band.').default(1e6),
    targetPerSecond: eventRate(
      'Where to go in the band when outside of it; without it the geometric middle.',
    ).optional(),
    noiseHz: z
      .number()
      .min(0.01)
      .max(10)
      .default(0.2)
      .describe('Most background events a second of a pixel.'),
  })
  .describe('Biases of the event pixels: rate, noise and balance.')

const noise = z
  .strictObject({
    darkSeconds: z
      .number()
      .min(1)
      .max(60)
      .default(5)
      .describe('How long the lens stays covered at first, seconds.'),
    chip: z
      .boolean()
      .default(true)
      .describe("Also set the background activity filter inside the camera to the host's time."),
  })
  .describe('Times and support of the background activity filters.')

const exposure = z
  .strictObject({
    target: z
      .number()
      .min(32)
      .max(224)
      .default(127)
      .describe('Wanted mean of the picture, 0 to 255.'),
    minUs: z.int().min(1).max(4_194_303).default(20).describe('Shortest exposure tried.'),
    maxUs: z.int().min(1).max(4_194_303).default(40_000).describe('Longest exposure tried.'),
  })
  .describe('Exposure of the pictures.')

const plain = (text: string) => z.strictObject({}).describe(text)

const zone = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9_-]{1,32}$/, 'use lower-case letters, digits, _ and -')
      .describe('Names the zone in messages.'),
    mode: z
      .enum(['include', 'exclude', 'count'])
      .describe(
        'include: only what happens inside is seen; exclude: what happens inside is not seen; count: tracks are counted.',
      ),
    polygon: z
      .array(z.tuple([z.number(), z.number()]))
      .min(3)
      .max(64)
      .describe('Corners [x, y] in sensor pixels, closed by itself.'),
  })
  .superRefine((each, context) => {
    const problem = zoneProblem(each.polygon as readonly PointOnSensor[])
    if (problem !== undefined)
      context.addIssue({ code: 'custom', path: ['polygon'], message: problem })
  })

const zones = z
  .strictObject({
    zones: z
      .array(zone)
      .max(64)
      .default([])
      .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, {
        message: 'two zones have the same name',
      })
      .describe('The zones, for example from --input zones.json.'),
  })
  .describe('Parts of the picture to watch, to ignore or to count in.')

/** One table for each kind, named as the kind in camelCase. */
export const calibrationSchema = z.strictObject({
  use: z
    .boolean()
    .default(true)
    .describe("Run with the camera's active calibrations; off: with the configuration alone."),
  nightlyHotPixels: z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'write a time of day as 03:00')
    .optional()
    .describe(
      'Local time at which a running daemon looks for new hot pixels each night, unattended: it adds to the active mask and never takes from it; without it never.',
    ),
  hotPixels: hotPixels.prefault({}),
  biases: biases.prefault({}),
  noise: noise.prefault({}),
  exposure: exposure.prefault({}),
  focus: plain('Nothing to choose.').prefault({}),
  lens: lensSchema.prefault({}),
  imu: plain('Nothing to choose.').prefault({}),
  time: plain('Nothing to choose.').prefault({}),
  ground: groundSchema.prefault({}),
  zones: zones.prefault({}),
})
export type CalibrationOptions = z.infer<typeof calibrationSchema>
export type HotPixelsOptions = CalibrationOptions['hotPixels']
export type BiasesOptions = CalibrationOptions['biases']
export type NoiseOptions = CalibrationOptions['noise']
export type ExposureOptions = CalibrationOptions['exposure']
export type ZonesOptions = CalibrationOptions['zones']
export type Zone = ZonesOptions['zones'][number]
