import type { KindName } from '../calibration/kind.js'
import { calibrationSchema } from '../calibration/schema.js'
import { EvtrackError } from '../events/errors.js'
import { snakeKey, snakeWords } from './config-keys.js'
import { mergeConfig } from './load-config.js'
import type { Config } from './schema.js'

/**
 * What the user says to a kind: the configuration with the command's own words in place of it. Throws CONFIG_INVALID
 * that names the key.
 */
export function kindOptions(
  config: Config,
  kind: KindName,
  over: Readonly<Record<string, unknown>> = {},
): unknown {
  const table = kind.replace(/-(\w)/g, (_, c: string) => c.toUpperCase())
  const shape = calibrationSchema.shape as Record<string, { safeParse(v: unknown): Parsed }>
  const schema = shape[table]
  const configured = (config.calibration as Record<string, unknown>)[table]
  // A kind without a table has nothing to choose.
  if (schema === undefined) return configured ?? {}
  const parsed = schema.safeParse(mergeConfig(configured, over))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  const at = issue.path.map((part) => (typeof part === 'string' ? snakeKey(part) : String(part)))
  const where = at.length === 0 ? '' : `${at.join('.')}: `
  throw new EvtrackError(
    'CONFIG_INVALID',
    `The options of ${kind} are not valid: ${where}${snakeWords(issue.message)}.`,
    {
      next: `Correct the options (--set, --input); \`evtrackd config schema\` explains [calibration.${snakeKey(table)}].`,
      data: { key: at.join('.') },
    },
  )
}

type Parsed =
  | { readonly success: true; readonly data: unknown }
  | {
      readonly success: false
      readonly error: { readonly issues: readonly { path: PropertyKey[]; message: string }[] }
    }
