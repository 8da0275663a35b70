import { join } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import { holdFile, type Owner } from '../events/owner-file.js'

/**
 * One calibration at a time for a camera, over all processes: a file that names its owner. An owner that has died holds
 * nothing. Throws CALIBRATION_BUSY; the function returned releases it and may be called again.
 */
export function lockCamera(dir: string, kind: string): () => void {
  const held = holdFile(join(dir, 'lock'), kind)
  if ('owner' in held) throw busy(held.owner)
  return held.release
}

function busy(owner: Owner | undefined): EvtrackError {
  const what = owner === undefined ? 'A calibration' : `The calibration ${owner.kind}`
  return new EvtrackError('CALIBRATION_BUSY', `${what} of this camera is under way.`, {
    next: 'Wait until it has ended, or stop it.',
    data: { ...owner },
  })
}
