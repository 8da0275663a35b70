import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Who holds a file that only one process may hold. */
export interface Owner {
  readonly pid: number
  /** Start time of the process in ticks since boot: a number that is used again is not the same process. */
  readonly started: string
  /** What it does with it. */
  readonly kind: string
}

/**
 * Holds `path` for this process and says what for. An owner that has died holds nothing. Gives the function that releases
 * it, which may be called again, or the owner that has it, `undefined` where that cannot be read. Throws what the file
 * system throws.
 */
export function holdFile(
  path: string,
  kind: string,
): { release: () => void } | { owner: Owner | undefined } {
  const draft = `${path}.${process.pid}`
  const own: Owner = { pid: process.pid, started: startOf(process.pid) ?? '', kind }
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  writeFileSync(draft, JSON.stringify(own))
  try {
    if (!claim(draft, path)) {
      const owner = readOwner(path)
      if (owner !== undefined && startOf(owner.pid) === owner.started) return { owner }
      rmSync(path, { force: true })
      if (!claim(draft, path)) return { owner: readOwner(path) }
    }
  } finally {
    rmSync(draft, { force: true })
  }
  let held = true
  const release = () => {
    if (held) rmSync(path, { force: true })
    held = false
  }
  return { release }
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
