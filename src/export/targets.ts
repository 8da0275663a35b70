import { EvtrackError } from '../events/errors.js'
import { akida } from './akida/target.js'
import { checkOnly } from './chips/check-only.js'
import { loihi2 } from './chips/loihi2.js'
import { speck } from './chips/speck.js'
import { spinnaker2 } from './chips/spinnaker2.js'
import { lynxi } from './lynxi/target.js'
import { nir } from './nir/target.js'
import type { ExportTarget } from './target.js'

/** In the order in which they are listed. */
export const TARGETS: readonly ExportTarget[] = [
  nir,
  lynxi,
  loihi2,
  akida,
  speck,
  spinnaker2,
  checkOnly('akida1', 'BrainChip Akida 1 (AKD1000)'),
  checkOnly('innatera', 'Innatera T1'),
]

export const TARGET_NAMES: readonly string[] = TARGETS.map((target) => target.name)

/** @throws EvtrackError CONFIG_INVALID naming the targets there are. */
export function targetByName(name: string): ExportTarget {
  const found = TARGETS.find((target) => target.name === name)
  if (found !== undefined) return found
  throw new EvtrackError('CONFIG_INVALID', `${name} is no export target.`, {
    next: `Choose one of ${TARGET_NAMES.join(', ')}.`,
    data: { target: name },
  })
}
