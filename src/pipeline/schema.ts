import { z } from 'zod'
import { MAX_FILTER_US, MAX_HOPS } from './limits.js'

const pixel = z.tuple([z.int().min(0), z.int().min(0)])
const point = z.tuple([z.number(), z.number()])

const regionSchema = z
  .strictObject({
    mode: z
      .enum(['include', 'exclude'])
      .describe(
        'include: only events inside any included region pass; exclude: events inside are dropped.',
      ),
    box: z
      .tuple([z.number(), z.number(), z.number().positive(), z.number().positive()])
      .optional()
      .describe('Left, top, width, height in sensor pixels.'),
    polygon: z
      .array(point)
      .min(3)
      .max(256)
      .optional()
      .describe('Corners [x, y] in sensor pixels; even-odd rule, closed by itself.'),
  })
  .refine((region) => (region.box === undefined) !== (region.polygon === undefined), {
    message: 'a region has either a box or a polygon',
  })

/** Event filters, applied in this order: regions and hot pixels, refractory, background activity. */
export const filtersSchema = z.strictObject({
  hotPixels: z
    .array(pixel)
    .max(100_000)
    .default([])
    .describe('Pixels [x, y] whose events are always dropped.'),
  regions: z
    .array(regionSchema)
    .max(64)
    .default([])
    .describe('Parts of the sensor to watch or to ignore; none: the whole sensor is watched.'),
  refractoryUs: z
    .int()
    .min(0)
    .max(MAX_FILTER_US)
    .default(0)
    .describe('Drop an event that follows another of the same pixel by less than this; 0: off.'),
  backgroundActivityUs: z
    .int()
    .min(0)
    .max(MAX_FILTER_US)
    .default(5000)
    .describe(
      'Keep an event only if neighbouring pixels fired less than this long before it; 0: off.',
    ),
  backgroundActivitySupport: z
    .int()
    .min(1)
    .max(8)
    .default(1)
    .describe('How many of the eight neighbours must have fired.'),
})
export type FiltersConfig = z.infer<typeof filtersSchema>
export type Region = z.infer<typeof regionSchema>

/** How events become frames. A window is cut by time, or by event count when `windowEvents` is not 0. */
export const aggregationSchema = z
  .strictObject({
    windowUs: z
      .int()
      .min(100)
      .max(10_000_000)
      .default(30_000)
      .describe('Length of a window in microseconds of device time.'),
    hopUs: z
      .int()
      .min(100)
      .max(10_000_000)
      .default(10_000)
      .describe('Time between the ends of two windows; must divide windowUs.'),
    windowEvents: z
      .int()
      .min(0)
      .max(100_000_000)
      .default(0)
      .describe('Events in a window; 0: windows are cut by time.'),
    hopEvents: z
      .int()
      .min(0)
      .max(100_000_000)
      .default(0)
      .describe('Events between the ends of two windows; must divide windowEvents; 0: no overlap.'),
    amount: z
      .int()
      .min(1)
      .max(255)
      .default(30)
      .describe('Added to a pixel for each event, and to its trajectory for each onset.'),
    decay: z
      .number()
      .min(0)
      .max(1)
      .default(0.8)
      .describe('What remains of the trajectory from one window to the next.'),
  })
  .superRefine((config, context) => {
    const check = (key: 'hopUs' | 'hopEvents', hop: number, window: number) => {
      const windowKey = key === 'hopUs' ? 'windowUs' : 'windowEvents'
      if (hop > window || window % hop !== 0 || window / hop > MAX_HOPS)
        context.addIssue({
          code: 'custom',
          path: [key],
          message: `${key} must divide ${windowKey} (${window}) into at most ${MAX_HOPS} parts`,
        })
    }
    if (config.windowEvents > 0) {
      if (config.hopEvents > 0) check('hopEvents', config.hopEvents, config.windowEvents)
    } else check('hopUs', config.hopUs, config.windowUs)
  })
export type AggregationConfig = z.infer<typeof aggregationSchema>
