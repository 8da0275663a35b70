import { z } from 'zod'

const milliseconds = z.number().min(1).max(10_000)

/** How an event cluster follows its events. Times are device time. */
export const clusterSchema = z.strictObject({
  gateFactor: z
    .number()
    .min(1)
    .max(3)
    .default(1.4)
    .describe('Events within this many times the box may belong to it; those just around do not.'),
  searchFactor: z
    .number()
    .min(1)
    .max(8)
    .default(4)
    .describe('Side of the region in which a lost cluster is looked for, over its size.'),
  pull: z
    .number()
    .min(0.01)
    .max(1)
    .default(0.6)
    .describe('Share of the way to the centre of its events that a cluster moves each window.'),
  massMs: milliseconds
    .default(30)
    .describe('Time in which the mass of a cluster decays to 37 % without events.'),
  pathMs: milliseconds
    .default(120)
    .describe('Length of the path whose straight line is the velocity.'),
  sizeMs: milliseconds
    .default(250)
    .describe('Time in which 63 % of a change of the spread of its events is taken as its size.'),
  aspectMs: milliseconds.default(1000).describe('The same for its shape: width over height.'),
})
export type ClusterConfig = z.infer<typeof clusterSchema>
