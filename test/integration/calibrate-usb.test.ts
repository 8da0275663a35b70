import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseConfig } from '../../src/daemon/load-config.js'
import { cameraRequest } from '../../src/daemon/plan-source.js'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { EmulatedCamera } from '../../src/davis346/emulator/camera.js'
import { createEmulatedPort } from '../../src/davis346/emulator/port.js'
import { BIASES, MODULE, REG, type RegisterName } from '../../src/davis346/registers.js'
import { systemClock } from '../../src/events/time.js'
import { createCameraSource } from '../../src/sources/camera.js'
import { createWorld, type WorldOptions } from '../../src/sources/emulated-world.js'
import { openShimHost } from '../usb-shim/host.js'

/**
 * The command line as a user runs it, through the unmodified `usb` package and libusb, on a camera whose registers the
 * test reads back.
 */

const MAIN = join(PACKAGE_ROOT, 'dist/src/cli/main.js')
const SERIAL = '00000489'

type Registers = Readonly<Record<string, number>>

/** Every register that can be written, and every bias. */
function registersOf(camera: EmulatedCamera): Registers {
  const { registers } = camera.model
  const names = (Object.keys(REG) as RegisterName[]).filter((name) => {
    const { readOnly, bits } = REG[name]
    return !readOnly && bits <= 32
  })
  return Object.fromEntries([
    ...names.map((name) => [name, registers.read(REG[name].module, REG[name].parameter)]),
    ...BIASES.map(({ name, parameter }) => [
      `bias ${name}`,
      registers.read(MODULE.bias, parameter),
    ]),
  ])
}

/** What a camera has in its registers after it was used with the settings of the configuration, and let go. */
async function usedOnce(config: ReturnType<typeof parseConfig>): Promise<Registers> {
  const camera = new EmulatedCamera({
    clock: systemClock,
    identity: { serial: SERIAL },
    stimulus: createWorld({ hotPixels: 0 }).stimulus,
  })
  const port = createEmulatedPort({ cameras: [camera], clock: systemClock })
  const source = createCameraSource({ port, clock: systemClock, ...(await cameraRequest(config)) })
  const stop = new AbortController()
  await source.run(
    {
      events: () => {},
      time: () => {},
      image: () => {},
      imu: () => {},
      gap: () => {},
      state: ({ state }) => {
        if (state === 'streaming') stop.abort()
      },
    },
    stop.signal,
  )
  await source.close()
  await port.close()
  return registersOf(camera)
}

async function bench(t: Test, world: WorldOptions) {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-usb-calibrate-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  const stimulus = createWorld(world).stimulus
  const host = await openShimHost({ identity: { serial: SERIAL }, stimulus })
  if ('unavailable' in host) return host
  t.teardown(() => host.close())
  const file = join(dir, 'evtrackd.toml')
  writeFileSync(
    file,
    `state_dir = "${dir}"\n[source]\nkind = "camera"\n[camera]\npreset = "quiet"\n`,
  )
  const run = (...args: string[]) => {
    const child = spawn(process.execPath, [MAIN, 'calibrate', ...args, '-c', file], {
      env: { ...process.env, ...host.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    let text = ''
    for (const out of [child.stdout, child.stderr])
      out.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
    const closed = once(child, 'close').then(([code]) => ({ code: code as number | null, text }))
    return { child, closed }
  }
  // With filters inside the camera, which a calibration has to take out of its way.
  const config = parseConfig(
    { stateDir: dir, source: { kind: 'camera' }, camera: { preset: 'quiet' } },
    'test',
  )
  const results = () =>
    readdirSync(dir, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.json') || name.endsWith('lock'))
  return { camera: host.camera, run, results, before: await usedOnce(config) }
}

/** Waits for a state of the camera, unless the program ends before it comes. */
async function until(reached: () => boolean, ended: Promise<unknown>): Promise<boolean> {
  let over = false
  ended.finally(() => {
    over = true
  })
  while (!reached()) {
    if (over) return false
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return true
}

t.setTimeout(110_000)

/** A kind, a world in which it has to change the camera and never ends by itself, and what it changes there. */
const CASES: readonly {
  kind: string
  world: WorldOptions
  args: readonly string[]
  changes: readonly string[]
}[] = [
  {
    kind: 'biases',
    world: { noiseHz: 0.02, hotPixels: 0 },
    // No rate lies in this band.
    args: ['--set', 'min_per_second=2000000', '--set', 'max_per_second=3000000'],
    changes: ['bias OnBn', 'bias OffBn'],
  },
  {
    kind: 'exposure',
    // Too dark at every exposure.
    world: { radiance: 0.5 },
    args: [],
    changes: ['apsExposure'],
  },
  {
    kind: 'noise',
    world: { noiseHz: 0.02 },
    args: ['--duration', '60'],
    changes: ['dvsBackgroundActivity'],
  },
]

for (const { kind, world, args, changes } of CASES) {
  t.test(`${kind}, stopped by Ctrl-C: every register is as before`, async (t) => {
    const made = await bench(t, world)
    if ('unavailable' in made) {
      t.pass('not run', { skip: made.unavailable })
      return
    }
    const { camera, run, results, before } = made
    const { child, closed } = run(kind, ...args)
    const changed = () =>
      camera.model.streaming &&
      changes.every((name) => {
        if (!(name in before)) throw new Error(`no register ${name}`)
        return registersOf(camera)[name] !== before[name]
      })
    t.ok(await until(changed, closed), 'it has changed the camera')
    child.kill('SIGINT')
    const { code, text } = await closed
    t.equal(code, 130, text)
    t.match(text, 'Stopped before it was done; nothing has changed.')
    t.same(registersOf(camera), before)
    t.same(results(), [], 'no result, nothing active, no lock left')
  })
}

t.test('a whole calibration through libusb: PASS, active, and the camera as before', async (t) => {
  const made = await bench(t, { radiance: 400 })
  if ('unavailable' in made) {
    t.pass('not run', { skip: made.unavailable })
    return
  }
  const { camera, run, results, before } = made
  const { code, text } = await run('exposure').closed
  t.equal(code, 0, text)
  t.match(text, /PASS {2}Exposure of the pictures, camera 00000489/)
  t.match(text, 'active now: exposure-')
  t.same(registersOf(camera), before)
  t.ok(results().some((name) => name.endsWith('active.json')))
})
