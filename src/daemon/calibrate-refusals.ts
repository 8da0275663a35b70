import type { KindName } from '../calibration/kind.js'
import { ERROR_CODES, type ErrorCode, EvtrackError } from '../events/errors.js'

export function noSerial(): EvtrackError {
  return new EvtrackError('CALIBRATION_FAILED', 'It is not known which camera this is for.', {
    next: 'Give its serial number: --serial 00000489 (`evtrackd devices` shows it).',
  })
}

export function interrupted(): EvtrackError {
  return new EvtrackError(
    'CALIBRATION_FAILED',
    'Stopped before it was done; nothing has changed.',
    {
      next: 'Run it again.',
      data: { reason: 'interrupted' },
    },
  )
}

/** A recording shorter than this says nothing. */
const SHORTEST_S = 1

/** Throws CALIBRATION_FAILED for a recording that is too short for anything. */
export function checkLength(seconds: number, wanted: number): void {
  if (seconds >= SHORTEST_S) return
  throw new EvtrackError('CALIBRATION_FAILED', `The recording lasts ${seconds.toFixed(2)} s.`, {
    next: `Record at least ${wanted} s and run again.`,
  })
}

/** Throws CALIBRATION_INVALID when the recording and the user name different cameras. */
export function checkSerials(named: string | undefined, recorded: string | undefined): void {
  if (named === undefined || recorded === undefined || named === recorded) return
  throw new EvtrackError(
    'CALIBRATION_INVALID',
    `The recording is from the camera ${recorded}, not from ${named}.`,
    { next: 'Leave --serial out, or take a recording of that camera.' },
  )
}

/** What ended a calibration, as an error that a user can act upon. */
export function broken(cause: unknown): EvtrackError {
  if (cause instanceof EvtrackError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new EvtrackError('CALIBRATION_FAILED', `The calibration broke off: ${reason}.`, {
    next: 'Run it again; if it happens again, report it with the log of evtrackd.',
    cause,
  })
}

export function notTaken(cause: unknown): EvtrackError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new EvtrackError('CAMERA_LOST', `The camera did not take its settings: ${reason}`, {
    next: 'Look at cable and power, then run again.',
    cause,
  })
}

export function busy(kind: KindName): EvtrackError {
  return new EvtrackError('CALIBRATION_BUSY', `The calibration ${kind} is under way.`, {
    next: 'Wait until it has ended, or cancel it with calibrate/cancel.',
    data: { kind },
  })
}

export function stopping(): EvtrackError {
  return new EvtrackError('CALIBRATION_FAILED', 'evtrackd is stopping.', {
    next: 'Ask again when it runs.',
  })
}

export function noCamera(source: string): EvtrackError {
  return new EvtrackError(
    'CALIBRATION_FAILED',
    `evtrackd runs on a ${source}, which has no settings to measure.`,
    { next: 'Run it on a camera, or `evtrackd calibrate KIND --from FILE` on a recording.' },
  )
}

export function notStreaming(code: string | undefined, reason: string): EvtrackError {
  const known = ERROR_CODES.find((each): each is ErrorCode => each === code)
  return new EvtrackError(known ?? 'CAMERA_LOST', `The camera does not stream: ${reason}.`, {
    next: 'Look at `evtrackd status` and `evtrackd doctor`, then run again.',
  })
}
