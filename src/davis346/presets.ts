import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EvtrackError } from '../events/errors.js'
import {
  type FirmwareGates,
  firmwareGatesSchema,
  type Preset,
  type PresetFile,
  presetFileSchema,
  presetSchema,
} from './schema.js'

/**
 * Reads firmware-config. Belongs to the main thread and the command line: it loads the schema library, which a worker
 * should not; a worker gets the resolved preset.
 */

type Problem = {
  readonly path: PropertyKey[]
  readonly message: string
}

/** Folder of the presets that come with the program. */
export function bundledPresetDirectory(): string {
  return fileURLToPath(new URL('../../../firmware-config/davis346/', import.meta.url))
}

function bundledFirmwareFile(): string {
  return fileURLToPath(new URL('../../../firmware-config/firmware.json', import.meta.url))
}

function invalid(file: string, message: string, cause?: unknown): EvtrackError {
  return new EvtrackError('CONFIG_INVALID', `${file}: ${message}`, {
    next: `Correct ${file}; firmware-config/README.md explains every key.`,
    data: { file },
    ...(cause === undefined ? {} : { cause }),
  })
}

function describe(problems: readonly Problem[]): string {
  return problems.map((p) => `${p.path.map(String).join('.') || 'preset'}: ${p.message}`).join('; ')
}

async function readJson(file: string): Promise<unknown> {
  let content: string
  try {
    content = await readFile(file, 'utf8')
  } catch (error) {
    throw invalid(file, 'cannot be read', error)
  }
  try {
    return JSON.parse(content)
  } catch (error) {
    throw invalid(file, 'is not JSON', error)
  }
}

export async function listPresets(directory = bundledPresetDirectory()): Promise<string[]> {
  const files = await readdir(directory)
  return files
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort()
}

const SECTIONS = ['biases', 'chip', 'mux', 'dvs', 'aps', 'imu', 'external', 'usb'] as const

/** `base` with the keys of `change` in place of its own, section by section. */
export function mergePresetFiles(base: PresetFile, change: PresetFile): PresetFile {
  const merged: Record<string, unknown> = { description: change.description }
  for (const section of SECTIONS) merged[section] = { ...base[section], ...change[section] }
  return merged as PresetFile
}

/**
 * Reads `<directory>/<name>.json` and everything it extends, there or among the bundled presets. Rejects with CONFIG_INVALID that names the file, the key
 * and what was expected.
 */
export async function loadPreset(
  name: string,
  directory = bundledPresetDirectory(),
): Promise<Preset> {
  const chain: PresetFile[] = []
  const seen = new Set<string>()
  for (let next: string | undefined = name; next !== undefined; next = chain[0]?.extends) {
    if (!/^[a-z0-9-]+$/.test(next)) {
      throw invalid(directory, `"${next}" is no preset name (letters, digits and dashes)`)
    }
    const file = presetFile(next, directory)
    if (seen.has(next)) throw invalid(file, `extends itself through ${[...seen].join(', ')}`)
    seen.add(next)
    const parsed = presetFileSchema.safeParse(await readJson(file))
    if (!parsed.success) throw invalid(file, describe(parsed.error.issues))
    chain.unshift(parsed.data)
  }
  return resolvePreset(chain.reduce(mergePresetFiles), name)
}

/** A preset of one's own may extend a bundled one that its folder does not have. */
function presetFile(name: string, directory: string): string {
  const own = join(directory, `${name}.json`)
  const bundled = join(bundledPresetDirectory(), `${name}.json`)
  return existsSync(own) || !existsSync(bundled) ? own : bundled
}

/** Checks that nothing is missing and that ranges make sense together; the result is frozen. */
export function resolvePreset(file: PresetFile, name: string): Preset {
  const { extends: _extends, $schema: _schema, ...content } = file
  const parsed = presetSchema.safeParse(content)
  if (!parsed.success) throw invalid(name, describe(parsed.error.issues))
  const { aps, dvs, external } = parsed.data
  if (aps.startColumn > aps.endColumn || aps.startRow > aps.endRow) {
    throw invalid(name, 'aps: the region ends before it starts')
  }
  if (dvs.roiStartColumn > dvs.roiEndColumn || dvs.roiStartRow > dvs.roiEndRow) {
    throw invalid(name, 'dvs: the region ends before it starts')
  }
  if (external.generatePulseLengthUs >= external.generatePulseIntervalUs) {
    throw invalid(name, 'external: generatePulseLengthUs must be less than generatePulseIntervalUs')
  }
  return deepFreeze(parsed.data)
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner)
  }
  return Object.freeze(value)
}

export async function loadFirmwareGates(file = bundledFirmwareFile()): Promise<FirmwareGates> {
  const parsed = firmwareGatesSchema.safeParse(await readJson(file))
  if (!parsed.success) throw invalid(file, describe(parsed.error.issues))
  return parsed.data
}
