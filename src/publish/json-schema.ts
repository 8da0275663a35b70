import { z } from 'zod'
import { calibrationStateSchema } from './calibration-schema.js'
import { healthSchema } from './health-schema.js'
import {
  calibrateCancelSchema,
  calibrateStartSchema,
  configureSchema,
  plainRequestSchema,
  recordStartSchema,
  responseSchema,
  targetStartSchema,
  targetStopSchema,
} from './request-schema.js'
import { cameraStatusSchema, infoSchema, SCHEMA_VERSION, statusSchema } from './schema.js'
import { trackEventSchema, tracksSchema } from './tracks-schema.js'

export type JsonSchema = Readonly<Record<string, unknown>>

/** The payload schemas by the name of their file. */
export const PAYLOADS = {
  status: statusSchema,
  info: infoSchema,
  health: healthSchema,
  'camera-status': cameraStatusSchema,
  tracks: tracksSchema,
  'track-event': trackEventSchema,
  calibration: calibrationStateSchema,
  'request-target-start': targetStartSchema,
  'request-target-stop': targetStopSchema,
  'request-camera-configure': configureSchema,
  'request-calibrate-start': calibrateStartSchema,
  'request-calibrate-cancel': calibrateCancelSchema,
  'request-record-start': recordStartSchema,
  'request-plain': plainRequestSchema,
  response: responseSchema,
} as const
export type PayloadName = keyof typeof PAYLOADS

/**
 * JSON Schemas (draft 2020-12) of every payload. Published payloads allow keys that are not listed, because version 1
 * may gain some; requests do not, so that a misspelt key is an error.
 */
export function jsonSchemas(): Readonly<Record<PayloadName, JsonSchema>> {
  const entries = Object.entries(PAYLOADS).map(([name, schema]) => [
    name,
    {
      ...z.toJSONSchema(schema, { io: 'input' }),
      $id: `urn:evtrackd:mqtt:v${SCHEMA_VERSION}:${name}`,
      title: name,
    },
  ])
  return Object.fromEntries(entries) as Record<PayloadName, JsonSchema>
}
