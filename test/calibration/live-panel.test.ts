import t from 'tap'
import { biasesKind } from '../../src/calibration/biases/kind.js'
import { exposureKind } from '../../src/calibration/exposure.js'
import { focusKind } from '../../src/calibration/focus.js'
import { groundKind } from '../../src/calibration/ground/kind.js'
import { hotPixelsKind } from '../../src/calibration/hot-pixels.js'
import { imuKind } from '../../src/calibration/imu.js'
import { type CalibrationKind, KIND_NAMES, type Measurement } from '../../src/calibration/kind.js'
import { AVAILABLE_KINDS, loadKind } from '../../src/calibration/kinds.js'
import { loadLensKind } from '../../src/calibration/lens/kind.js'
import { boardShow } from '../../src/calibration/lens/show.js'
import { panelOf } from '../../src/calibration/live-panel.js'
import { noiseKind } from '../../src/calibration/noise.js'
import { type Depiction, draw } from '../../src/calibration/pictures/depiction.js'
import { calibrationSchema } from '../../src/calibration/schema.js'
import { CalibrationSession } from '../../src/calibration/session.js'
import { timeKind } from '../../src/calibration/time.js'
import { zonesKind } from '../../src/calibration/zones.js'
import { loadPreset } from '../../src/davis346/presets.js'
import { createWorld } from '../../src/sources/emulated-world.js'
import { sceneByName } from '../../src/sources/scene/named.js'
import { createScene } from '../../src/sources/scene/scene.js'
import { picture, resting, start, watch } from './helpers.js'
import { imageOf } from './lens/boards.js'
import { textsOf, wellFormed } from './pictures/svg.js'

const OPTIONS = calibrationSchema.parse({})
const PRESET = await loadPreset('default')

/** As it comes out of another thread. */
function seen(depiction: Depiction | undefined): string {
  if (depiction === undefined) throw new Error('nothing to see')
  return wellFormed(draw(structuredClone(depiction)))
}

/** What is shown half way, and later. */
function twice(measurement: Measurement, step: (part: 0 | 1) => void): [string, string] {
  step(0)
  const first = seen(measurement.depict?.())
  step(1)
  return [first, seen(measurement.depict?.())]
}

const begin = <O>(kind: CalibrationKind<O>, options: O, seconds = 10) =>
  start(kind, { options, seconds, preset: PRESET })

t.test('hot pixels: the map, with more rings as more is known', async (t) => {
  const world = createWorld({ seed: 3, hotPixels: 30 })
  const measurement = begin(hotPixelsKind, OPTIONS.hotPixels, 4)
  t.equal(measurement.depict?.(), undefined, 'nothing yet')
  const [, later] = twice(measurement, (part) =>
    watch(measurement, world.stimulus, [part * 2e6, (part + 1) * 2e6]),
  )
  t.match(later, /30 hot pixels in 4.0 s/)
  t.equal(later.match(/<circle/g)?.length, 30)
})

t.test('biases: the rate with its band', async (t) => {
  const world = createWorld({ seed: 3, noiseHz: 2, hotPixels: 0 })
  const measurement = begin(biasesKind, OPTIONS.biases, 30)
  const [first, later] = twice(measurement, (part) =>
    watch(measurement, world.stimulus, [part * 5e5, (part + 1) * 5e5]),
  )
  t.not(first, later)
  const texts = textsOf(later)
  for (const text of ['events/s', 'should be here', 'time, s']) t.ok(texts.includes(text), text)
})

t.test('noise: what the usual filter makes of the dark and then of motion', async (t) => {
  const scene = sceneByName('clean', 2)
  const world = createWorld({
    seed: 2,
    noiseHz: 0.2,
    uncoverUs: 1e6,
    scene: createScene({
      ...scene,
      pixel: { ...scene.pixel, leakHz: 0, shotNoiseHz: 0, hotPixels: 0 },
    }),
  })
  const measurement = begin(noiseKind, { ...OPTIONS.noise, darkSeconds: 1 }, 3)
  const [dark, moving] = twice(measurement, (part) =>
    watch(measurement, world.stimulus, part === 0 ? [0, 9e5] : [9e5, 2e6]),
  )
  t.match(dark, /covered/)
  t.match(moving, /something moves/)
})

t.test('focus and exposure: curve and histogram of the pictures', async (t) => {
  const world = createWorld({ seed: 1, focusSweepUs: 2e6, radiance: 300 })
  const pixels = new Uint16Array(346 * 260)
  const shot = (tUs: number) => {
    world.stimulus.image?.(tUs, pixels, PRESET.aps.exposureUs)
    const scaled = pixels.map((v) => v << 6)
    return picture(scaled, tUs, PRESET.aps.exposureUs)
  }
  const focus = begin(focusKind, {}, 2)
  t.equal(focus.depict?.(), undefined)
  const [first, later] = twice(focus, (part) => {
    for (let i = 0; i < 8; i++) focus.image?.(shot(part * 1e6 + i * 1e5))
  })
  t.not(first, later)
  t.ok(textsOf(later).includes('leave the ring here'))
  const exposure = begin(exposureKind, OPTIONS.exposure, 2)
  exposure.image?.(shot(1.9e6))
  const bright = textsOf(seen(exposure.depict?.()))
  for (const text of ['mean should be here', 'share of the pixels, %', 'mean'])
    t.ok(bright.includes(text), text)
})

