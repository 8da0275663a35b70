import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EvtrackError } from '../events/errors.js'
import type { GrayPicture } from '../sources/scene/picture.js'

const ALPHA = '.alpha.pgm'

/**
 * Reads a folder of binary 8-bit PGM files; `name.alpha.pgm` beside `name.pgm` makes it a cut-out.
 * @throws EvtrackError CONFIG_INVALID naming the file that is not one.
 */
export function readPictures(folder: string): Map<string, GrayPicture> {
  const names = readdirSync(folder).sort()
  const known = new Set(names)
  const pictures = new Map<string, GrayPicture>()
  for (const file of names) {
    if (!file.endsWith('.pgm') || file.endsWith(ALPHA)) continue
    const name = file.slice(0, -'.pgm'.length)
    const picture = readPgm(join(folder, file))
    if (!known.has(name + ALPHA)) {
      pictures.set(name, picture)
      continue
    }
    const alpha = readPgm(join(folder, name + ALPHA))
    if (alpha.width !== picture.width || alpha.height !== picture.height) {
      throw wrong(join(folder, name + ALPHA), `not ${picture.width} x ${picture.height}`)
    }
    pictures.set(name, { ...picture, alpha: alpha.gray })
  }
  return pictures
}

function readPgm(path: string): GrayPicture {
  const content = new Uint8Array(readFileSync(path))
  const head = new TextDecoder('latin1').decode(content.subarray(0, 64))
  const match = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(head)
  if (match === null) throw wrong(path, 'not a binary 8-bit PGM')
  const [width, height] = [Number(match[1]), Number(match[2])]
  const gray = content.subarray(match[0].length)
  if (gray.length !== width * height) throw wrong(path, `not ${width * height} pixels long`)
  return { width, height, gray }
}

function wrong(path: string, what: string): EvtrackError {
  return new EvtrackError('CONFIG_INVALID', `The picture ${path} is ${what}.`, {
    next: 'Convert the pictures with scripts/train/pictures.py.',
    data: { path },
  })
}
