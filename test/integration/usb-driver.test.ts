import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { EmulatedCamera } from '../../src/davis346/emulator/camera.js'
import type { CameraIdentity } from '../../src/davis346/emulator/identity.js'
import { createEmulatedPort } from '../../src/davis346/emulator/port.js'
import { barsStimulus } from '../../src/davis346/emulator/stimulus.js'
import { systemClock } from '../../src/events/time.js'
import { HeldScript } from '../contracts/camera-script.js'
import { misbehavingCamera, scriptedCamera } from '../contracts/camera-source.js'
import { openShimHost } from '../usb-shim/host.js'
import { localRemote } from '../usb-shim/remote.js'

const child = fileURLToPath(new URL('../contracts/camera-source.libusb.js', import.meta.url))
const bars = () => barsStimulus({ eventsPerSecond: 100_000 })

const mountings: Partial<CameraIdentity>[] = [
  { variant: 'A' },
  { variant: 'B', apsFlip: { x: true, y: false }, imuFlip: 0b101 },
]

for (const identity of mountings) {
  t.test(`the whole driver in process, variant ${identity.variant}`, async (t) => {
    const script = new HeldScript()
    const camera = new EmulatedCamera({ clock: systemClock, identity, stimulus: script })
    await scriptedCamera(t, inProcess(camera, script))
  })

  t.test(`the whole driver over libusb, variant ${identity.variant}`, async (t) => {
    const script = new HeldScript()
    await underShim(t, 'scripted', { identity, stimulus: script, script })
  })
}

t.test('faults in process', async (t) => {
  const camera = new EmulatedCamera({ clock: systemClock, stimulus: bars() })
  await misbehavingCamera(t, inProcess(camera))
})

t.test('faults over libusb', async (t) => {
  await underShim(t, 'misbehaving', { stimulus: bars() })
})

async function underShim(
  t: Test,
  suite: 'scripted' | 'misbehaving',
  options: Parameters<typeof openShimHost>[0],
): Promise<void> {
  const host = await openShimHost(options)
  if ('unavailable' in host) {
    t.pass('not run', { skip: host.unavailable })
    return
  }
  t.teardown(() => host.close())
  const env = { ...process.env, ...host.env }
  await t.spawn(process.execPath, [child, host.remotePath, suite], { env })
}

function inProcess(camera: EmulatedCamera, script?: HeldScript) {
  return {
    camera: localRemote(camera, script),
    port: () => createEmulatedPort({ cameras: [camera], clock: systemClock }),
  }
}
