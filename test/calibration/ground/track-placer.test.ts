import t from 'tap'
import { TrackPlacer } from '../../../src/calibration/ground/track-placer.js'
import { undistortBox } from '../../../src/calibration/lens/model.js'
import { EMULATED_LENS } from '../../../src/calibration/lens/show.js'
import { tracksPayload } from '../../../src/publish/payloads.js'
import { tracksSchema } from '../../../src/publish/tracks-schema.js'
import { aNew, aStep, aTrack } from '../../publish/tracks.js'

const SIZE = { width: 346, height: 260 }
const BOX = { x: 100, y: 150, w: 20, h: 30 }
/** Seen from straight above: 20 pixels a metre, y of the ground up. */
const GROUND = {
  points: [
    { pixel: [20, 20], metres: [0, 10] },
    { pixel: [220, 20], metres: [10, 10] },
    { pixel: [220, 220], metres: [10, 0] },
    { pixel: [20, 220], metres: [0, 0] },
  ],
  pixelSigma: 1,
  metreSigma: 0.01,
  trackSigma: 2,
  speedSigma: 10,
  anchor: 'bottom',
} as const

t.test('without calibrations the window stays as it is', async (t) => {
  const step = aStep(1, [aTrack()])
  t.equal(new TrackPlacer().step(step), step)
  t.equal(new TrackPlacer([{ hotPixels: [[1, 2]] }]).step(step), step)
})

t.test('metres from a ground calibration, published with their errors', async (t) => {
  const placer = new TrackPlacer([{ ground: GROUND }])
  const track = aTrack({ box: BOX, velocity: { x: 40, y: -20 } })
  const step = placer.step({ ...aStep(1, [track]), events: [aNew('b1-1')] })
  const { ground, undistorted } = step.tracks[0]!
  t.equal(undistorted, undefined)
  // The foot of the box is (110, 180): 90 pixels right of the origin and 40 above it.
  t.ok(Math.abs(ground!.position.x - 4.5) < 1e-6 && Math.abs(ground!.position.y - 2) < 1e-6)
  t.ok(Math.abs(ground!.velocity.x - 2) < 1e-6 && Math.abs(ground!.velocity.y - 1) < 1e-6)
  // 2 pixels of the track and less than one of the survey are 0.1 m and a little; 10 px/s are 0.5 m/s.
  t.ok(ground!.positionSigma.x > 0.1 && ground!.positionSigma.x < 0.13)
  t.ok(ground!.velocitySigma.y > 0.5 && ground!.velocitySigma.y < 0.52)
  t.ok(step.events[0]!.after.ground, 'lifecycle events have it, too')

  const payload = tracksPayload(step, { sensor: SIZE, atUs: 1, latencyMs: 1 })
  t.strictSame(tracksSchema.parse(payload), payload)
  t.strictSame(payload.tracks[0]!.ground?.position, [4.5, 2])
})

t.test('a lens calibration adds the undistorted box and velocity', async (t) => {
  const placer = new TrackPlacer([{ lens: { ...EMULATED_LENS, k1: 0 } }, { lens: EMULATED_LENS }])
  const edge = { x: 2, y: 2, w: 30, h: 20 }
  const step = placer.step(aStep(1, [aTrack({ box: edge, velocity: { x: 100, y: 0 } })]))
  const { undistorted, box, ground } = step.tracks[0]!
  t.same(box, edge, 'the box on the sensor stays')
  t.equal(ground, undefined)
  t.same(undistorted!.box, undistortBox(EMULATED_LENS, edge), 'by the lens that came last')
  t.ok(undistorted!.velocity.x > 110)
  const payload = tracksPayload(step, { sensor: SIZE, atUs: 1, latencyMs: 1 })
  t.strictSame(tracksSchema.parse(payload), payload)
  t.ok(payload.tracks[0]!.undistorted!.box[0] < 0, 'it may leave the sensor')
})

t.test('both together: metres are those of the undistorted place', async (t) => {
  const box = { ...BOX, x: 10, y: 20 }
  const step = aStep(1, [aTrack({ box })])
  const bare = new TrackPlacer([{ ground: GROUND }]).step(step).tracks[0]!
  const both = new TrackPlacer([{ ground: GROUND }, { lens: EMULATED_LENS }]).step(step).tracks[0]!
  t.ok(bare.ground && both.ground && both.undistorted)
  t.not(both.ground!.position.x, bare.ground!.position.x)
})

t.test('a survey that no plane fits is left out', async (t) => {
  const [a, b, c, d] = GROUND.points
  const swapped = [a, { ...b, metres: c.metres }, { ...c, metres: b.metres }, d]
  const step = aStep(1, [aTrack()])
  t.equal(new TrackPlacer([{ ground: { ...GROUND, points: swapped } }]).step(step), step)
})