t.test('lens: the board now, and the fields that are missing', async (t) => {
  const kind = await loadLensKind()
  const measurement = start(kind, { options: OPTIONS.lens, seconds: 30, preset: PRESET })
  const show = boardShow({ seed: 1 })
  const pixels = new Uint16Array(346 * 260)
  const [first, later] = twice(measurement, (part) => {
    for (let i = 0; i < 9; i++) {
      const tUs = (part * 9 + i) * 250_000
      show(tUs, pixels)
      measurement.image?.(
        imageOf(
          pixels.map((v) => v << 6),
          tUs,
        ),
      )
    }
  })
  // Nothing else in this picture is filled by a little.
  const missing = (svg: string) => svg.match(/fill-opacity="0.18"/g)?.length ?? 0
  t.ok(missing(first) > missing(later), 'fewer fields are missing')
  t.match(later, /\d+ of 20 views, \d+ of 16 fields/)
  t.match(later, /<image/)
})

t.test('imu and time: the horizon, and the clocks that drift apart', async (t) => {
  const imu = begin(imuKind, {}, 2)
  t.equal(imu.depict?.(), undefined)
  for (let i = 0; i < 100; i++) imu.imu?.(resting(i * 1000, [0, 0, 0], [0, 1, 0.1]))
  t.match(seen(imu.depict?.()), /looking 5.7° up/)
  const time = begin(timeKind, {}, 10)
  t.equal(time.depict?.(), undefined)
  for (let ms = 0; ms < 10_000; ms++) time.time?.(ms * 1000, ms * 1000 * (1 + 20e-6) + 700)
  const texts = textsOf(seen(time.depict?.()))
  t.ok(
    texts.some((text) => /^20.00 ± 0.00 µs a second/.test(text)),
    texts.join(),
  )
})

t.test('zones and ground: over what the camera sees', async (t) => {
  const polygon: [number, number][] = [
    [10, 10],
    [200, 10],
    [200, 90],
  ]
  const zones = begin(zonesKind, { zones: [{ name: 'gate', mode: 'count', polygon }] }, 1)
  t.notMatch(seen(zones.depict?.()), '<image', 'nothing seen yet')
  watch(zones, createWorld({ seed: 1 }).stimulus, [0, 1e5])
  t.match(seen(zones.depict?.()), /<image.*gate/s)
  const points = [
    [60, 220, -2, 4],
    [290, 222, 2.1, 4],
    [235, 140, 2.5, 10],
    [118, 139, -2.2, 10],
  ].map(([u, v, x, y]) => ({ pixel: [u, v], metres: [x, y] }))
  const options = calibrationSchema.parse({ ground: { points } }).ground
  const ground = begin(groundKind, options, 1)
  ground.image?.(imageOf(new Uint16Array(346 * 260).fill(30_000), 0))
  const svg = seen(ground.depict?.())
  t.match(svg, /lines are \d+(\.\d+)? m apart/)
  t.match(svg, '<image')
})

t.test('a panel: title, what is going on, the numbers worth telling', async (t) => {
  const shown = panelOf('lens', {
    text: '3 of 20 views',
    share: 1.4,
    figures: { views: 3, corner_0_x: 12, field_mask: 7, noise: Number.NaN },
    verdict: 'WARN',
  })
  t.match(shown, { title: 'Calibration: Lens', progress: 1, verdict: 'warn' })
  t.same(shown?.lines, ['3 of 20 views', 'views: 3'])
  t.equal(shown?.picture, undefined)
  t.equal(panelOf('teapot', { text: '', share: 0 }), undefined)
  for (const kind of KIND_NAMES)
    t.match(panelOf(kind, { text: '', share: 0 })?.title, /^Calibration: /)
})

t.test('the picture of a session is made twice a second, not with each progress', async (t) => {
  let made = 0
  const measurement: Measurement = {
    progress: () => ({ text: '', figures: {} }),
    depict: () => {
      made++
      return { form: 'sensor', view: { title: String(made), size: { width: 2, height: 2 } } }
    },
    finish: () => ({ rows: [], data: {}, pictures: [], exports: [] }),
  }
  const of = { kind: imuKind, measurement, seconds: 10, settle: false }
  const unseen = new CalibrationSession({ ...of, depicts: false })
  unseen.sink.time?.(0, 0)
  t.equal(unseen.progress().depiction, undefined)
  t.equal(made, 0, 'nothing is made where nobody looks')
  const session = new CalibrationSession(of)
  for (let ms = 0; ms <= 2000; ms += 100) {
    session.sink.time?.(ms * 1000, ms * 1000)
    const { depiction } = session.progress()
    const panel = panelOf('imu', session.progress())
    t.match(panel?.picture?.(), `>${depiction?.form === 'sensor' ? depiction.view.title : ''}<`)
  }
  t.equal(made, 5)
})

t.test('every kind is over within 90 seconds of device time', async (t) => {
  for (const name of AVAILABLE_KINDS) t.ok((await loadKind(name)).seconds <= 90, name)
})
