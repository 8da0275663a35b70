import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import { boundaryOf } from './boundary.js'
import type { NetworkDescription } from './exact/network-schema.js'
import { invalidPackage as invalid } from './invalid-package.js'
import { describeIssue, readNetwork } from './read-network.js'
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
  /** The network as integers, checked; its arrays are in `files`. Null where the package describes none. */
  readonly network: NetworkDescription | null
  /** Contents by file name, hashes verified. */
  readonly files: Readonly<Record<string, Uint8Array>>
}

/**
 * Reads a package folder and verifies every file it lists.
 * @throws EvtrackError MODEL_INVALID naming the file and what was expected; MODEL_UNSUPPORTED for another layout.
 */
export async function loadModelPackage(dir: string): Promise<ModelPackage> {
  const text = await readPart(dir, 'model.json')
  const manifest = parseManifest(dir, text)
  // Without a prototype: a package may name no file `constructor` and use one.
  const files: Record<string, Uint8Array> = Object.create(null)
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
  const described = readNetwork(dir, manifest, files)
  const { input, network, decode } = manifest
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
    ...(decode.windowStrength === null ? {} : { windowStrength: decode.windowStrength }),
    ...(decode.minBoxPx === 0 ? {} : { minBoxPx: decode.minBoxPx }),
  }
  return { dir, spec, manifest, network: described, files }
}

async function readPart(dir: string, name: string): Promise<Uint8Array> {
  try {
    const buffer = await readFile(join(dir, name))
    // A plain array of its own memory: Buffer's pooled memory would travel along when posted to a thread.
    return new Uint8Array(buffer)
  } catch (cause) {
    throw invalid(dir, `${name} cannot be read`, { file: name, cause })
  }
}

function parseManifest(dir: string, text: Uint8Array): ModelManifest {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(text))
  } catch (cause) {
    throw invalid(dir, 'model.json is not JSON', { file: 'model.json', cause })
  }
  const version = (json as { schemaVersion?: unknown } | null)?.schemaVersion
  if (Number.isInteger(version) && version !== MODEL_SCHEMA_VERSION) {
    const newer = Number(version) > MODEL_SCHEMA_VERSION
    throw new EvtrackError(
      'MODEL_UNSUPPORTED',
      `Model package ${basename(dir)} has layout ${version}; this runtime reads layout ${MODEL_SCHEMA_VERSION}.`,
      {
        next: newer
          ? 'Update evtrackd, or use a package made for this version.'
          : 'Export the package again from its checkpoint (scripts/train/export.py), or use a newer one.',
        data: { dir, version, expected: MODEL_SCHEMA_VERSION },
      },
    )
  }
  const parsed = modelSchema.safeParse(json)
  if (!parsed.success) {
    throw invalid(dir, `model.json: ${describeIssue(parsed.error)}`, { file: 'model.json' })
  }
  return parsed.data
}

/** What the manifest's parts must agree on among themselves. */
function checkReferences(dir: string, manifest: ModelManifest): void {
  const { graphs, golden, files } = manifest
  const used = [...Object.values(graphs).flatMap((g) => [g.template, g.search]), golden.file]
  if (manifest.integers !== null) used.push(manifest.integers)
  for (const name of used) {
    if (!Object.hasOwn(files, name)) {
      throw invalid(dir, `model.json uses ${name} but does not list it in files`, { file: name })
    }
  }
  const end = files[golden.file]?.bytes ?? 0
  const batch = golden.tensors[0]?.shape[0]
  for (const [i, tensor] of golden.tensors.entries()) {
    const { name, dtype, shape, offset } = tensor
    const bytes = shape.reduce((a, b) => a * b, dtype === 'float32' ? 4 : 1)
    if (offset % 4 !== 0 || offset + bytes > end) {
      throw invalid(dir, `golden tensor ${name} lies outside ${golden.file} or is not aligned`, {
        tensor: name,
      })
    }
    if (golden.tensors.findIndex((other) => other.name === name) !== i) {
      throw invalid(dir, `golden tensor ${name} is there twice`, { tensor: name })
    }
  }
  for (const [name, shape] of boundaryOf(manifest)) {
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
    const dtype = name.endsWith('.crop') ? 'uint8' : tensor.dtype
    if (tensor.dtype !== dtype) {
      throw invalid(dir, `golden tensor ${name} is ${tensor.dtype}, expected ${dtype}`, {
        tensor: name,
      })
    }
  }
}

function hash(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
