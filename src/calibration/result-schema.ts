import { z } from 'zod'
import { KIND_NAMES, VERDICTS } from './kind.js'

/** Version of the file. A reader refuses newer ones; new optional keys do not raise it. */
export const RESULT_VERSION = 1

const rowSchema = z.object({
  name: z.string().describe('What was measured.'),
  value: z.number().nullable().describe('Null where it could not be measured.'),
  unit: z.string().describe('Unit of the value.'),
  limit: z.string().describe('What it is held against, in words; empty for a row that informs.'),
  verdict: z.enum(VERDICTS).describe('Of this row.'),
  note: z.string().optional().describe('What it means and what to do.'),
})

/** A calibration result as it lies in the state directory. */
export const resultSchema = z
  .object({
    schema: z.literal(RESULT_VERSION).describe('Version of this file.'),
    id: z.string().describe('<kind>-<UTC time>; also the name of the file.'),
    kind: z.enum(KIND_NAMES).describe('What was calibrated.'),
    dataVersion: z.int().min(1).describe('Version of `data` for this kind.'),
    serial: z.string().describe('The camera it belongs to.'),
    verdict: z.enum(VERDICTS).describe('The worst of the rows.'),
    at: z.string().describe('When it began, UTC.'),
    seconds: z.number().min(0).describe('Device time measured.'),
    source: z.string().describe('camera, emulator, or the name of a recording.'),
    evtrackd: z.string().describe('Version of the program that made it.'),
    rows: z.array(rowSchema).describe('The numbers behind the verdict.'),
    data: z.record(z.string(), z.unknown()).describe('What was found.'),
    settings: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('What becomes active; see settings.ts.'),
    pictures: z
      .array(z.object({ file: z.string(), title: z.string() }))
      .describe('Pictures, in the folder named as the id.'),
    exports: z.array(z.string()).describe('Files for other tools, in the folder named as the id.'),
  })
  .describe('Result of a calibration.')

/** Which results are in use, newest last: what is before the last is what a rollback returns to. */
export const activeSchema = z
  .object({
    schema: z.literal(RESULT_VERSION).describe('Version of this file.'),
    serial: z.string().describe('The camera.'),
    active: z
      .partialRecord(z.enum(KIND_NAMES), z.array(z.string()).max(64))
      .describe('Ids of results by kind.'),
  })
  .describe('Active calibrations of one camera.')

export type ResultFile = z.infer<typeof resultSchema>
export type ActiveFile = z.infer<typeof activeSchema>
