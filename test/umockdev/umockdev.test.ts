import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { answerControl } from '../../src/davis346/emulator/control-endpoint.js'
import { DEFAULT_IDENTITY } from '../../src/davis346/emulator/identity.js'
import { Davis346Model } from '../../src/davis346/emulator/model.js'
import { stillStimulus } from '../../src/davis346/emulator/stimulus.js'
import { USB_ID } from '../../src/davis346/registers.js'
import { deviceDump, PLACE, usbmonCapture } from './recording.js'

/**
 * The independent check of our descriptors and of what the shim does: umockdev's usbfs, written by others, replays a
 * capture of the emulator's answers to the unmodified libusb.
 */
const run = promisify(execFile)
const identity = DEFAULT_IDENTITY
const camera = { identity, model: new Davis346Model({ identity, stimulus: stillStimulus }) }

const requests = [
  { type: 0x80, request: 6, value: 0x0303, index: 0x0409, length: 255 },
  { type: 0xc0, request: 0xbf, value: 6, index: 0, length: 4 },
  { type: 0xc0, request: 0x77, value: 0, index: 0, length: 4 },
]

const available = await run('umockdev-run', ['--version']).then(
  () => true,
  () => false,
)
const LIBUSB_TRANSFER_STALL = 4

t.test('libusb reads the camera through umockdev', async (t) => {
  if (!available) {
    t.pass('not run', { skip: 'umockdev is not installed (Debian package umockdev)' })
    return
  }
  const folder = await mkdtemp(join(tmpdir(), 'evtrackd-umockdev-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const dump = join(folder, 'camera.umockdev')
  const capture = join(folder, 'camera.pcap')
  const exchanges = requests.map((setup) => ({
    setup,
    answer: answerControl(camera, setup, new Uint8Array(0)),
  }))
  await writeFile(dump, deviceDump(identity))
  await writeFile(capture, usbmonCapture(exchanges))
  const reader = fileURLToPath(new URL('reader.js', import.meta.url))
  const { stdout } = await run(
    'umockdev-run',
    [
      ...['--device', dump, '--pcap', `${PLACE.sysfs}=${capture}`],
      ...['--', process.execPath, reader, String(USB_ID.vendor)],
    ],
    { timeout: 20_000 },
  )
  t.same(JSON.parse(stdout), {
    bcdDevice: 6,
    endpoints: [0x81, 0x82],
    serial: identity.serial,
    logic: [0, 0, 0, 18],
    refused: LIBUSB_TRANSFER_STALL,
  })
})
