import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EvtrackError } from '../events/errors.js'

interface Owner {
  readonly pid: number
  /** Start time of the process in ticks since boot: a number that is used again is not the same process. */
  readonly started: string
  readonly kind: string
}

/**
 * One calibration at a time for a camera, over all processes: a file that names its owner. An owner that has died holds
 * nothing. Throws CALIBRATION_BUSY; the function returned releases it and may be called again.
 */
export function lockCamera(dir: string, kind: string): () => void {
  const path = join(dir, 'lock')
  const draft = `${path}.${process.pid}`
  const own: Owner = { pid: process.pid, started: startOf(process.pid) ?? '', kind }
  mkdirSync(dir, { recursive: true, mode: 0o750 })
  writeFileSync(draft, JSON.stringify(own))
  try {
    if (!claim(draft, path)) {
      const owner = readOwner(path)
      if (owner !== undefined && startOf(owner.pid) === owner.started) throw busy(owner)
      rmSync(path, { force: true })
      if (!claim(draft, path)) throw busy(readOwner(path))
    }
  } finally {
    rmSync(draft, { force: true })
  }
  let held = true
  return () => {
    if (held) rmSync(path, { force: true })
    held = false
  }
}

/** A link appears with its content, or not at all. */
function claim(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function busy(owner: Owner | undefined): EvtrackError {
  const what = owner === undefined ? 'A calibration' : `The calibration ${owner.kind}`
  return new EvtrackError('CALIBRATION_BUSY', `${what} of this camera is under way.`, {
    next: 'Wait until it has ended, or stop it.',
    data: { ...owner },
  })
}

function readOwner(path: string): Owner | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof value !== 'object' || value === null) return undefined
    const { pid, started, kind } = value as Record<string, unknown>
    if (typeof pid !== 'number' || typeof started !== 'string') return undefined
    return { pid, started, kind: String(kind) }
  } catch {
    return undefined
  }
}

/** Undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    // The name, in brackets, may hold spaces; the start time is the twentieth field after it.
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
