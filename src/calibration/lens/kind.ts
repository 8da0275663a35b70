import type { Size } from '../../events/geometry.js'
import type { ApsImage } from '../../events/signals.js'
import { type Board, checkBoard, cornerCount } from '../board/board.js'
import type {
  CalibrationKind,
  Measurement,
  MeasurementContext,
  Outcome,
  Picture,
  Progress,
} from '../kind.js'
import { failed, told } from '../limits.js'
import { fullScale, lightOf } from '../picture-statistics.js'
import { type Depiction, pictureOf } from '../pictures/depiction.js'
import { boardNow, coverage, fitPictures, seenBoard } from '../pictures/lens.js'
import { analyseLens } from './analyse.js'
import { type BoardFinder, finderFor } from './board-finder.js'
import { lensExports } from './exports.js'
import { ViewCollection, WANTED } from './guidance.js'
import type { LensOptions } from './lens-schema.js'
import { loadOpenCv, type OpenCv, OpenCvError } from './opencv.js'
import type { Corners } from './refine.js'
import { collectionRows, fitRows, lightRow, TOO_BRIGHT_NOTE } from './rows.js'
import { solveLens } from './solve.js'
import { viewOf } from './view.js'

/** A person does not move a board faster than new views are worth. */
const LOOK_EVERY_US = 200_000
const PICTURE_INTERVAL_US = 100_000
/** A corner that moves further than this while it is exposed is blurred, pixels. */
const MOST_BLUR = 0.5
/** With this share of pixels at the top of the range the paper is saturated, 0..1. */
const TOO_BRIGHT = 0.2
/** Mean of a picture in which nothing is seen, of 255. */
const TOO_DARK = 8
/** Fewer views determine nothing. */
const LEAST_VIEWS = 6
/** A first fit after so many more views; believed when it knows the focal length to this share. */
const SOLVE_EVERY = 5
const ROUGHLY = 0.1

/** The kind with OpenCV loaded. Throws CALIBRATION_FAILED where that cannot be. */
export async function loadLensKind(): Promise<CalibrationKind<LensOptions>> {
  const cv = await loadOpenCv()
  return {
    name: 'lens',
    title: 'Lens',
    ask: 'Print the board with `evtrackd board`, fix it to something flat, and hold it before the camera: everywhere in the picture, turned to all sides, near and far. Hold still a moment in each pose.',
    needs: ['images'],
    seconds: 90,
    dataVersion: 1,
    needsCamera: false,
    emulated: 'boards',
    prepare: (preset) => ({
      ...preset,
      dvs: { ...preset.dvs, run: false },
      aps: {
        ...preset.aps,
        run: true,
        globalShutter: true,
        startColumn: 0,
        startRow: 0,
        endColumn: 345,
        endRow: 259,
        frameIntervalUs: PICTURE_INTERVAL_US,
      },
    }),
    create: (context) => new LensMeasurement(cv, context),
  }
}

class LensMeasurement implements Measurement {
  readonly #cv: OpenCv
  readonly #context: MeasurementContext<LensOptions>
  readonly #board: Board
  readonly #finder: BoardFinder
  readonly #views: ViewCollection
  readonly #gray: Uint8Array
  /** Pictures by what became of them. */
  readonly #count = { seen: 0, bright: 0, dark: 0, empty: 0, moved: 0 }
  #before: { readonly tUs: number; readonly corners: Corners } | undefined
  #now: Corners | undefined
  #example: Picture | undefined
  #lookUs = Number.NEGATIVE_INFINITY

  constructor(cv: OpenCv, context: MeasurementContext<LensOptions>) {
    const { size, options } = context
    this.#cv = cv
    this.#context = context
    this.#board = checkBoard(options)
    this.#finder = finderFor(cv, this.#board)
    this.#views = new ViewCollection(size)
    this.#gray = new Uint8Array(size.width * size.height)
  }

