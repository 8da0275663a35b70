import { z } from 'zod'

const point = z
  .strictObject({
    name: z.string().min(1).max(32).optional().describe('Names the point in messages.'),
    pixel: z
      .tuple([z.number(), z.number()])
      .describe('[x, y] in sensor pixels from the upper-left edge, as boxes are published.'),
    metres: z
      .tuple([z.number(), z.number()])
      .describe('[x, y] on the ground, metres from an origin of your choice.'),
  })
  .describe('One surveyed point.')

export const groundSchema = z
  .strictObject({
    points: z
      .array(point)
      .max(64)
      .default([])
      .describe('Surveyed points, four at least, for example from --input points.json.'),
    pixelSigma: z
      .number()
      .min(0.05)
      .max(20)
      .default(1)
      .describe('How well the points were marked in the picture, standard deviation in pixels.'),
    metreSigma: z
      .number()
      .min(0)
      .max(10)
      .default(0.02)
      .describe('How well the points were surveyed, standard deviation in metres.'),
    trackSigma: z
      .number()
      .min(0.05)
      .max(50)
      .default(2)
      .describe(
        'How well a track is placed, standard deviation in pixels; part of the errors that are published.',
      ),
    speedSigma: z
      .number()
      .min(0)
      .max(500)
      .default(10)
      .describe(
        'How well the velocity of a track is known, standard deviation in pixels a second; part of the errors that are published.',
      ),
    anchor: z
      .enum(['bottom', 'center'])
      .default('bottom')
      .describe('Which point of a box touches the ground: bottom, the middle of its lower edge.'),
  })
  .describe('Where pixels lie on the ground.')
export type GroundOptions = z.infer<typeof groundSchema>
export type SurveyedPoint = GroundOptions['points'][number]
