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

/** Nothing can be written there, or no more: permissions, a full disk. `reason` is the system's. */
export function cannotWrite(path: string, reason: string, cause: unknown): EvtrackError {
  return new EvtrackError('CONFIG_INVALID', `${path} cannot be written: ${reason}.`, {
    next: 'Name a folder with --out where there is room and that this user may write to. Nothing half-written was left.',
    data: { path },
    cause,
  })
}
