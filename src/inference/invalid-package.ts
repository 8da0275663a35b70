import { basename } from 'node:path'
import { EvtrackError } from '../events/errors.js'

/** A package that is refused: `what` names the file or tensor, what it is and what was expected. */
export function invalidPackage(
  dir: string,
  what: string,
  { cause, ...data }: { readonly cause?: unknown; readonly [fact: string]: unknown } = {},
): EvtrackError {
  return new EvtrackError(
    'MODEL_INVALID',
    `Model package ${basename(dir)} is refused: ${bounded(what)}.`,
    {
      next: 'Copy the package again from where it came from, or choose another one.',
      data: { dir, ...data },
      cause,
    },
  )
}

/** Names in a package are its maker's own text, so their length is bounded. */
function bounded(what: string): string {
  return what.length <= 500 ? what : `${what.slice(0, 500)}…`
}
