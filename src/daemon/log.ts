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
  readonly level: LogLevel
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

/** Levels above the configured one become no-ops. */
export function createLog(options: LogOptions): Log {
  const threshold = LOG_LEVELS.indexOf(options.level)
  const at = (level: LogLevel) => {
    if (LOG_LEVELS.indexOf(level) > threshold) return () => {}
    const prefix = options.journal ? `<${PRIORITY[level]}>` : `${level}: `
    return (message: string, fields?: LogFields) =>
      options.write(`${prefix}${format(message, fields)}\n`)
  }
  return { error: at('error'), warning: at('warning'), info: at('info'), debug: at('debug') }
}
