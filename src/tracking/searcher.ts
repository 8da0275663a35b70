import type { Box, Size } from '../events/geometry.js'
import type { TemplateState, TrackerSession } from '../inference/tracker-session.js'
import type { Frame } from '../pipeline/frame.js'
import { type CropRegion, createCropper, cropRegion } from './crop.js'
import { decodePeak, type Peak, positionWindow } from './decode.js'

/** One question to the network: where near `box` is what `template` shows? */
export interface SearchRequest {
  readonly box: Box
  readonly template: TemplateState
  /** Factor on the side of the search region, 1 for the one the network was trained with. */
  readonly growth: number
}

/** Crops, runs and decodes; all requests of a window go to the network as one batch. Memory is taken once. */
export interface Searcher {
  template(frame: Frame, box: Box): Promise<TemplateState>
  /** Answers in the order of the requests, at most `capacity` of them. */
  search(frame: Frame, requests: readonly SearchRequest[]): Promise<Peak[]>
  /** Host milliseconds the session has worked since the last call. */
  takeSessionMs(): number
}

export function createSearcher(options: {
  readonly session: TrackerSession
  readonly size: Size
  readonly capacity: number
  readonly windowStrength: number
  readonly nowMs: () => number
}): Searcher {
  const { session, size: sensor, capacity, nowMs } = options
  const { spec } = session
  const templates = createCropper({ size: spec.templateSize, planes: spec.planes, sensor })
  const searches = createCropper({ size: spec.searchSize, planes: spec.planes, sensor })
  const templateCrop = new Uint8Array(templates.cropBytes)
  const crops = new Uint8Array(searches.cropBytes * capacity)
  let sessionMs = 0
  const strength = spec.windowStrength ?? options.windowStrength
  const window = strength > 0 ? positionWindow(spec.mapSize, strength) : undefined

  return {
    async template(frame, box) {
      const region = cropRegion(box, spec.templateFactor)
      templates.cropInto(templateCrop, frame, { region, prior: box })
      return timed(() => session.template(templateCrop))
    },
    async search(frame, requests) {
      if (requests.length === 0) return []
      const regions: CropRegion[] = []
      const states: TemplateState[] = []
      for (const [i, { box, template, growth }] of requests.entries()) {
        const region = cropRegion(box, spec.searchFactor * growth)
        const out = crops.subarray(i * searches.cropBytes, (i + 1) * searches.cropBytes)
        searches.cropInto(out, frame, { region, prior: box })
        regions.push(region)
        states.push(template)
      }
      const batch = crops.subarray(0, requests.length * searches.cropBytes)
      const maps = await timed(() => session.search(batch, states))
      return regions.map((region, index) =>
        decodePeak(maps, { index, region, ...(window === undefined ? {} : { window }) }),
      )
    },
    takeSessionMs() {
      const ms = sessionMs
      sessionMs = 0
      return ms
    },
  }

  async function timed<T>(work: () => Promise<T>): Promise<T> {
    const beganMs = nowMs()
    try {
      return await work()
    } finally {
      sessionMs += nowMs() - beganMs
    }
  }
}
