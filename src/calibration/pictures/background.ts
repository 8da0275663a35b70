import type { EventBatch } from '../../events/batch.js'
import type { Size } from '../../events/geometry.js'
import type { ApsImage } from '../../events/signals.js'
import { fullScale } from '../picture-statistics.js'
import { grayOf, heatOf, type Tones } from './tones.js'

/** What lies behind zones and surveyed points: the camera's last picture, else where events were. */
export class Background {
  readonly #size: Size
  readonly #counts: Uint32Array
  #events = 0
  #gray: Tones | undefined

  constructor(size: Size) {
    this.#size = size
    this.#counts = new Uint32Array(size.width * size.height)
  }

  // hot
  events({ length, x, y }: EventBatch): void {
    const { width, height } = this.#size
    const counts = this.#counts
    for (let i = 0; i < length; i++)
      if (x[i]! < width && y[i]! < height) counts[y[i]! * width + x[i]!]!++
    this.#events += length
  }

  image(image: ApsImage): void {
    const { width, height } = this.#size
    if (image.width !== width || image.height !== height || image.channels !== 1) return
    this.#gray = grayOf(image.pixels, fullScale(image))
  }

  /** Undefined when nothing was seen. */
  tones(): Tones | undefined {
    if (this.#gray !== undefined) return this.#gray
    if (this.#events === 0) return undefined
    const { scale: _, ...tones } = heatOf(this.#counts, { label: '', perUnit: 1 })
    return tones
  }
}
