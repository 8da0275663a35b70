import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { z } from 'zod'
import { EvtrackError } from '../events/errors.js'
import { KIND_NAMES, type KindName, type Outcome, type Row } from './kind.js'
import {
  type ActiveFile,
  activeSchema,
  RESULT_VERSION,
  type ResultFile,
  resultSchema,
} from './result-schema.js'
import type { Settings } from './settings.js'

const ACTIVE = 'active.json'
/** Older ones than these stay as files but cannot be returned to. */
const MAX_HISTORY = 64

/** A result and what it makes active. */
export interface StoredResult extends Omit<ResultFile, 'settings' | 'rows'> {
  readonly rows: readonly Row[]
  readonly settings?: Settings
}

/** What a result is before it has a name. */
export type NewResult = Omit<StoredResult, 'schema' | 'id' | 'pictures' | 'exports'>

/**
 * The calibrations of one camera, `<state>/calibration/<serial>/`: a file and a folder for each result, and a pointer
 * file that says which are active. Each file is replaced whole, so a power cut leaves the old one or the new one.
 */
export class CalibrationStore {
  readonly serial: string
  readonly dir: string

  /** Throws CALIBRATION_INVALID for a serial that can name no folder. */
  constructor(stateDir: string, serial: string) {
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(serial)) {
      throw new EvtrackError('CALIBRATION_INVALID', `"${serial}" is no serial number.`, {
        next: 'Name the camera with --serial: letters and digits only.',
        data: { serial },
      })
    }
    this.serial = serial
    this.dir = join(stateDir, 'calibration', serial)
  }

  /** Writes the result, its pictures and its exports. Nothing becomes active by it. */
  write(result: NewResult, outcome: Pick<Outcome, 'pictures' | 'exports'>): StoredResult {
    const id = this.#freeId(`${result.kind}-${compactTime(result.at)}`)
    const stored: StoredResult = {
      ...result,
      schema: RESULT_VERSION,
      id,
      pictures: outcome.pictures.map(({ name, title }) => ({ file: `${name}.svg`, title })),
      exports: outcome.exports.map(({ name }) => name),
    }
    try {
      const folder = join(this.dir, id)
      mkdirSync(folder, { recursive: true, mode: 0o750 })
      for (const { name, svg } of outcome.pictures) writeFileSync(join(folder, `${name}.svg`), svg)
      for (const { name, content } of outcome.exports) writeFileSync(join(folder, name), content)
      writeWhole(join(this.dir, `${id}.json`), stored)
    } catch (cause) {
      throw unwritable(this.dir, cause)
    }
    return stored
  }

  /** Throws CALIBRATION_INVALID for a file that is damaged, newer than this program or another camera's. */
  read(id: string): StoredResult {
    const file = join(this.dir, `${id}.json`)
    const result = readJson(file, resultSchema) as StoredResult
    this.#own(file, result.serial)
    return result
  }

  /** Every result, oldest first; one that cannot be read is left out. */
  list(): StoredResult[] {
    if (!existsSync(this.dir)) return []
    const ids = readdirSync(this.dir)
      .filter((name) => /-\d{8}T\d{6}Z(-\d+)?\.json$/.test(name))
      .map((name) => name.slice(0, -'.json'.length))
    const results = ids.flatMap((id) => {
      try {
        return [this.read(id)]
      } catch {
        return []
      }
    })
    return results.sort((a, b) => a.at.localeCompare(b.at) || a.id.localeCompare(b.id))
  }

  /** A picture or export of a result. */
  attachment(id: string, name: string): Buffer {
    return readFileSync(join(this.dir, id, name))
  }

  /**
   * The active result of each kind, in the order of KIND_NAMES. One that cannot be read is left out and handed to
   * `onLeftOut`; without it, throws CALIBRATION_INVALID as read() does.
   */
  active(onLeftOut: (error: EvtrackError) => void = rethrow): Map<KindName, StoredResult> {
    const { active } = this.#readActive()
    const found = new Map<KindName, StoredResult>()
    for (const kind of KIND_NAMES) {
      const id = active[kind]?.at(-1)
      if (id === undefined) continue
      try {
        found.set(kind, this.read(id))
      } catch (error) {
        if (!(error instanceof EvtrackError)) throw error
        onLeftOut(error)
      }
    }
    return found
  }

  /** Makes a result active. Throws CALIBRATION_FAILED for one that failed: that never happens. */
  activate(result: StoredResult): void {
    if (result.verdict === 'FAIL') {
      throw new EvtrackError('CALIBRATION_FAILED', `${result.id} failed and stays inactive.`, {
        next: 'Do what its rows say and calibrate again.',
        data: { id: result.id },
      })
    }
    this.#own(result.id, result.serial)
    const file = this.#readActive()
    const before = file.active[result.kind] ?? []
    const ids = [...before.filter((id) => id !== result.id), result.id].slice(-MAX_HISTORY)
    this.#writeActive({ ...file, active: { ...file.active, [result.kind]: ids } })
  }

  /**
   * Returns to the result that was active before, or to none. Gives back what is active now. Throws CALIBRATION_FAILED
   * when none was active.
   */
  rollback(kind: KindName): StoredResult | undefined {
    const file = this.#readActive()
    const ids = file.active[kind] ?? []
    if (ids.length === 0) {
      throw new EvtrackError('CALIBRATION_FAILED', `No ${kind} calibration is active.`, {
        next: `\`evtrackd calibrate report\` shows what this camera has.`,
        data: { kind, serial: this.serial },
      })
    }
    const rest = ids.slice(0, -1)
    const { [kind]: _, ...others } = file.active
    // Judged before anything changes: what cannot be read cannot be returned to.
    const last = rest.at(-1)
    const now = last === undefined ? undefined : this.read(last)
    this.#writeActive({ ...file, active: rest.length === 0 ? others : { ...others, [kind]: rest } })
    return now
  }

  #freeId(wanted: string): string {
    const taken = (id: string) => existsSync(join(this.dir, `${id}.json`))
    if (!taken(wanted)) return wanted
    for (let n = 2; ; n++) if (!taken(`${wanted}-${n}`)) return `${wanted}-${n}`
  }

  #readActive(): ActiveFile {
    const path = join(this.dir, ACTIVE)
    if (!existsSync(path)) return { schema: RESULT_VERSION, serial: this.serial, active: {} }
    const file = readJson(
      path,
      activeSchema,
      'Update evtrackd, or remove the file: then nothing is active.',
    )
    this.#own(path, file.serial)
    return file
  }

  #writeActive(file: ActiveFile): void {
    try {
      mkdirSync(this.dir, { recursive: true, mode: 0o750 })
      writeWhole(join(this.dir, ACTIVE), file)
    } catch (cause) {
      throw unwritable(this.dir, cause)
    }
  }

  #own(file: string, serial: string): void {
    if (serial === this.serial) return
    throw new EvtrackError(
      'CALIBRATION_INVALID',
      `${file} belongs to the camera ${serial}, not to ${this.serial}.`,
      {
        next: `Calibrate this camera, or move the file to the folder calibration/${serial}.`,
        data: { file, serial, expected: this.serial },
      },
    )
  }
}

