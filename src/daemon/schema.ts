import { z } from 'zod'
import { guardSchema } from '../calibration/guard/schema.js'
import { calibrationSchema } from '../calibration/schema.js'
import { presetFileSchema } from '../davis346/schema.js'
import { inferenceSchema } from '../inference/backends/schema.js'
import { aggregationSchema, filtersSchema } from '../pipeline/schema.js'
import { mqttSchema } from '../publish/config-schema.js'
import { trackingSchema } from '../tracking/schema.js'
import { viewSchema } from '../view/schema.js'
import { mapKeys, snakeKey, snakeWords } from './config-keys.js'
import { LOG_LEVELS } from './log.js'

/** The configuration file, put together from the slices of the floors below. */

const sourceSchema = z
  .strictObject({
    kind: z
      .enum(['camera', 'emulator', 'scene', 'recording'])
      .default('camera')
      .describe(
        'camera: a DAVIS346 on USB; emulator: an emulated DAVIS346 watching a scene; scene: simulated events without a camera; recording: an AEDAT4 file.',
      ),
    file: z.string().min(1).optional().describe('The recording, for kind "recording".'),
    pace: z
      .enum(['real', 'fast'])
      .default('real')
      .describe('Recordings and scenes: at their own speed, or as fast as they can be read.'),
    scene: z
      .string()
      .min(1)
      .default('demo')
      .describe('Name of the scene, for kinds "emulator" and "scene".'),
    seed: z.int().min(0).default(1).describe('Seed of the scene.'),
  })
  .refine((source) => source.kind !== 'recording' || source.file !== undefined, {
    path: ['file'],
    message: 'kind "recording" needs a file',
  })

const cameraSchema = z.strictObject({
  serial: z
    .string()
    .max(8)
    .optional()
    .describe('Serial number of the camera to use; without it the first that is found.'),
  preset: z
    .string()
    .min(1)
    .default('default')
    .describe('Name of a preset in firmware-config/davis346, or the path of a preset file.'),
  biases: presetFileSchema.shape.biases
    .unwrap()
    .prefault({})
    .describe('Biases in place of those of the preset, each stated whole.'),
  transferBytes: z
    .int()
    .min(1024)
    .max(1_048_576)
    .refine((bytes) => bytes % 1024 === 0, { message: 'expected a multiple of 1024' })
    .default(65_536)
    .describe('Size of one USB transfer.'),
  transferCount: z
    .int()
    .min(2)
    .max(256)
    .default(16)
    .describe('USB transfers in flight; the product with transfer_bytes must fit usbfs_memory_mb.'),
})

const modelSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .default('evt-compact')
    .describe('Name of a model package in models/, or the path of a package directory.'),
  graph: z
    .enum(['int8', 'fp32'])
    .default('int8')
    .describe('Which graph of the package runs; both give the same answer.'),
  threads: z
    .int()
    .min(1)
    .max(16)
    .default(1)
    .describe('Threads of one inference; worth it for packages larger than the default one.'),
  lanes: z
    .int()
    .min(0)
    .max(16)
    .default(0)
    .describe(
      'Threads that share the targets of a window; 0 leaves two cores to capture and MQTT and takes up to four of the others, at least one.',
    ),
})

/** One of several cameras; what it does not state holds for all of them. */
const oneOfCamerasSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'use lower-case letters, digits and dashes only')
    .max(32)
    .describe('Names the camera; its MQTT device is <device_name>-<id>.'),
  serial: z.string().max(8).optional().describe('Its serial number.'),
  preset: z.string().min(1).optional().describe('Its preset.'),
  filters: filtersSchema.optional().describe('Its filters, key by key over [filters].'),
})

const recordingSchema = z.strictObject({
  minFreeBytes: z
    .int()
    .min(0)
    .default(1_073_741_824)
    .describe('Space that a recording leaves free on its file system, bytes.'),
  maxBytes: z
    .int()
    .min(1_048_576)
    .default(10_737_418_240)
    .describe('Size at which a recording ends by itself, bytes.'),
})

const metricsSchema = z.strictObject({
  port: z
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe('TCP port of http://…/metrics for Prometheus; 0: off.'),
  host: z
    .enum(['127.0.0.1', '::1'])
    .default('127.0.0.1')
    .describe('Address of this machine; figures are for those who may log in here.'),
})

export const configSchema = z
  .strictObject({
    source: sourceSchema.prefault({}).describe('Where events come from.'),
    camera: cameraSchema.prefault({}).describe('Which camera, and how it is set.'),
    cameras: z
      .array(oneOfCamerasSchema)
      .max(8)
      .default([])
      .describe('Several cameras in one daemon, each with its own threads; none: the one above.')
      .refine((all) => new Set(all.map(({ id }) => id)).size === all.length, {
        message: 'two cameras have the same id',
      }),
    guard: guardSchema.prefault({}),
    filters: filtersSchema.prefault({}).describe('Event filters.'),
    aggregation: aggregationSchema.prefault({}).describe('How events become frames.'),
    model: modelSchema.prefault({}).describe('The tracker network.'),
    inference: inferenceSchema.prefault({}),
    tracking: trackingSchema.prefault({}).describe('Targets and their lives.'),
    mqtt: mqttSchema.prefault({}),
    recording: recordingSchema.prefault({}).describe('Recordings made by command.'),
    calibration: calibrationSchema.prefault({}).describe('What calibrations go by.'),
    view: viewSchema.prefault({}),
    metrics: metricsSchema.prefault({}).describe('Figures for Prometheus.'),
    poolSlots: z
      .int()
      .min(3)
      .max(64)
      .default(6)
      .describe('Frames between capture and inference; when all are taken the oldest is dropped.'),
    stateDir: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Directory for the spool and identities; default: $STATE_DIRECTORY (systemd), /var/lib/evtrackd for the user evtrackd, else ~/.local/state/evtrackd.',
      ),
    logLevel: z.enum(LOG_LEVELS).default('info').describe('Least important level that is logged.'),
  })
  .refine(
    ({ cameras, source }) =>
      source.kind !== 'camera' ||
      cameras.length < 2 ||
      new Set(cameras.flatMap(({ serial }) => serial ?? [])).size === cameras.length,
    { path: ['cameras'], message: 'several cameras need a serial each, all different' },
  )
  .describe('Configuration of evtrackd.')

export type Config = z.infer<typeof configSchema>

let cached: unknown

/** JSON Schema of the configuration with camelCase keys, as the code sees it. */
export function configJsonSchema(): unknown {
  cached ??= z.toJSONSchema(configSchema, { io: 'input' })
  return cached
}

/** JSON Schema of the configuration file: the same with snake_case keys. */
export function configFileSchema(): unknown {
  const rename = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(rename)
    if (node === null || typeof node !== 'object') return node
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) => {
        if (key === 'properties' || key === '$defs') {
          const entries = Object.entries(value as Record<string, unknown>)
          const convert = key === 'properties' ? snakeKey : (k: string) => k
          return [key, Object.fromEntries(entries.map(([k, v]) => [convert(k), rename(v)]))]
        }
        if (key === 'required') return [key, (value as string[]).map(snakeKey)]
        if (key === 'description') return [key, snakeWords(String(value))]
        if (key === 'default') return [key, mapKeys(value, snakeKey)]
        return [key, rename(value)]
      }),
    )
  }
  return rename(configJsonSchema())
}
