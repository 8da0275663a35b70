import t from 'tap'
import type { EmulatedView, KindName } from '../../src/calibration/kind.js'
import { EmulatedStage } from '../../src/daemon/emulated-stage.js'
import { scriptedStimulus } from '../../src/davis346/emulator/stimulus.js'
import { DEFAULT_RESPONSE, type PixelResponse } from '../../src/davis346/pixel-response.js'

const PIXELS = 346 * 260
/** Where the scene of these tests has all its events; no noise comes at such a rate. */
const SPOT = 5 * 346 + 5

/** A scene whose one pixel fires every millisecond, for two seconds. */
function stageOf() {
  const events = Array.from({ length: 2000 }, (_, i) => ({ tUs: 1000 * i, x: 5, y: 5, on: true }))
  const told: PixelResponse[] = []
  const stage = new EmulatedStage({
    ...scriptedStimulus({ events, image: (_, into) => void into.fill(321) }),
    bias: (response) => void told.push(response),
  })
  let reachedUs = 0
  return {
    stage,
    told,
    /** Events of the spot and of all other pixels up to here; fails when they are not in time order. */
    see(untilUs: number) {
      let [spot, others, lastUs] = [0, 0, reachedUs]
      for (let stepUs = reachedUs + 1000; stepUs <= untilUs; stepUs += 1000) {
        for (let b = stage.stimulus.next(stepUs); b; b = stage.stimulus.next(stepUs)) {
          for (let i = 0; i < b.length; i++) {
            const tUs = b.t0Us + b.dtUs[i]!
            if (tUs < lastUs || tUs >= stepUs) throw new Error(`${tUs} after ${lastUs}`)
            lastUs = tUs
            if (b.y[i]! * 346 + b.x[i]! === SPOT) spot++
            else others++
          }
        }
      }
      reachedUs = untilUs
      return { spot, others }
    },
    mean(exposureUs: number) {
      const into = new Uint16Array(PIXELS)
      stage.stimulus.image!(reachedUs, into, exposureUs)
      return into.reduce((sum, v) => sum + v, 0) / PIXELS
    },
  }
}

const asked = (view: EmulatedView, kind: KindName = 'noise') => {
  return { view, kind, seed: 1, seconds: 1, darkSeconds: 0.5 }
}

t.test('a covered lens: noise alone, and afterwards the scene where it then is', async (t) => {
  const { stage, see } = stageOf()
  t.same(see(200_000), { spot: 200, others: 0 }, 'the scene as it is')
  stage.show(asked('dark', 'hot-pixels'))
  const dark = see(700_000)
  t.ok(dark.spot < 5, `${dark.spot} of the scene`)
  t.ok(dark.others > 0.2 * PIXELS * 0.5, `${dark.others} of noise`)
  stage.show(undefined)
  t.same(see(1_000_000), { spot: 300, others: 0 }, 'what nobody saw is not made up for')
})

t.test('covered first, then the scene with the noise in it', async (t) => {
  const { stage, see } = stageOf()
  see(200_000)
  stage.show(asked('uncovered'))
  t.ok(see(700_000).spot < 5, 'covered for as long as was asked')
  const { spot, others } = see(1_200_000)
  t.ok(spot >= 500 && spot < 505, `${spot} of the scene`)
  t.ok(others > 0.2 * PIXELS * 0.5, `${others} of noise`)
})

t.test('something to photograph: its light goes with the exposure', async (t) => {
  const { stage, see, mean } = stageOf()
  see(100_000)
  t.equal(mean(1000), 321)
  stage.show(asked('still', 'exposure'))
  const [short, long] = [mean(500), mean(1000)]
  t.ok(long > 1.8 * short && long < 2.2 * short, `${short}, ${long}`)
  stage.show(asked('boards', 'lens'))
  t.ok(mean(2000) > 1.5 * mean(1000))
  stage.show(asked('moving', 'biases'))
  t.equal(mean(1000), 321, 'where something is to move, the scene is right')
  t.same(see(200_000), { spot: 100, others: 0 })
})

t.test('at rest without a scene that moves, off by its biases with one', async (t) => {
  const { stage } = stageOf()
  t.same(stage.stimulus.imu!(0).gyro, [0, 0, 0])
  stage.show(asked('still', 'imu'))
  t.ok(Math.abs(stage.stimulus.imu!(0).gyro[1] + 1.3) < 0.5)
})

t.test('the biases that the camera has count for what is shown, too', async (t) => {
  const noiseWith = (thresholds: number) => {
    const { stage, see, told } = stageOf()
    const response = { ...DEFAULT_RESPONSE, onThreshold: thresholds, offThreshold: thresholds }
    stage.stimulus.bias!(response)
    stage.show(asked('dark', 'hot-pixels'))
    t.same(told, [response], 'the scene is told once')
    return see(300_000).others
  }
  const { onThreshold } = DEFAULT_RESPONSE
  const [usual, blunt] = [noiseWith(onThreshold), noiseWith(2 * onThreshold)]
  t.ok(blunt < 0.7 * usual, `${blunt} against ${usual}`)
})
