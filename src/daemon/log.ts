import type { EvtrackError } from '../events/errors.js'

/**
 * Structured log lines on stderr. Under systemd each line starts with its journal priority (`<6>`), so the journal
 * keeps the level; elsewhere the level is a word. Nothing is logged per event or per window.
 */
export const LOG_LEVELS = ['error', 'warning', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** syslog priorities, see sd-daemon(3). */
const PRIORITY = { error: 3, warning: 4, info: 6, debug: 7 } as const

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

export interface Log {
  error(message: string, fields?: LogFields): void
  warning(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
}

export interface LogOptions {
  /** A function where the level may change. */
  readonly level: LogLevel | (() => LogLevel)
  /** True when stderr goes to the journal (systemd sets JOURNAL_STREAM). */
  readonly journal: boolean
  readonly write: (line: string) => void
}

function quote(value: string): string {
  return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value)
}

function format(message: string, fields: LogFields | undefined): string {
  let line = message.replace(/\s*\n\s*/g, ' ')
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value === undefined) continue
    line += ` ${key}=${typeof value === 'string' ? quote(value) : String(value)}`
  }
  return line
}

/** Messages of a level above the configured one are not written. */
export function createLog(options: LogOptions): Log {
  const { level: least, journal, write } = options
  const threshold = typeof least === 'function' ? least : () => least
  const at = (level: LogLevel) => {
    const prefix = journal ? `<${PRIORITY[level]}>` : `${level}: `
    return (message: string, fields?: LogFields) => {
      if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(threshold())) return
      write(`${prefix}${format(message, fields)}\n`)
    }
  }
  return { error: at('error'), warning: at('warning'), info: at('info'), debug: at('debug') }
}

/**
 * Whether stderr is the journal: systemd names its device and inode in JOURNAL_STREAM, which a program that redirects
 * stderr passes on unchanged.
 */
export function isJournal(
  stream: string | undefined,
  stderr: { readonly dev: number; readonly ino: number },
): boolean {
  return stream === `${stderr.dev}:${stderr.ino}`
}

/** The log of one of several cameras. */
export function prefixed(log: Log, id: string): Log {
  return {
    error: (message, fields) => log.error(message, { camera: id, ...fields }),
    warning: (message, fields) => log.warning(message, { camera: id, ...fields }),
    info: (message, fields) => log.info(message, { camera: id, ...fields }),
    debug: (message, fields) => log.debug(message, { camera: id, ...fields }),
  }
}

/** What was refused, why, and what to do about it. */
export function logRefusal(log: Log, what: string, { message, code, next }: EvtrackError): void {
  log.error(`${what}: ${message}`, { code, next })
}
