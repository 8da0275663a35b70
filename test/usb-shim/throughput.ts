/**
 * `node dist/test/usb-shim/throughput.js [SECONDS] [EVENTS_PER_SECOND]`: an emulated camera sends events at a constant
 * rate through the shim to a child process with the real libusb, the real binding, driver and decoder. Prints one JSON
 * line {events, seconds, events_per_s, overruns, dropped}: `overruns` are protocol violations the decoder met (a lost
 * transfer shows as one), `dropped` are words the camera lost because nobody read in time.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { barsStimulus } from '../../src/davis346/emulator/stimulus.js'
import { openShimHost } from './host.js'

const seconds = Number(process.argv[2] ?? 10)
const eventsPerSecond = Number(process.argv[3] ?? 12e6)

const host = await openShimHost({ stimulus: barsStimulus({ eventsPerSecond }) })
if ('unavailable' in host) {
  process.stderr.write(`${host.unavailable}\n`)
  process.exitCode = 1
} else {
  const reader = fileURLToPath(new URL('throughput-reader.js', import.meta.url))
  const child = spawn(process.execPath, [reader, String(seconds)], {
    env: { ...process.env, ...host.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')])
  const { muxStatisticsDvsDropped, dvsStatisticsDropped } = host.camera.model.registers.counters
  if (child.exitCode === 0) {
    const dropped = muxStatisticsDvsDropped + dvsStatisticsDropped
    process.stdout.write(`${JSON.stringify({ ...JSON.parse(output), dropped })}\n`)
  }
  process.exitCode = child.exitCode ?? 1
  await host.close()
}
