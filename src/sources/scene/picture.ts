import { EvtrackError } from '../../events/errors.js'

/** A gray picture, 8 bits a pixel, row-major; `alpha` (0..255, same size) cuts an object out of it. */
export interface GrayPicture {
  readonly width: number
  readonly height: number
  readonly gray: Uint8Array
  readonly alpha?: Uint8Array
}

/** Pictures that a scene may name. */
export type Pictures = ReadonlyMap<string, GrayPicture>

/** Throws CONFIG_INVALID when the scene names a picture it was not given, or one whose planes have the wrong length. */
export function findPicture(pictures: Pictures, name: string | undefined): GrayPicture {
  const picture = name === undefined ? undefined : pictures.get(name)
  if (!picture) {
    throw new EvtrackError('CONFIG_INVALID', `The scene has no picture "${name ?? ''}".`, {
      next: 'Hand the picture to createScene under this name, or choose a procedural kind.',
      data: { picture: name, known: [...pictures.keys()].slice(0, 20) },
    })
  }
  const pixels = picture.width * picture.height
  const planes = [picture.gray, picture.alpha ?? picture.gray]
  if (!(pixels > 0) || planes.some((plane) => plane.length !== pixels)) {
    throw new EvtrackError('CONFIG_INVALID', `The picture "${name}" does not have its size.`, {
      next: 'Give gray (and alpha) planes of width × height bytes.',
      data: { width: picture.width, height: picture.height, gray: picture.gray.length },
    })
  }
  return picture
}

/** A square region of a plane, `span` pixels wide around (u, v). */
export interface Spot {
  readonly u: number
  readonly v: number
  readonly span: number
}

/** Mean of a plane over a spot: bilinear samples a pixel apart, so that shrinking a picture does not alias. */
export function sampleArea(plane: Uint8Array, size: GrayPicture, spot: Spot): number {
  const n = Math.max(1, Math.round(spot.span))
  const step = spot.span / n
  const start = -spot.span / 2 + step / 2
  let sum = 0
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < n; i++) {
      sum += bilinear(plane, size, [spot.u + start + i * step, spot.v + start + j * step])
    }
  }
  return sum / (n * n)
}

/** Clamped at the border; (0, 0) is the centre of the first pixel. */
function bilinear(plane: Uint8Array, size: GrayPicture, at: readonly [number, number]): number {
  const u = Math.min(Math.max(at[0], 0), size.width - 1)
  const v = Math.min(Math.max(at[1], 0), size.height - 1)
  const x = Math.floor(u)
  const y = Math.floor(v)
  const right = Math.min(x + 1, size.width - 1)
  const row = y * size.width
  const below = Math.min(y + 1, size.height - 1) * size.width
  const fx = u - x
  const top = plane[row + x]! * (1 - fx) + plane[row + right]! * fx
  const bottom = plane[below + x]! * (1 - fx) + plane[below + right]! * fx
  return top + (bottom - top) * (v - y)
}
