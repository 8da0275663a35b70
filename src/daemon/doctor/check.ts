import { EvtrackError } from '../../events/errors.js'

/** One line of `evtrackd doctor`. */
export interface Check {
  readonly name: string
  readonly verdict: 'ok' | 'warn' | 'fail'
  readonly message: string
  /** What to do about it; never for ok. */
  readonly next?: string
}

export function ok(name: string, message: string): Check {
  return { name, verdict: 'ok', message }
}

export function warn(name: string, message: string, next: string): Check {
  return { name, verdict: 'warn', message, next }
}

export function fail(name: string, message: string, next: string): Check {
  return { name, verdict: 'fail', message, next }
}

/** An error that says itself what to do. Anything else is a defect and thrown on. */
export function failed(name: string, error: unknown): Check {
  if (!(error instanceof EvtrackError)) throw error
  return fail(name, `${error.code}: ${error.message}`, error.next)
}
