import { z } from 'zod'
import { aggregationSchema, filtersSchema } from '../pipeline/schema.js'
import { mqttSchema } from '../publish/config-schema.js'
import { trackingSchema } from '../tracking/schema.js'
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
  threads: z.int().min(1).max(16).default(1).describe('Threads of one inference.'),
})

export const configSchema = z
  .strictObject({
    source: sourceSchema.prefault({}).describe('Where events come from.'),
    camera: cameraSchema.prefault({}).describe('Which camera, and how it is set.'),
    filters: filtersSchema.prefault({}).describe('Event filters.'),
    aggregation: aggregationSchema.prefault({}).describe('How events become frames.'),
    model: modelSchema.prefault({}).describe('The tracker network.'),
    tracking: trackingSchema.prefault({}).describe('Targets and their lives.'),
    mqtt: mqttSchema.prefault({}),
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
        'Directory for the spool and identities; default: $STATE_DIRECTORY (systemd), else ~/.local/state/evtrackd.',
      ),
    logLevel: z.enum(LOG_LEVELS).default('info').describe('Least important level that is logged.'),
  })
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
