/** Stable codes that operators search logs for. Each has a row in the README's troubleshooting table. */
export const ERROR_CODES = [
  'CONFIG_INVALID',
  'CAMERA_NOT_FOUND',
  'CAMERA_BUSY',
  'CAMERA_LOST',
  'FIRMWARE_UNSUPPORTED',
  'USB_SHORT_TRANSFER',
  'MODEL_INVALID',
  'MODEL_UNSUPPORTED',
  'MODEL_REVERTED',
  'BACKEND_UNAVAILABLE',
  'BROKER_UNREACHABLE',
  'RECORDING_CORRUPT',
  'CALIBRATION_FAILED',
  'CALIBRATION_INVALID',
  'CALIBRATION_BUSY',
  'DAEMON_UNREACHABLE',
  'STATE_BUSY',
  'EXPORT_INVALID',
  'EXPORT_UNSUPPORTED',
  'EXPORT_UNAVAILABLE',
] as const
export type ErrorCode = (typeof ERROR_CODES)[number]

/** Exit status of the process: 78 (EX_CONFIG) tells systemd not to restart what a restart cannot mend. */
export function exitStatus(code: ErrorCode): number {
  const final: readonly ErrorCode[] = ['CONFIG_INVALID', 'MODEL_INVALID', 'MODEL_UNSUPPORTED']
  return final.includes(code) ? 78 : 1
}

/**
 * The one error class. `message` is a plain sentence, `next` says what to do, `data` carries the facts, `cause` the
 * error below. Thrown only where a caller can act or the process must end; on the stream, violations are counted.
 */
export class EvtrackError extends Error {
  override readonly name = 'EvtrackError'
  readonly code: ErrorCode
  readonly next: string
  readonly data: Readonly<Record<string, unknown>>

  constructor(
    code: ErrorCode,
    message: string,
    options: { next: string; cause?: unknown; data?: Record<string, unknown> },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.next = options.next
    this.data = options.data ?? {}
  }
}
