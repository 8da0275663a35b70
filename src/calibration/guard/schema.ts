import { z } from 'zod'

/** The table [guard]. */
export const guardSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        'While too many events come, make the camera send fewer: refractory filter, then thresholds, then skipping.',
      ),
    maxEventsPerSecond: z
      .int()
      .min(10_000)
      .max(12_000_000)
      .default(8_000_000)
      .describe('Above this the guard steps in; below seven tenths of it, it steps back.'),
    calmSeconds: z
      .number()
      .min(1)
      .max(3600)
      .default(5)
      .describe('How long it must have been calm before the guard steps back, seconds.'),
  })
  .describe('Event-rate guard of a camera in service.')

export type GuardOptions = z.infer<typeof guardSchema>
