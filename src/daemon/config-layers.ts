import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { EvtrackError } from '../events/errors.js'
import { camelKey, mapKeys, nearest, snakeKey } from './config-keys.js'
import { damagedState } from './damaged-state.js'
import { mergeConfig, parseConfig, readConfigFile } from './load-config.js'
import { type Config, configJsonSchema } from './schema.js'

/**
 * Where the configuration comes from, in this order; later layers win, key by key:
 * the defaults, the file, the drop-in files beside it by name, the environment, the command line, and what
 * `camera/configure` changed.
 */
export interface Layer {
  readonly origin: string
  /** With camelCase keys, not judged yet. */
  readonly value: unknown
}

export interface LayeredConfig {
  readonly config: Config
  /** Where each value came from, by its key as the file writes it; a key that is absent has its default. */
  readonly origins: ReadonlyMap<string, string>
  /** What the layers say together, before defaults. */
  readonly merged: unknown
}

export const DEFAULT_CONFIG_FILE = '/etc/evtrackd/evtrackd.toml'
const PREFIX = 'EVTRACKD_'
/** Names the file, as --config does. */
const FILE_VARIABLE = `${PREFIX}CONFIG`

interface Node {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Node>>
}

type Env = Readonly<Record<string, string | undefined>>

/** Every key of the configuration that holds a value, by the name of its environment variable. */
export function variables(): ReadonlyMap<string, { path: readonly string[]; type?: string }> {
  const found = new Map<string, { path: readonly string[]; type?: string }>()
  const visit = (node: Node, path: readonly string[]) => {
    if (node.properties === undefined) {
      const name = `${PREFIX}${path.map(snakeKey).join('_').toUpperCase()}`
      found.set(name, { path, ...(node.type !== undefined && { type: node.type }) })
      return
    }
    for (const [key, child] of Object.entries(node.properties)) visit(child, [...path, key])
  }
  visit(configJsonSchema() as Node, [])
  return found
}

/** Text stays text; anything else is written as in TOML: 5000, true, [[1, 2]]. */
function readValue(text: string, type: string | undefined): unknown {
  if (type === 'string') return text
  try {
    return mapKeys(parse(`value = ${text}`)['value'], camelKey)
  } catch {
    // The schema says what it expected instead; a text may carry what no log should show.
    return text
  }
}

/** One layer for each EVTRACKD_ variable. Throws CONFIG_INVALID for one that names no key. */
export function environmentLayers(env: Env): Layer[] {
  const known = variables()
  return Object.entries(env).flatMap(([name, text]) => {
    if (!name.startsWith(PREFIX) || name === FILE_VARIABLE || text === undefined) return []
    const key = known.get(name)
    if (key === undefined) {
      const near = nearest(name, [...known.keys()])
      throw new EvtrackError('CONFIG_INVALID', `The environment variable ${name} names no key.`, {
        next: `${near === undefined ? '' : `Did you mean ${near}? `}Variables are ${PREFIX} and the key in capitals, its parts joined by _: ${PREFIX}MQTT_DEVICE_NAME.`,
        data: { name },
      })
    }
    const value = key.path.reduceRight<unknown>(
      (inner, part) => ({ [part]: inner }),
      readValue(text, key.type),
    )
    return [{ origin: `environment ${name}`, value }]
  })
}

/** The folder of drop-in files that belongs to a configuration file: evtrackd.toml → evtrackd.d. */
export function dropInDirectory(file: string): string {
  return `${file.replace(/\.toml$/, '')}.d`
}

function dropInLayers(file: string): Layer[] {
  const dir = dropInDirectory(file)
  if (!existsSync(dir)) return []
  return readdirSync(dir)
    .filter((name) => name.endsWith('.toml'))
    .sort()
    .map((name) => join(dir, name))
    .map((path) => ({ origin: path, value: readConfigFile(path) }))
}

export interface LayerSources {
  /** --config; without it EVTRACKD_CONFIG, and without that the default file, if there is one. */
  readonly file?: string | undefined
  readonly env: Env
  /** camelCase. */
  readonly flags?: unknown
  readonly defaultFile?: string
}

/** The file in use; undefined when none was named and there is no default one. Its drop-ins count without it. */
export function configFile({ file, env, defaultFile = DEFAULT_CONFIG_FILE }: LayerSources) {
  const named = file ?? env[FILE_VARIABLE]
  if (named !== undefined) return { path: named, required: true }
  return { path: defaultFile, required: false }
}

/** Reads every layer anew. Throws CONFIG_INVALID for a file that cannot be read or a variable that names no key. */
export function readLayers(sources: LayerSources): Layer[] {
  const { path, required } = configFile(sources)
  const fileLayers =
    required || existsSync(path) ? [{ origin: path, value: readConfigFile(path) }] : []
  const flags =
    sources.flags === undefined ? [] : [{ origin: 'command line', value: sources.flags }]
  return [...fileLayers, ...dropInLayers(path), ...environmentLayers(sources.env), ...flags]
}

/** Keys of all values in an object, as the file writes them. Lists are values. */
export function leaves(value: unknown, prefix = ''): Map<string, unknown> {
  const found = new Map<string, unknown>()
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return found
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue
    const key = prefix === '' ? snakeKey(name) : `${prefix}.${snakeKey(name)}`
    const isTable = item !== null && typeof item === 'object' && !Array.isArray(item)
    if (isTable) for (const [k, v] of leaves(item, key)) found.set(k, v)
    else found.set(key, item)
  }
  return found
}

/** Merges, judges and freezes. Throws CONFIG_INVALID that lists every problem and where its value came from. */
export function resolveLayers(layers: readonly Layer[]): LayeredConfig {
  const origins = new Map<string, string>()
  let merged: unknown = {}
  for (const { origin, value } of layers) {
    merged = mergeConfig(merged, value)
    for (const key of leaves(value).keys()) origins.set(key, origin)
  }
  const several = new Set(origins.values()).size > 1
  const config = parseConfig(merged, layers[0]?.origin ?? 'the configuration', (problem) =>
    several ? originOf(problem, origins) : undefined,
  )
  return { config, origins, merged }
}

/** `key` may lie inside a value, such as filters.regions[0].box, or above some. */
function originOf(key: string, origins: ReadonlyMap<string, string>): string | undefined {
  for (const [known, origin] of origins) {
    if (key === known || key.startsWith(`${known}[`) || key.startsWith(`${known}.`)) return origin
  }
  return undefined
}

/** What `camera/configure` was asked to keep; absent or unreadable as text it is no layer. */
export const KEPT_ORIGIN = 'camera/configure (kept)'

export function readKept(path: string): Layer[] {
  if (!existsSync(path)) return []
  try {
    return [{ origin: KEPT_ORIGIN, value: JSON.parse(readFileSync(path, 'utf8')) }]
  } catch (cause) {
    throw damagedState(path, {
      next: 'Remove the file: it holds only what camera/configure was asked to keep.',
      cause,
    })
  }
}
