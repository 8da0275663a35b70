import type { Preset } from '../davis346/schema.js'
import { EvtrackError } from '../events/errors.js'
import type { ApsImage } from '../events/signals.js'
import type { CalibrationKind, Measurement, MeasurementContext, Outcome, Progress } from './kind.js'
import { failed, judged, LIMITS, told } from './limits.js'
import { lightOf, type PictureStatistics } from './picture-statistics.js'
import { type Depiction, pictureOf } from './pictures/depiction.js'
import { brightness, brightnessBins, exposureWay } from './pictures/exposure.js'
import type { ExposureOptions } from './schema.js'

/** So many pictures in a row must be right. */
const STEADY = 3
/** One step makes the exposure at most this much longer or shorter. */
const MAX_STEP = 6
/** With more saturated pixels than this the mean says too little about how much too bright it is. */
const BLIND = 0.25

export const exposureKind: CalibrationKind<ExposureOptions> = {
  name: 'exposure',
  title: 'Exposure of the pictures',
  ask: 'Point the camera at the scene in the light in which it will work.',
  needs: ['images'],
  seconds: 30,
  dataVersion: 1,
  needsCamera: true,
  emulated: 'still',
  prepare: (preset) => ({ ...preset, aps: { ...preset.aps, run: true } }),
  create: (context) => new ExposureLoop(context),
}

/** The exposure to try next. Pure: the mean follows the exposure as long as little is saturated. */
export function nextExposure(
  exposureUs: number,
  seen: PictureStatistics,
  options: Pick<ExposureOptions, 'target' | 'minUs' | 'maxUs'>,
): number {
  const wanted = options.target / Math.max(0.5, seen.mean)
  // What is saturated was cut off: the true mean is higher than the one seen.
  const factor = seen.saturated > BLIND ? Math.min(wanted, 0.35) : wanted
  const step = Math.min(MAX_STEP, Math.max(1 / MAX_STEP, factor))
  return Math.min(options.maxUs, Math.max(options.minUs, Math.round(exposureUs * step)))
}

interface Tried extends PictureStatistics {
  readonly exposureUs: number
}

class ExposureLoop implements Measurement {
  readonly #options: ExposureOptions
  readonly #tried: Tried[] = []
  /** Of the last picture that counted. */
  #bins: number[] = []
  #preset: Preset
  #wanted: Preset | undefined
  #right = 0
  /** Pictures that were under way while the exposure changed do not count. */
  #waitFor = 1

  constructor({ preset, options }: MeasurementContext<ExposureOptions>) {
    if (preset === undefined || options.minUs > options.maxUs) {
      throw new EvtrackError('CALIBRATION_FAILED', 'The exposure cannot be set.', {
        next: 'Give a camera, and min_us not above max_us.',
      })
    }
    this.#preset = preset
    this.#options = options
  }

  image(image: ApsImage): void {
    if (this.#wanted !== undefined) return
    const { exposureUs } = this.#preset.aps
    const latched = image.exposureUs
    if (latched !== undefined && Math.abs(latched - exposureUs) > Math.max(2, 0.02 * exposureUs))
      return
    if (latched === undefined && this.#waitFor-- > 0) return
    const seen = lightOf(image)
    this.#tried.push({ ...seen, exposureUs })
    this.#bins = brightnessBins(image)
    this.#right = this.#isRight(seen) ? this.#right + 1 : 0
    if (this.#right > 0) return
    const next = nextExposure(exposureUs, seen, this.#options)
    if (next !== exposureUs) this.#want(next)
  }

  #isRight({ mean, saturated }: PictureStatistics): boolean {
    const { target } = this.#options
    // A margin to the limit, so that what is kept stays within it.
    return Math.abs(mean - target) <= 0.04 * target && 100 * saturated < 1
  }

  #want(exposureUs: number): void {
    const { aps } = this.#preset
    const frameIntervalUs = Math.max(aps.frameIntervalUs, exposureUs)
    this.#wanted = { ...this.#preset, aps: { ...aps, exposureUs, frameIntervalUs } }
  }

  want(): Preset | undefined {
    return this.#wanted
  }

  applied(preset: Preset): void {
    this.#preset = preset
    this.#wanted = undefined
    this.#waitFor = 2
  }

  done(): boolean {
    return this.#right >= STEADY
  }

  progress(): Progress {
    const last = this.#tried.at(-1)
    if (last === undefined) return { text: 'waiting for pictures', figures: {} }
    return {
      text: `${last.exposureUs} us: mean ${last.mean.toFixed(0)}, ${(100 * last.saturated).toFixed(1)} % saturated`,
      figures: { exposure_us: last.exposureUs, mean: last.mean, saturated: last.saturated },
    }
  }

  #histogram({ mean, exposureUs }: Tried): Depiction {
    return brightness(this.#bins, { target: this.#options.target, mean, exposureUs })
  }

  depict(): Depiction | undefined {
    const last = this.#tried.at(-1)
    return last && this.#histogram(last)
  }

  finish(): Outcome {
    const last = this.#tried.at(-1)
    if (last === undefined) {
      const note = 'No picture came: switch them on in the preset (aps.run).'
      return { rows: [failed('pictures', note)], data: {}, pictures: [], exports: [] }
    }
    const { target, minUs, maxUs } = this.#options
    const limits = LIMITS.exposure
    const dark = last.mean < target
    const atEnd = last.exposureUs === (dark ? maxUs : minUs)
    const why = dark
      ? 'Too dark: is the lens covered? Else open the aperture, add light, or raise max_us.'
      : 'Too bright: close the aperture, or use a filter.'
    const moving = 'The light changed while measuring: run again.'
    const rows = [
      judged('mean off the target', (100 * Math.abs(last.mean - target)) / target, {
        limit: limits.meanError,
        note: atEnd || last.black > 0.9 ? why : moving,
      }),
      judged('saturated', 100 * last.saturated, {
        limit: limits.saturated,
        note: 'Parts of the picture are too bright at the right mean: a lower target keeps them.',
      }),
      told('exposure', last.exposureUs, 'us'),
      told('pictures looked at', this.#tried.length, ''),
    ]
    return {
      rows,
      data: { exposureUs: last.exposureUs, mean: last.mean, saturated: last.saturated, target },
      settings: {
        preset: {
          aps: {
            exposureUs: last.exposureUs,
            frameIntervalUs: this.#preset.aps.frameIntervalUs,
          },
        },
      },
      pictures: [
        pictureOf('brightness', this.#histogram(last), rows[0]),
        pictureOf(
          'exposure',
          exposureWay(
            this.#tried.map(({ mean }) => mean),
            target,
          ),
          rows[0],
        ),
      ],
      exports: [],
    }
  }
}
