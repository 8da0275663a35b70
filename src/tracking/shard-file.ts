import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Layout of shard headers; scripts/train/data.py reads the same one. */
export const SHARD_VERSION = 1

/** One training pair. */
export interface Pair {
  /** Template crop, planar bytes. */
  readonly z: Uint8Array
  /** Search crop, planar bytes. */
  readonly x: Uint8Array
  /** The target in the search crop: left, top, right, bottom as shares of its side. Zeros when not visible. */
  readonly box: readonly [number, number, number, number]
  /** Whether what the template shows is to be found in the search crop. */
  readonly visible: boolean
  /** Seed of the scene, so that a split never cuts through one. */
  readonly scene: number
}

/**
 * Writes `name`.bin (arrays one after another, little-endian) and then `name`.json, whose appearance says that the shard
 * is complete: a trainer may watch the folder.
 */
export function writeShard(
  folder: string,
  name: string,
  shard: { readonly pairs: readonly Pair[]; readonly shapes: Record<'z' | 'x', readonly number[]> },
): void {
  const { pairs, shapes } = shard
  const count = pairs.length
  const box = new Float32Array(4 * count)
  const visible = new Uint8Array(count)
  const scene = new Uint32Array(count)
  for (const [i, pair] of pairs.entries()) {
    box.set(pair.box, 4 * i)
    visible[i] = pair.visible ? 1 : 0
    scene[i] = pair.scene
  }
  const arrays = [
    { name: 'box', dtype: 'float32', shape: [count, 4], parts: [box] },
    { name: 'scene', dtype: 'uint32', shape: [count], parts: [scene] },
    { name: 'visible', dtype: 'uint8', shape: [count], parts: [visible] },
    { name: 'z', dtype: 'uint8', shape: [count, ...shapes.z], parts: pairs.map((p) => p.z) },
    { name: 'x', dtype: 'uint8', shape: [count, ...shapes.x], parts: pairs.map((p) => p.x) },
  ]
  let offset = 0
  const chunks: Uint8Array[] = []
  const rows = arrays.map(({ name, dtype, shape, parts }) => {
    const row = { name, dtype, shape, offset }
    for (const part of parts) {
      chunks.push(new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
      offset += part.byteLength
    }
    return row
  })
  const path = join(folder, name)
  writeFileSync(`${path}.bin`, Buffer.concat(chunks))
  const header = { version: SHARD_VERSION, count, arrays: rows }
  writeFileSync(`${path}.json.part`, `${JSON.stringify(header)}\n`)
  renameSync(`${path}.json.part`, `${path}.json`)
}
