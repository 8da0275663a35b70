import { z } from 'zod'
import { ERROR_CODES } from '../events/errors.js'

/** The part of the MQTT contract that is about calibrations of a running daemon. */

const VERDICTS = ['PASS', 'WARN', 'FAIL'] as const

const rowSchema = z.object({
  name: z.string().describe('What was measured, in plain words.'),
  value: z.number().nullable().describe('Null where it could not be measured.'),
  unit: z.string().describe('Unit of the value; empty for a bare number.'),
  limit: z.string().describe('What it is held against, in words; empty for one that informs.'),
  verdict: z.enum(VERDICTS).describe('Of this number.'),
  note: z.string().optional().describe('What it means and what to do about it.'),
})

export const calibrationStateSchema = z
  .object({
    state: z
      .enum(['idle', 'running', 'done', 'failed', 'cancelled', 'skipped'])
      .describe(
        'idle: none since the start; running; done: judged, see `result`; failed: nothing could be measured, see `error`; ' +
          'cancelled: by request, or because the daemon stopped; skipped: a scheduled one that did not fit.',
      ),
    at: z
      .number()
      .int()
      .min(0)
      .describe('When this was written: host wall clock, microseconds since 1970-01-01 UTC.'),
    id: z.string().optional().describe('Names this run; absent for idle.'),
    kind: z.string().optional().describe('What is calibrated, for example hot-pixels.'),
    origin: z
      .enum(['mqtt', 'socket', 'schedule'])
      .optional()
      .describe('Who asked: a request, the command line of the device, or its own schedule.'),
    ask: z.string().optional().describe('While it runs: what the person at the camera does.'),
    progress: z
      .object({
        share: z.number().min(0).max(1).describe('How far it has come, 0 to 1.'),
        seconds: z.number().min(0).describe('Device time measured so far, seconds.'),
        text: z.string().describe('One short line of now.'),
        figures: z.record(z.string(), z.number()).describe('Numbers of now by name.'),
      })
      .optional()
      .describe('How it goes; twice a second at most.'),
    result: z
      .object({
        verdict: z.enum(VERDICTS).describe('The worst of the rows.'),
        activated: z.boolean().describe('Whether the device goes by it now. Never after FAIL.'),
        id: z.string().nullable().describe('Under which it is kept; null when it is not.'),
        serial: z.string().nullable().describe('Serial number of the camera.'),
        seconds: z.number().min(0).describe('Device time measured, seconds.'),
        rows: z.array(rowSchema).describe('The numbers behind the verdict.'),
      })
      .optional()
      .describe('What came of it.'),
    error: z
      .object({
        code: z.enum(ERROR_CODES).describe('Stable; for programs.'),
        message: z.string().describe('One plain sentence; for people.'),
        next: z.string().describe('What to do.'),
      })
      .optional()
      .describe('Why it came to nothing; the camera has its settings back.'),
  })
  .describe(
    'How the newest calibration of the camera stands. Retained; the newest replaces what was not delivered.',
  )
export type CalibrationPayload = z.infer<typeof calibrationStateSchema>
