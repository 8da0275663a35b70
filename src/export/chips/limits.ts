import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { EvtrackError } from '../../events/errors.js'
import { describeIssue } from '../../inference/read-network.js'
import { type Chip, type ChipLimits, type ChipName, chipLimitsSchema } from './limits-schema.js'

export const CHIP_LIMITS_FILE = fileURLToPath(
  new URL('../../../../firmware-config/chip-limits.json', import.meta.url),
)

/**
 * The published limits of all chips. A few kilobytes, read when a network is checked.
 * @throws EvtrackError CONFIG_INVALID naming the file and the key.
 */
export function readChipLimits(file = CHIP_LIMITS_FILE): ChipLimits {
  const refuse = (what: string, cause?: unknown) =>
    new EvtrackError('CONFIG_INVALID', `${file}: ${what}.`, {
      next: 'Correct the key that is named; the file that comes with evtrackd is right.',
      data: { file },
      cause,
    })
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw refuse(cause instanceof SyntaxError ? 'is not JSON' : 'cannot be read', cause)
  }
  const parsed = chipLimitsSchema.safeParse(json)
  if (!parsed.success) throw refuse(describeIssue(parsed.error))
  return parsed.data
}

export interface ChipWithSources {
  readonly chip: Chip
  /** Titles of the publications that its limits come from. */
  readonly sources: readonly string[]
}

export function chipOf({ chips, sources }: ChipLimits, name: ChipName): ChipWithSources {
  const chip = chips[name]
  const keys = new Set(Object.values(chip.limits).flatMap((each) => each?.source ?? []))
  return { chip, sources: [...keys].map((key) => sources[key]!) }
}
