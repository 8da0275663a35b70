import { join } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import { holdFile } from '../events/owner-file.js'
import type { Log } from './log.js'

/**
 * A state directory belongs to one running daemon: two would write into each other's spool. Throws STATE_BUSY; gives the
 * function that releases it. A directory that cannot be written is nobody's, and nothing is spooled in it: that is said.
 */
export function lockState(dir: string, log: Log): () => void {
  try {
    const held = holdFile(join(dir, 'daemon.lock'), 'run')
    if ('release' in held) return held.release
    const who = held.owner === undefined ? '' : ` (process ${held.owner.pid})`
    throw new EvtrackError('STATE_BUSY', `Another evtrackd${who} uses ${dir}.`, {
      next: 'Stop it, or give this one a state_dir and an mqtt.device_name of its own.',
      data: { dir, ...held.owner },
    })
  } catch (error) {
    if (error instanceof EvtrackError) throw error
    log.warning('the state directory cannot be written', { dir, reason: String(error) })
    return () => {}
  }
}
