import { EvtrackError } from '../events/errors.js'

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
