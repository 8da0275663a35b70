import { z } from 'zod'
import { EvtrackError } from '../../events/errors.js'
import {
  CAMERA_DEFAULTS,
  LIGHT_DEFAULTS,
  PIXEL_DEFAULTS,
  SCALE_DEFAULTS,
  SIZE_DEFAULTS,
  SPIN_DEFAULTS,
  STEP_DEFAULTS,
  TEXTURE_DEFAULTS,
  THING_DEFAULTS,
} from './defaults.js'

const number = (describe: string) => z.number().describe(describe)
const positive = (describe: string, max = 1e9) => z.number().positive().max(max).describe(describe)
const least0 = (describe: string, max = 1e9) => z.number().min(0).max(max).describe(describe)
const seed = (describe: string) => z.int().min(0).describe(describe)

export const textureSchema = z.strictObject({
  kind: z
    .enum(['plain', 'leaves', 'fractal', 'stripes', 'checks', 'flat', 'glyphs', 'picture'])
    .describe(
      'plain: one tone; leaves: overlapping shapes of all sizes; fractal: cloudy noise; stripes, checks; flat: large even regions with edges; glyphs: strokes like writing; picture: a picture handed to createScene',
    ),
  picture: z.string().optional().describe('Name of the picture; only for kind "picture"'),
  seed: seed('Chooses one texture of its kind').default(TEXTURE_DEFAULTS.seed),
  featurePx: positive('Typical size of a detail in pixels').default(TEXTURE_DEFAULTS.featurePx),
  contrast: least0('Standard deviation of the log intensity').default(TEXTURE_DEFAULTS.contrast),
  brightness: positive('Mean reflectance, 1 is white').default(TEXTURE_DEFAULTS.brightness),
})

export const shapeSchema = z.strictObject({
  kind: z
    .enum(['ellipse', 'box', 'polygon', 'blob', 'car', 'person', 'bars', 'cutout'])
    .describe('Silhouette; "bars" is a fence with gaps, "cutout" the alpha of a picture'),
  seed: seed('Chooses the corners, lobes or proportions').default(0),
  picture: z.string().optional().describe('Name of the picture; only for kind "cutout"'),
  gaitMs: positive('Time of one double step of a person, milliseconds').default(900),
})

const still = z.strictObject({ kind: z.literal('still'), x: number('px'), y: number('px') })
const line = z.strictObject({
  kind: z.literal('line'),
  x: number('Position of the centre at time 0, px'),
  y: number('Position of the centre at time 0, px'),
  vx: number('px/s'),
  vy: number('px/s'),
  edge: z
    .enum(['reenter', 'bounce'])
    .default('reenter')
    .describe('At the sensor edge: leave and come back from the other side, or turn around'),
})
const sway = z.strictObject({
  kind: z.literal('sway'),
  x: number('Middle of the path, px'),
  y: number('Middle of the path, px'),
  ax: number('Amplitude, px'),
  ay: number('Amplitude, px'),
  periodXMs: positive('Period of x, milliseconds'),
  periodYMs: positive('Period of y, milliseconds'),
  phaseX: number('Phase of x at time 0, radians').default(0),
  phaseY: number('Phase of y at time 0, radians').default(0),
})
const curve = z.strictObject({
  kind: z.literal('curve'),
  points: z
    .array(z.strictObject({ x: number('px'), y: number('px') }))
    .min(3)
    .describe('Corners of a closed smooth curve'),
  periodMs: positive('Time of one lap, milliseconds'),
})
const stops = z.strictObject({
  kind: z.literal('stops'),
  points: z
    .array(
      z.strictObject({
        x: number('px'),
        y: number('px'),
        moveMs: positive('Time to get here from the point before, milliseconds'),
        stopMs: least0('Rest here, milliseconds').default(0),
      }),
    )
    .min(2)
    .describe('Visited in turn for ever; speeds up and slows down between them'),
})
export const pathSchema = z
  .discriminatedUnion('kind', [still, line, sway, curve, stops])
  .describe('Where the centre is at each time; every path goes on for ever')

export const spinSchema = z.strictObject({
  angle: number('Rotation at time 0, radians').default(SPIN_DEFAULTS.angle),
  perSecond: number('Steady rotation, radians/s').default(SPIN_DEFAULTS.perSecond),
  swing: number('Amplitude of a swing to and fro, radians').default(SPIN_DEFAULTS.swing),
  swingMs: positive('Period of the swing, milliseconds').default(SPIN_DEFAULTS.swingMs),
  phase: number('Phase of the swing at time 0, radians').default(SPIN_DEFAULTS.phase),
})

export const scaleSchema = z.strictObject({
  amplitude: least0('The size goes from 1/e^a to e^a times its own', 3).default(
    SCALE_DEFAULTS.amplitude,
  ),
  periodMs: positive('Milliseconds').default(SCALE_DEFAULTS.periodMs),
  phase: number('Phase at time 0, radians').default(SCALE_DEFAULTS.phase),
})

