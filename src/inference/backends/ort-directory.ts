import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EvtrackError } from '../../events/errors.js'
import { readSharedLibrary, type SharedLibrary } from './elf.js'

/** The release of ONNX Runtime whose JavaScript half is part of evtrackd; the native half must be of the same one. */
export const ORT_VERSION = '1.30.0'
export const BINDING = 'onnxruntime_binding.node'
export const LIBRARY = 'libonnxruntime.so.1'
/** Symbol versions of the library are named so, one for each release. */
const SYMBOLS = `VERS_${ORT_VERSION}`

/**
 * Whether a folder holds a binding of ONNX Runtime for Node and its library that fit each other, this processor and this
 * program. Nothing is loaded: a library of another release would end the process, not throw.
 * @throws EvtrackError CONFIG_INVALID naming the file, what it is and what was expected.
 */
export function checkOrtDirectory(dir: string): void {
  const binding = read(dir, BINDING)
  const library = read(dir, LIBRARY)
  for (const [name, { machine }] of [
    [BINDING, binding],
    [LIBRARY, library],
  ] as const) {
    if (machine !== process.arch) {
      throw refused(dir, `${name} is made for ${machine}, this machine is ${process.arch}`)
    }
  }
  if (!binding.needed.includes(LIBRARY)) {
    throw refused(dir, `${BINDING} does not use ${LIBRARY}; it needs ${binding.needed.join(', ')}`)
  }
  if (library.soname !== LIBRARY) {
    throw refused(dir, `${LIBRARY} calls itself ${library.soname ?? 'nothing'}`)
  }
  const wanted = binding.wants.get(LIBRARY)?.join(', ') ?? 'none'
  const offered = library.offers.filter((name) => name.startsWith('VERS_')).join(', ') || 'none'
  if (wanted !== SYMBOLS) {
    throw refused(dir, `${BINDING} asks for symbols of version ${wanted}, expected ${SYMBOLS}`)
  }
  if (!library.offers.includes(SYMBOLS)) {
    throw refused(dir, `${LIBRARY} offers symbols of version ${offered}, expected ${SYMBOLS}`)
  }
}

function read(dir: string, name: string): SharedLibrary {
  try {
    return readSharedLibrary(readFileSync(join(dir, name)))
  } catch (cause) {
    if (cause instanceof RangeError)
      throw refused(dir, `${name} is damaged: ${cause.message}`, cause)
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is missing' : 'cannot be read'
    throw refused(dir, `${name} ${why}`, cause)
  }
}

function refused(dir: string, what: string, cause?: unknown): EvtrackError {
  return new EvtrackError('CONFIG_INVALID', `inference.ort_dir ${dir} is refused: ${what}.`, {
    next: `Build the Node binding of ONNX Runtime ${ORT_VERSION} on this machine and name the folder with ${BINDING} and ${LIBRARY}, as docs/jetson.md says; or remove the key.`,
    data: { dir },
    cause,
  })
}
