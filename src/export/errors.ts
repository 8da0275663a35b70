import { EvtrackError } from '../events/errors.js'

/** The folder is damaged or no export: what is wrong, in words that follow "Export DIR". */
export function invalidExport(dir: string, what: string, cause?: unknown): EvtrackError {
  return new EvtrackError('EXPORT_INVALID', `Export ${dir}: ${what}.`, {
    next: 'Export the model package again, or copy the folder again from where it came from.',
    data: { dir },
    cause,
  })
}

/** The network holds something that the target cannot express. */
export function unsupportedExport(
  target: string,
  what: string,
  next = `Run \`evtrackd export MODEL --target ${target} --check\` to see what fits, layer by layer.`,
): EvtrackError {
  return new EvtrackError('EXPORT_UNSUPPORTED', `Target ${target} cannot express ${what}.`, {
    next,
    data: { target },
  })
}