export const thingSchema = z.strictObject({
  id: z.int().min(0).describe('Identity in the ground truth'),
  role: z
    .enum(['target', 'distractor', 'occluder'])
    .describe('Only targets are in the ground truth; all things look and hide the same way'),
  depth: number('Things of higher depth are nearer and hide the others').default(
    THING_DEFAULTS.depth,
  ),
  shape: shapeSchema,
  width: positive('Width of the silhouette at scale 1, px', 4096),
  height: positive('Height of the silhouette at scale 1, px', 4096),
  edgePx: positive('Softness of the silhouette, px', 64).default(THING_DEFAULTS.edgePx),
  texture: textureSchema,
  path: pathSchema,
  spin: spinSchema.prefault({}),
  scale: scaleSchema.prefault({}),
  anchor: z
    .enum(['sensor', 'world'])
    .default(THING_DEFAULTS.anchor)
    .describe(
      'world: camera motion moves it as it moves the background; sensor: the camera follows it',
    ),
})

export const sceneSchema = z.strictObject({
  name: z.string().default('scene').describe('Shown in logs and recordings'),
  seed: seed('Of noise, mismatch and hot pixels').default(1),
  size: z
    .strictObject({
      width: z.int().min(8).max(4096).default(SIZE_DEFAULTS.width).describe('px'),
      height: z.int().min(8).max(4096).default(SIZE_DEFAULTS.height).describe('px'),
    })
    .prefault({}),
  step: z
    .strictObject({
      maxUs: z.int().min(10).max(20000).default(STEP_DEFAULTS.maxUs).describe('Longest step, us'),
      minUs: z.int().min(10).max(20000).default(STEP_DEFAULTS.minUs).describe('Shortest step, us'),
      maxMovePx: positive('A step is shortened until nothing moves further than this').default(
        STEP_DEFAULTS.maxMovePx,
      ),
    })
    .prefault({}),
  pixel: z
    .strictObject({
      onThreshold: positive('Log-intensity step of an ON event').default(
        PIXEL_DEFAULTS.onThreshold,
      ),
      offThreshold: positive('Log-intensity step of an OFF event').default(
        PIXEL_DEFAULTS.offThreshold,
      ),
      mismatch: least0('Standard deviation of the thresholds over pixels, as a share').default(
        PIXEL_DEFAULTS.mismatch,
      ),
      refractoryUs: z
        .int()
        .min(0)
        .default(PIXEL_DEFAULTS.refractoryUs)
        .describe('A pixel is held in reset this long after an event, us'),
      leakHz: least0('ON events a second of a pixel that sees nothing change', 1000).default(
        PIXEL_DEFAULTS.leakHz,
      ),
      shotNoiseHz: least0(
        'Noise events a second of a dark pixel; a white one has a quarter',
        1000,
      ).default(PIXEL_DEFAULTS.shotNoiseHz),
      hotPixels: z.int().min(0).max(100_000).default(PIXEL_DEFAULTS.hotPixels).describe('How many'),
      hotPixelHz: least0('Median rate of a hot pixel, events a second', 1e5).default(
        PIXEL_DEFAULTS.hotPixelHz,
      ),
      readoutPerSecond: least0(
        'Events a second that the readout can pass, later ones wait; 0: no limit',
      ).default(PIXEL_DEFAULTS.readoutPerSecond),
    })
    .prefault({}),
  light: z
    .strictObject({
      illumination: positive('1 is a bright room').default(LIGHT_DEFAULTS.illumination),
      dark: least0('Photodiode dark current as intensity: flattens contrast in low light').default(
        LIGHT_DEFAULTS.dark,
      ),
      flickerHz: least0('Frequency of lamps, Hz; 0: none', 5000).default(LIGHT_DEFAULTS.flickerHz),
      flickerDepth: least0('Amplitude of the flicker in log intensity').default(
        LIGHT_DEFAULTS.flickerDepth,
      ),
    })
    .prefault({}),
  background: textureSchema,
  camera: z
    .strictObject({
      vx: number('Steady pan, px/s').default(CAMERA_DEFAULTS.vx),
      vy: number('Steady tilt, px/s').default(CAMERA_DEFAULTS.vy),
      shakePx: least0('Amplitude of a hand-held shake, px').default(CAMERA_DEFAULTS.shakePx),
      shakeHz: positive('Dominant frequency of the shake, Hz').default(CAMERA_DEFAULTS.shakeHz),
      roll: least0('Amplitude of the slow roll, radians').default(CAMERA_DEFAULTS.roll),
      zoom: least0('Amplitude of the slow zoom, in log scale', 2).default(CAMERA_DEFAULTS.zoom),
      swayMs: positive('Period of roll and zoom, milliseconds').default(CAMERA_DEFAULTS.swayMs),
    })
    .prefault({}),
  things: z.array(thingSchema).default([]),
})

export type TextureConfig = z.infer<typeof textureSchema>
export type ShapeConfig = z.infer<typeof shapeSchema>
export type PathConfig = z.infer<typeof pathSchema>
export type SpinConfig = z.infer<typeof spinSchema>
export type ScaleConfig = z.infer<typeof scaleSchema>
export type ThingConfig = z.infer<typeof thingSchema>
export type SceneConfig = z.infer<typeof sceneSchema>
export type CameraMotion = SceneConfig['camera']
export type PixelConfig = SceneConfig['pixel']
export type LightConfig = SceneConfig['light']

/** Fills in defaults. Throws CONFIG_INVALID naming the first wrong key. */
export function parseScene(input: unknown): SceneConfig {
  const result = sceneSchema.safeParse(input)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const key = issue.path.join('.') || 'scene'
  throw new EvtrackError('CONFIG_INVALID', `The scene is wrong at ${key}: ${issue.message}.`, {
    next: 'Correct this key of the scene description.',
    data: { key },
  })
}
