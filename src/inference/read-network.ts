import type { z } from 'zod'
import { boundaryOf } from './boundary.js'
import { NetworkMismatch, openNetwork } from './exact/network.js'
import { type NetworkDescription, networkSchema } from './exact/network-schema.js'
import { invalidPackage } from './invalid-package.js'
import type { ModelManifest } from './schema.js'

/** network.json against its layout, its arrays, and what model.json says of crops, state and maps. */
export function readNetwork(
  dir: string,
  manifest: ModelManifest,
  files: Readonly<Record<string, Uint8Array>>,
): NetworkDescription | null {
  const file = manifest.integers
  if (file === null) return null
  const refuse = (what: string, cause?: unknown) =>
    invalidPackage(dir, `${file}: ${what}`, { file, cause })
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder().decode(files[file]))
  } catch (cause) {
    throw refuse('not JSON', cause)
  }
  const parsed = networkSchema.safeParse(json)
  if (!parsed.success) throw refuse(describeIssue(parsed.error))
  const network = parsed.data
  const data = files[network.data]
  if (data === undefined) throw refuse(`uses ${network.data}, which model.json does not list`)
  try {
    openNetwork(network, data)
  } catch (cause) {
    if (!(cause instanceof NetworkMismatch)) throw cause
    throw refuse(cause.message, cause)
  }
  const have = boundaryShapes(network)
  for (const [name, shape] of boundaryOf(manifest)) {
    const found = have.get(name)?.join() ?? 'missing'
    if (found === shape.join()) continue
    throw refuse(`tensor ${name} is ${found}, expected ${shape.join()} as model.json says`)
  }
  return network
}

function boundaryShapes({ parts }: NetworkDescription): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>()
  for (const [part, { inputs, layers, outputs }] of Object.entries(parts)) {
    for (const { name, shape } of inputs) shapes.set(`${part}.${name}`, shape)
    for (const { name, layer } of outputs) {
      const from = layers.find((each) => each.name === layer)
      if (from !== undefined) shapes.set(`${part}.${name}`, from.output.shape)
    }
  }
  return shapes
}

export function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0]
  return issue === undefined
    ? 'invalid'
    : `${issue.path.join('.') || 'top level'}: ${issue.message}`
}
