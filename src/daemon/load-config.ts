import { readFileSync } from 'node:fs'
import { parse, TomlError } from 'smol-toml'
import type { z } from 'zod'
import { EvtrackError } from '../events/errors.js'
import { camelKey, mapKeys, nearest, snakeKey, snakeWords } from './config-keys.js'
import { type Config, configJsonSchema, configSchema } from './schema.js'

/** One thing wrong with a configuration: the key as written in the file, what was expected, the key probably meant. */
export interface ConfigProblem {
  readonly key: string
  readonly expected: string
  readonly nearest?: string
}

interface JsonSchemaNode {
  readonly properties?: Readonly<Record<string, JsonSchemaNode>>
  readonly additionalProperties?: unknown
  readonly items?: JsonSchemaNode
  readonly anyOf?: readonly JsonSchemaNode[]
  readonly oneOf?: readonly JsonSchemaNode[]
}

function pathText(path: readonly (string | number)[]): string {
  return path
    .map((part, i) =>
      typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${snakeKey(part)}`,
    )
    .join('')
}

function alternatives(node: JsonSchemaNode): readonly JsonSchemaNode[] {
  return node.properties !== undefined ? [node] : [...(node.anyOf ?? []), ...(node.oneOf ?? [])]
}

/** Keys that no schema knows. Walks the schema beside the value, since a misspelt key is the most common mistake. */
function unknownKeys(
  value: unknown,
  node: JsonSchemaNode,
  path: readonly (string | number)[],
): ConfigProblem[] {
  if (Array.isArray(value)) {
    const items = node.items
    return items === undefined
      ? []
      : value.flatMap((item, i) => unknownKeys(item, items, [...path, i]))
  }
  if (value === null || typeof value !== 'object') return []
  const options = alternatives(node).filter((option) => option.properties !== undefined)
  if (options.length === 0) return []
  const known = new Map(options.flatMap((option) => Object.entries(option.properties ?? {})))
  const problems: ConfigProblem[] = []
  for (const [key, item] of Object.entries(value)) {
    const child = known.get(key)
    if (child !== undefined) {
      problems.push(...unknownKeys(item, child, [...path, key]))
      continue
    }
    const near = nearest(key, [...known.keys()])
    problems.push({
      key: pathText([...path, key]),
      expected: `one of ${[...known.keys()].map(snakeKey).join(', ')}`,
      ...(near === undefined ? {} : { nearest: pathText([...path, near]) }),
    })
  }
  return problems
}

function issueProblem(issue: z.core.$ZodIssue): ConfigProblem {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
  const key = path.length === 0 ? '(the whole file)' : pathText(path)
  return { key, expected: snakeWords(issue.message.replace(/^Invalid (input|option): /, '')) }
}

/** Keys are the writer's own text, over MQTT too, and an answer or a log line must not grow with them. */
const MAX_TOLD = 8
const MAX_LINE = 480

function shortened(text: string): string {
  return text.length <= MAX_LINE ? text : `${text.slice(0, MAX_LINE)}…`
}

type OriginOf = (key: string) => string | undefined

function refuse(
  origin: string,
  problems: readonly ConfigProblem[],
  originOf: OriginOf,
): EvtrackError {
  const lines = problems.slice(0, MAX_TOLD).map((p) => {
    const hint = p.nearest === undefined ? '' : `; did you mean ${p.nearest}?`
    const from = originOf(p.key)
    // What was expected may be a long list: it is cut, and what was meant is still said.
    const what = shortened(`${p.key}: ${p.expected}`)
    return `${what}${shortened(hint)}${from === undefined ? '' : ` (from ${from})`}`
  })
  if (problems.length > MAX_TOLD) lines.push(`and ${problems.length - MAX_TOLD} more`)
  return new EvtrackError('CONFIG_INVALID', `${origin} is not valid: ${lines.join(' | ')}`, {
    next: 'Correct the named keys; `evtrackd config show` prints every key with its default and `evtrackd config check FILE` tries a file.',
    data: { origin, problems: problems.slice(0, MAX_TOLD) },
  })
}

/**
 * Validates a configuration object with camelCase keys and freezes it. Throws CONFIG_INVALID that lists every problem
 * with the key as written in the file, and where its value came from as far as `originOf` knows.
 */
export function parseConfig(
  value: unknown,
  origin: string,
  originOf: OriginOf = () => undefined,
): Config {
  const strangers = unknownKeys(value, configJsonSchema() as JsonSchemaNode, [])
  const result = configSchema.safeParse(value)
  const problems = [
    ...strangers,
    ...(result.success
      ? []
      : result.error.issues.filter((i) => i.code !== 'unrecognized_keys').map(issueProblem)),
  ]
  if (problems.length > 0 || !result.success) throw refuse(origin, problems, originOf)
  return deepFreeze(result.data)
}

function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object') {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}

/** Reads a TOML file into camelCase keys. Throws CONFIG_INVALID for a file that is missing or is not TOML. */
export function readConfigFile(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new EvtrackError('CONFIG_INVALID', `The configuration file ${path} cannot be read.`, {
      next: 'Check the path and its permissions, or leave --config out to run with the defaults.',
      cause,
    })
  }
  try {
    return mapKeys(parse(text), camelKey)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    throw new EvtrackError(
      'CONFIG_INVALID',
      `${path} is not TOML: line ${cause.line}, column ${cause.column}: ${cause.message.split('\n')[0]}`,
      { next: 'Correct that line. Text values need quotes: name = "mast-3".', cause },
    )
  }
}

/** Later objects win, key by key; arrays and plain values are replaced whole. */
export function mergeConfig(base: unknown, over: unknown): unknown {
  if (over === undefined) return base
  if (!isPlainObject(base) || !isPlainObject(over)) return over
  const merged = new Map(Object.entries(base))
  for (const [key, value] of Object.entries(over))
    merged.set(key, mergeConfig(merged.get(key), value))
  // Not by assignment: a key named __proto__ stays a key, which no schema knows.
  return Object.fromEntries(merged)
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** File (if any) and then the command line's overrides over the defaults; validated and frozen. */
export function loadConfig(path: string | undefined, overrides: unknown = {}): Config {
  const file = path === undefined ? {} : readConfigFile(path)
  return parseConfig(mergeConfig(file, overrides), path ?? 'the command line')
}
