import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../version.js'

export interface UsbResult {
  readonly events: number
  readonly seconds: number
  readonly events_per_s: number
  /** Violations and gaps the decoder saw. */
  readonly overruns: number
  /** Events the camera dropped because nobody read. */
  readonly dropped: number
}

const TIMEOUT_MS = 120_000

/**
 * The driver on the real libusb, under the USB shim, at 12 million events/s for 10 s. Part of the development tree,
 * because the shim needs a compiler: undefined where it is not there. Throws when the run fails.
 */
export function benchUsb(): UsbResult | undefined {
  const script = join(PACKAGE_ROOT, 'dist/test/usb-shim/throughput.js')
  if (!existsSync(script)) return undefined
  const child = spawnSync(process.execPath, [script], { encoding: 'utf8', timeout: TIMEOUT_MS })
  if (child.status !== 0) throw new Error(`the USB benchmark failed: ${child.stderr}`)
  return JSON.parse(child.stdout.trim().split('\n').at(-1)!) as UsbResult
}
