// The host of throughput.ts: runs under the shim.
import { loadFirmwareGates, loadPreset } from '../../src/davis346/presets.js'
import { USB_ID } from '../../src/davis346/registers.js'
import { DECODER_COUNTERS } from '../../src/davis346/violations.js'
import { systemClock } from '../../src/events/time.js'
import { createCameraSource } from '../../src/sources/camera.js'
import { createLibusbPort } from '../../src/usb/libusb.js'

const seconds = Number(process.argv[2])
const preset = await loadPreset('events-only')
const port = createLibusbPort({
  match: (vendor, product) => vendor === USB_ID.vendor && product === USB_ID.productFx3,
})
const source = createCameraSource({
  port,
  clock: systemClock,
  gates: await loadFirmwareGates(),
  // The camera's own filter would thin the stream out.
  preset: { ...preset, dvs: { ...preset.dvs, backgroundActivity: false } },
})

const done = new AbortController()
let events = 0
let firstUs = 0
let lastUs = 0
let gaps = 0
await source.run(
  {
    events(batch) {
      if (firstUs === 0) firstUs = batch.hostUs
      events += batch.length
      lastUs = batch.hostUs
      if (lastUs - firstUs >= seconds * 1e6) done.abort()
    },
    time() {},
    gap() {
      gaps++
    },
  },
  done.signal,
)
const counters = source.counters()
const delivered = new Set(['events', 'images', 'imuSamples', 'triggers', 'resets'])
const violations = DECODER_COUNTERS.filter((name) => !delivered.has(name))
const violated = violations.reduce((sum, name) => sum + (counters[name] ?? 0), 0)
await source.close()
await port.close()

const elapsed = (lastUs - firstUs) / 1e6
process.stdout.write(
  `${JSON.stringify({
    events,
    seconds: Math.round(elapsed * 1000) / 1000,
    events_per_s: Math.round(events / elapsed),
    overruns: violated + gaps,
  })}\n`,
)