  image(image: ApsImage): void {
    const { size } = this.#context
    const whole = image.width === size.width && image.height === size.height
    if (!whole || image.tUs < this.#lookUs + LOOK_EVERY_US) return
    this.#lookUs = image.tUs
    this.#count.seen++
    toGray(image, this.#gray)
    const { saturated, mean } = lightOf(image)
    if (saturated > TOO_BRIGHT) this.#count.bright++
    else if (mean < TOO_DARK) this.#count.dark++
    else this.#look(image)
  }

  gap(): void {
    this.#before = undefined
    this.#lookUs = Number.NEGATIVE_INFINITY
  }

  #look(image: ApsImage): void {
    const { size } = this.#context
    const corners = this.#finder.find(this.#gray, size)
    const before = this.#before
    this.#now = corners
    this.#before = { tUs: image.tUs, corners }
    const view = viewOf(corners, this.#board, size)
    if (view === undefined) {
      this.#count.empty++
      return
    }
    // Whether it moves is known from the second picture on.
    if (before === undefined) return
    const seconds = (image.tUs - before.tUs) / 1e6
    if (blurOf(before.corners, corners, exposureOf(image) / 1e6 / seconds) > MOST_BLUR) {
      this.#count.moved++
      return
    }
    if (!this.#views.offer(view)) return
    this.#example ??= pictureOf('lens-board', seenBoard(this.#gray, corners, size))
    if (this.#views.views.length % SOLVE_EVERY === 0) this.#learnFocal()
  }

  /** A first fit, so that the guidance knows how far the board is turned. */
  #learnFocal(): void {
    try {
      const { lens, sigma } = solveLens(this.#cv, this.#corners(), this.#target())
      if (sigma.fx < ROUGHLY * lens.fx) this.#views.focal = lens.fx
    } catch (error) {
      if (!(error instanceof OpenCvError)) throw error
      // The views do not determine it yet.
    }
  }

  #corners(): Corners[] {
    return this.#views.views.map(({ corners }) => corners)
  }

  #target(): { board: Board; size: Size } {
    return { board: this.#board, size: this.#context.size }
  }

  progress(): Progress {
    const { seen, bright, dark } = this.#count
    const { fields, covered } = this.#views.coverage()
    const views = this.#views.views.length
    const corners = this.#now ?? { ids: [], points: [] }
    const light =
      bright > seen / 2
        ? 'too bright: shorten the exposure'
        : dark > seen / 2
          ? 'too dark: lengthen the exposure, or take the cap off'
          : undefined
    const hint = light ?? (corners.ids.length === 0 ? 'no board in sight' : this.#views.hint())
    return {
      text: `${views} of ${WANTED.views} views, ${covered} of 16 fields: ${hint}`,
      figures: {
        views,
        fields: covered,
        /** Bit 0: the field at the upper left; row by row. */
        field_mask: fields.reduce((mask, on, i) => mask | (on ? 1 << i : 0), 0),
        corners: corners.ids.length,
        ...Object.fromEntries(
          corners.ids.flatMap((id, i) => [
            [`corner_${id}_x`, corners.points[i]![0]],
            [`corner_${id}_y`, corners.points[i]![1]],
          ]),
        ),
      },
      ...(this.#views.complete && { share: 1 }),
    }
  }

  depict(): Depiction | undefined {
    if (this.#count.seen === 0) return undefined
    return boardNow({
      views: this.#views,
      size: this.#context.size,
      gray: this.#gray,
      corners: this.#now ?? { ids: [], points: [] },
      text: this.progress().text,
    })
  }

  done(): boolean {
    return this.#views.complete
  }

  finish(): Outcome {
    const { size } = this.#context
    const { views } = this.#views
    const light = lightRow(this.#count)
    const collected = collectionRows(this.#views)
    const where = pictureOf('lens-coverage', coverage(this.#views, size), collected[1])
    const pictures = [where, ...(this.#example ? [this.#example] : [])]
    if (views.length < LEAST_VIEWS) {
      const rows = [light, failed('views', this.#whyNoViews())]
      return { rows, data: { views: views.length }, pictures, exports: [] }
    }
    try {
      const analysis = analyseLens(this.#cv, this.#corners(), this.#target())
      const { lens, rms } = analysis.fit
      this.#views.focal = lens.fx
      const rows = [
        // Counted again: now it is known how far the board was turned.
        ...collectionRows(this.#views),
        light,
        told('pictures that were blurred by motion', this.#count.moved, ''),
        ...fitRows(analysis),
      ]
      const rowOf = (name: string) => rows.find((each) => each.name === name)
      return {
        rows,
        data: {
          lens,
          rms,
          heldOutRms: analysis.heldOutRms,
          sigma: analysis.fit.sigma,
          board: this.#board,
          views: analysis.views,
        },
        settings: { lens },
        pictures: [...pictures, ...fitPictures(analysis, this.#board, rowOf)],
        exports: lensExports(lens, { rms, views: analysis.views.length, board: this.#board }),
      }
    } catch (error) {
      if (!(error instanceof OpenCvError)) throw error
      const row = failed(
        'fit',
        'The views contradict each other: is the board flat, and is its size right?',
      )
      return { rows: [...collected, light, row], data: {}, pictures, exports: [] }
    }
  }

  #whyNoViews(): string {
    const { seen, bright, dark, empty, moved } = this.#count
    const found = this.#views.views.length
    const { columns, rows } = this.#board
    if (seen === 0) return 'No whole picture came: the picture must not be cut in the preset.'
    if (bright > seen / 2) return TOO_BRIGHT_NOTE
    if (dark > seen / 2)
      return 'The pictures are dark: take the cap off, add light, or run `evtrackd calibrate exposure`.'
    if (empty > seen / 2)
      return `The board was hardly ever seen: is it the one of \`evtrackd board\` with ${columns} × ${rows} squares, in focus, and does it fill half of the picture?`
    if (moved > seen / 2)
      return 'The board moved in most pictures: hold it still for a second in each pose, or shorten the exposure.'
    return `Only ${found} different views of ${cornerCount(this.#board)} corners were seen, all others were like them: move and turn the board.`
  }
}

function exposureOf({ exposureUs, startOfExposureUs, endOfExposureUs }: ApsImage): number {
  return exposureUs ?? Math.max(0, endOfExposureUs - startOfExposureUs)
}

/** How far the fastest corner moved during the exposure, pixels; `share`: exposure over time between the pictures. */
function blurOf(before: Corners, now: Corners, share: number): number {
  let most = 0
  now.ids.forEach((id, i) => {
    const k = before.ids.indexOf(id)
    if (k < 0) return
    const [x, y] = now.points[i]!
    most = Math.max(most, Math.hypot(x - before.points[k]![0], y - before.points[k]![1]))
  })
  return most * share
}

// hot
function toGray(image: ApsImage, gray: Uint8Array): void {
  const { pixels, channels } = image
  const scale = 255 / fullScale(image)
  const n = gray.length
  // Colour pictures of recordings are gray in all channels.
  for (let i = 0; i < n; i++) gray[i] = Math.min(255, Math.round(pixels[i * channels]! * scale))
}
