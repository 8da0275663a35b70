import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { z } from 'zod'
import { EvtrackError } from '../events/errors.js'
import { MODEL_SCHEMA_VERSION, type ModelManifest, modelSchema } from './schema.js'
import type { TrackerSpec } from './tracker-session.js'

/**
 * A verified model package in memory: plain data, so that it can be posted to the thread that runs it. Loading needs the
 * schema library; running does not.
 */
export interface ModelPackage {
  readonly dir: string
  readonly spec: TrackerSpec
  readonly manifest: ModelManifest
  /** Contents by file name, hashes verified. */
  readonly files: Readonly<Record<string, Uint8Array>>
}

/**
 * Reads a package folder and verifies every file it lists.
 * @throws EvtrackError MODEL_INVALID naming the file and what was expected; MODEL_UNSUPPORTED for a newer layout.
 */
export async function loadModelPackage(dir: string): Promise<ModelPackage> {
  const text = await readPart(dir, 'model.json')
  const manifest = parseManifest(dir, text)
  const files: Record<string, Uint8Array> = {}
  for (const [name, expected] of Object.entries(manifest.files)) {
    const content = await readPart(dir, name)
    if (content.byteLength !== expected.bytes) {
      throw invalid(dir, `${name} has ${content.byteLength} bytes, expected ${expected.bytes}`, {
        file: name,
      })
    }
    const sha256 = hash(content)
    if (sha256 !== expected.sha256) {
      throw invalid(dir, `${name} has sha256 ${sha256}, expected ${expected.sha256}`, {
        file: name,
        sha256,
        expected: expected.sha256,
      })
    }
    files[name] = content
  }
  checkReferences(dir, manifest)
  const { input, network } = manifest
  const spec: TrackerSpec = {
    name: manifest.name,
    // The manifest holds the hash of every other file, so its own hash names the whole package.
    sha256: hash(text),
    planes: input.planes,
    templateSize: input.templateSize,
    searchSize: input.searchSize,
    templateFactor: input.templateFactor,
    searchFactor: input.searchFactor,
    mapSize: network.mapSize,
  }
  return { dir, spec, manifest, files }
}

async function readPart(dir: string, name: string): Promise<Uint8Array> {
  try {
    const buffer = await readFile(join(dir, name))
    // A plain array of its own memory: Buffer's pooled memory would travel along when posted to a thread.
    return new Uint8Array(buffer)
  } catch (cause) {
    throw invalid(dir, `${name} cannot be read`, { file: name }, cause)
  }
}

function parseManifest(dir: string, text: Uint8Array): ModelManifest {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(text))
  } catch (cause) {
    throw invalid(dir, 'model.json is not JSON', { file: 'model.json' }, cause)
  }
  const version = (json as { schemaVersion?: unknown } | null)?.schemaVersion
  if (typeof version === 'number' && version > MODEL_SCHEMA_VERSION) {
    throw new EvtrackError(
      'MODEL_UNSUPPORTED',
      `Model package ${basename(dir)} has layout ${version}; this runtime reads layouts up to ${MODEL_SCHEMA_VERSION}.`,
      { next: 'Update evtrackd, or use a package made for this version.', data: { dir, version } },
    )
  }
  const parsed = modelSchema.safeParse(json)
  if (!parsed.success) {
    throw invalid(dir, `model.json: ${describeIssue(parsed.error)}`, { file: 'model.json' })
  }
  return parsed.data
}

function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0]
  return issue === undefined
    ? 'invalid'
    : `${issue.path.join('.') || 'top level'}: ${issue.message}`
}

/** What the manifest's parts must agree on among themselves. */
function checkReferences(dir: string, manifest: ModelManifest): void {
  const { graphs, golden, files, input, network, state } = manifest
  const used = [...Object.values(graphs).flatMap((g) => [g.template, g.search]), golden.file]
  for (const name of used) {
    if (files[name] === undefined) {
      throw invalid(dir, `model.json uses ${name} but does not list it in files`, { file: name })
    }
  }
  const planes = input.planes.length
  const square = (count: number, side: number) => [count, side, side]
  const expected: Record<string, readonly number[]> = {
    'template.crop': square(planes, input.templateSize),
    'search.crop': square(planes, input.searchSize),
    'search.score_logit': square(1, network.mapSize),
    'search.size_logit': square(2, network.mapSize),
    'search.offset_logit': square(2, network.mapSize),
  }
  for (const { name, shape } of state) expected[`template.${name}`] = shape
  const end = files[golden.file]?.bytes ?? 0
  const batch = golden.tensors[0]?.shape[0]
  for (const [name, shape] of Object.entries(expected)) {
    const tensor = golden.tensors.find((t) => t.name === name)
    if (tensor === undefined)
      throw invalid(dir, `golden tensor ${name} is missing`, { tensor: name })
    if (tensor.shape.join() !== [batch, ...shape].join()) {
      throw invalid(
        dir,
        `golden tensor ${name} has shape ${tensor.shape.join('x')}, expected ${[batch, ...shape].join('x')}`,
        { tensor: name },
      )
    }
    const bytes = tensor.shape.reduce((a, b) => a * b, tensor.dtype === 'float32' ? 4 : 1)
    if (tensor.offset % 4 !== 0 || tensor.offset + bytes > end) {
      throw invalid(dir, `golden tensor ${name} lies outside ${golden.file} or is not aligned`, {
        tensor: name,
      })
    }
  }
}

function hash(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}

function invalid(
  dir: string,
  what: string,
  data: Record<string, unknown>,
  cause?: unknown,
): EvtrackError {
  return new EvtrackError('MODEL_INVALID', `Model package ${basename(dir)} is refused: ${what}.`, {
    next: 'Copy the package again from where it came from, or choose another one.',
    data: { dir, ...data },
    cause,
  })
}
