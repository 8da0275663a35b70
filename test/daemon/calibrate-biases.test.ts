import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { calibrate } from '../../src/daemon/calibrate.js'
import { parseConfig } from '../../src/daemon/load-config.js'
import { DEFAULT_RESPONSE, type PixelResponse } from '../../src/davis346/pixel-response.js'
import { createScene } from '../../src/sources/scene/scene.js'
import { parseScene } from '../../src/sources/scene/schema.js'

t.test('stopped in the middle, the camera has its biases back and nothing is kept', async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'evtrackd-biases-'))
  t.teardown(() => rmSync(stateDir, { recursive: true }))
  const config = parseConfig(
    {
      stateDir,
      source: { kind: 'emulator' },
      camera: { serial: '00000489' },
      // No rate lies in it: the loop has something to turn.
      calibration: { biases: { minPerSecond: 2e6, maxPerSecond: 3e6 } },
    },
    'test',
  )
  const stop = new AbortController()
  const heard: PixelResponse[] = []
  const still = createScene(
    parseScene({
      background: { kind: 'plain' },
      pixel: { leakHz: 0, shotNoiseHz: 0, hotPixels: 0 },
    }),
  )
  const scene = {
    ...still,
    // The sensor itself says what its registers make of it.
    bias: (response: PixelResponse) => {
      heard.push(response)
      if (heard.length === 2) stop.abort()
    },
  }
  await t.rejects(
    calibrate(config, {
      kind: 'biases',
      dryRun: false,
      world: { scene, noiseHz: 0.02, hotPixels: 0 },
      signal: stop.signal,
    }),
    { code: 'CALIBRATION_FAILED' },
  )
  t.ok(heard.length >= 3, 'turned, and turned back')
  t.notSame(heard[1], DEFAULT_RESPONSE)
  t.same(heard.at(-1), DEFAULT_RESPONSE)
  const left = readdirSync(stateDir, { recursive: true }).map(String)
  t.same(
    left.filter((name) => name.endsWith('.json')),
    [],
    'no result, nothing active',
  )
})
