import t from 'tap'
import { exposureKind, nextExposure } from '../../src/calibration/exposure.js'
import { focusKind } from '../../src/calibration/focus.js'
import { worst } from '../../src/calibration/kind.js'
import { lightOf } from '../../src/calibration/picture-statistics.js'
import { loadPreset } from '../../src/davis346/presets.js'
import { createWorld, type WorldOptions } from '../../src/sources/emulated-world.js'
import { picture, row, start } from './helpers.js'

const OPTIONS = { target: 127, minUs: 20, maxUs: 40_000 }
const AREA = 346 * 260

function shot(world: ReturnType<typeof createWorld>, tUs: number, exposureUs: number) {
  const into = new Uint16Array(AREA)
  world.stimulus.image?.(tUs, into, exposureUs)
  // The converter's ten bits, left aligned as the camera sends them.
  return picture(
    into.map((v) => v << 6),
    tUs,
    exposureUs,
  )
}

async function expose(world: WorldOptions, from: number) {
  const preset = await loadPreset('default')
  const camera = createWorld(world)
  let now = { ...preset, aps: { ...preset.aps, exposureUs: from } }
  const loop = start(exposureKind, { options: OPTIONS, seconds: 30, preset: now })
  let pictures = 0
  for (; pictures < 60 && !loop.done?.(); pictures++) {
    loop.image?.(shot(camera, pictures * 40_000, now.aps.exposureUs))
    const wanted = loop.want?.()
    if (wanted === undefined) continue
    now = wanted
    loop.applied?.(wanted, 0)
  }
  return { ...loop.finish(), pictures }
}

t.test('from far too dark and far too bright to the middle, in a few pictures', async (t) => {
  for (const radiance of [40, 120, 2000]) {
    for (const from of [30, 4000, 40_000]) {
      const { rows, settings, pictures } = await expose({ seed: 1, radiance }, from)
      t.equal(worst(rows), 'PASS', `radiance ${radiance} from ${from} us`)
      t.ok(pictures <= 15, `${pictures} pictures`)
      t.ok(settings!.preset!.aps!.frameIntervalUs! >= settings!.preset!.aps!.exposureUs!)
    }
  }
})

t.test('a covered lens fails and says what to do', async (t) => {
  const { rows } = await expose({ seed: 1, uncoverUs: Number.POSITIVE_INFINITY }, 4000)
  t.equal(worst(rows), 'FAIL')
  t.match(row(rows, 'mean off the target').note, 'covered')
})

t.test('too bright at the shortest exposure', async (t) => {
  const { rows } = await expose({ seed: 1, radiance: 1e6 }, 4000)
  t.equal(worst(rows), 'FAIL')
  t.match(row(rows, 'mean off the target').note, 'aperture')
})

t.test('no picture, no camera', async (t) => {
  const preset = await loadPreset('default')
  const loop = start(exposureKind, { options: OPTIONS, seconds: 30, preset })
  t.equal(worst(loop.finish().rows), 'FAIL')
  t.throws(() => start(exposureKind, { options: OPTIONS, seconds: 30 }), {
    code: 'CALIBRATION_FAILED',
  })
})

t.test('what is saturated shortens by more than its mean says', async (t) => {
  const seen = { mean: 250, saturated: 0.9, black: 0 }
  t.ok(nextExposure(4000, seen, OPTIONS) < (4000 * 127) / 250)
  t.equal(nextExposure(25, { mean: 255, saturated: 1, black: 0 }, OPTIONS), 20, 'within the limits')
  t.same(lightOf({ pixels: Uint8Array.of(0, 255, 102, 102) }), {
    mean: 114.75,
    saturated: 0.25,
    black: 0.25,
  })
})

function focus(world: WorldOptions, untilUs: number) {
  const camera = createWorld(world)
  const measurement = start(focusKind, { options: {}, seconds: 20 })
  for (let tUs = 0; tUs <= untilUs; tUs += 200_000) measurement.image?.(shot(camera, tUs, 4000))
  return measurement.finish()
}

t.test('the ring is turned over the peak and back to it', async (t) => {
  const { rows, data } = focus({ seed: 1, focusSweepUs: 20e6 }, 20e6)
  t.equal(worst(rows), 'PASS')
  t.equal(data['by'], 'pictures')
})

t.test('the ring is left beside the peak, or not turned at all', async (t) => {
  const beside = focus({ seed: 1, focusSweepUs: 20e6 }, 13.5e6)
  t.equal(row(beside.rows, 'score at the end against the best').verdict, 'FAIL')
  const still = focus({ seed: 1 }, 10e6)
  t.equal(row(still.rows, 'best against worst').verdict, 'FAIL')
})

t.test('a covered lens has no focus', async (t) => {
  const { rows } = focus({ seed: 1, uncoverUs: Number.POSITIVE_INFINITY }, 5e6)
  t.equal(worst(rows), 'FAIL')
  t.match(rows[0]?.note, 'cover')
})