/** Serial numbers of the cameras that have calibrations. */
export function calibratedSerials(stateDir: string): string[] {
  const dir = join(stateDir, 'calibration')
  if (!existsSync(dir)) return []
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
}

/** 2026-11-22T18:46:15.000Z → 20261122T184615Z */
function compactTime(iso: string): string {
  return `${iso.slice(0, 19).replace(/[-:]/g, '')}Z`
}

function writeWhole(path: string, content: unknown): void {
  const draft = `${path}.${process.pid}.new`
  try {
    writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { flush: true })
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}

function rethrow(error: EvtrackError): never {
  throw error
}

/** `next`: what to do in place of what helps with a result. */
function readJson<T extends z.ZodType>(file: string, schema: T, next?: string): z.infer<T> {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new EvtrackError('CALIBRATION_INVALID', `${file} cannot be read.`, {
      next:
        next ??
        'Restore the file from a copy, calibrate again, or `evtrackd calibrate rollback` to the one before.',
      cause,
      data: { file },
    })
  }
  const version = typeof value === 'object' && value !== null && 'schema' in value && value.schema
  if (typeof version === 'number' && version > RESULT_VERSION) {
    throw new EvtrackError(
      'CALIBRATION_INVALID',
      `${file} has version ${version}; this program reads ${RESULT_VERSION}.`,
      {
        next: next ?? 'Update evtrackd, or calibrate again with this one.',
        data: { file, version },
      },
    )
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue === undefined ? '' : ` at ${issue.path.join('.')}: ${issue.message}`
  throw new EvtrackError('CALIBRATION_INVALID', `${file} is damaged${where}.`, {
    next: next ?? 'Restore the file from a copy, or calibrate again.',
    data: { file },
  })
}

function unwritable(dir: string, cause: unknown): EvtrackError {
  return new EvtrackError('CALIBRATION_FAILED', `${dir} cannot be written.`, {
    next: 'Make the state directory writable for this user, or run as the user evtrackd.',
    cause,
  })
}
