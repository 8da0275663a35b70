import { renameSync } from 'node:fs'
import { EvtrackError } from '../events/errors.js'
import type { Log } from './log.js'

/** A file of the daemon's own state that cannot be read: nobody can mend it, and the daemon can do without. */
export function damagedState(path: string, of: { next: string; cause: unknown }): EvtrackError {
  return new EvtrackError('CONFIG_INVALID', `${path} cannot be read.`, {
    ...of,
    data: { damagedState: path },
  })
}

/**
 * Runs `read`; where it meets a damaged file of state, that file is renamed to NAME.damaged, which is said, and it runs
 * again: a board on a mast starts with what it was configured to rather than not at all. Throws what `read` throws
 * otherwise, and where the file cannot be renamed.
 */
export function withoutDamagedState<T>(log: Log, read: () => T): T {
  for (let last = ''; ; ) {
    try {
      return read()
    } catch (error) {
      const path = error instanceof EvtrackError ? error.data?.['damagedState'] : undefined
      if (typeof path !== 'string' || path === last) throw error
      last = path
      try {
        renameSync(path, `${path}.damaged`)
      } catch {
        throw error
      }
      log.error(`${path} cannot be read: it is set aside, and the daemon goes on without it`, {
        code: 'CONFIG_INVALID',
        kept_as: `${path}.damaged`,
      })
    }
  }
}
