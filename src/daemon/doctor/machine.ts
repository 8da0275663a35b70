import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Config } from '../schema.js'
import { stateDir } from '../state-dir.js'
import { type Check, fail, ok, warn } from './check.js'

/** Where the kernel's files are: '/', or a copy of them in a test. */
type Root = string

const MIB = 1_048_576
const HOT_C = 85
const WARM_C = 75

/** USB transfers in flight come out of one kernel-wide allowance. */
export function checkUsbMemory(camera: Config['camera'], root: Root = '/'): Check {
  const name = 'usb memory'
  const file = join(root, 'sys/module/usbcore/parameters/usbfs_memory_mb')
  if (!existsSync(file)) {
    return warn(name, 'The kernel has no USB.', 'Load usbcore, or run where USB is passed through.')
  }
  const limitMb = Number(readFileSync(file, 'utf8'))
  const needMb = (camera.transferBytes * camera.transferCount) / MIB
  // 0 means no limit.
  if (limitMb === 0 || limitMb >= 4 * needMb) {
    return ok(name, `usbfs_memory_mb is ${limitMb}, the camera uses ${needMb} MB.`)
  }
  const next = `echo ${Math.max(64, Math.ceil(4 * needMb))} | sudo tee ${file}`
  return limitMb < needMb
    ? fail(name, `usbfs_memory_mb is ${limitMb}, less than the ${needMb} MB of transfers.`, next)
    : warn(name, `usbfs_memory_mb is ${limitMb}: little room beside ${needMb} MB.`, next)
}

/** Whether the host's clock is set by a time server: published times mean nothing otherwise. */
export async function checkClock(root: Root = '/', run: typeof ask = ask): Promise<Check> {
  const name = 'clock'
  const next = 'sudo timedatectl set-ntp true, or install chrony'
  const answer = await run('timedatectl', ['show', '--property=NTPSynchronized', '--value'])
  const text = answer?.trim()
  if (text === 'yes') return ok(name, 'The clock is synchronised.')
  if (text === 'no') return warn(name, 'The clock is not synchronised.', next)
  if (existsSync(join(root, 'run/systemd/timesync/synchronized'))) {
    return ok(name, 'The clock has been synchronised since the start.')
  }
  return warn(name, 'Whether the clock is synchronised cannot be told.', next)
}

function ask(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(program, [...args], { timeout: 5000 }, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    )
  })
}

/** Room for recordings and the spool, and whether it may be written. */
export async function checkDisk(config: Config): Promise<Check> {
  const name = 'disk'
  const dir = stateDir(config)
  try {
    mkdirSync(dir, { recursive: true, mode: 0o750 })
    accessSync(dir, constants.W_OK | constants.X_OK)
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    return fail(
      name,
      `The state directory ${dir} may not be written (${reason}).`,
      `Run doctor as the user of the daemon (sudo -u evtrackd evtrackd doctor), or make ${dirname(dir)} writable.`,
    )
  }
  const { bavail, bsize } = await statfs(dir)
  const free = bavail * bsize
  const { minFreeBytes } = config.recording
  const text = `${Math.round(free / MIB)} MB are free in ${dir}`
  if (free < config.mqtt.spool.maxBytes) {
    return fail(name, `${text}: not enough for the spool.`, 'Remove what is not needed there.')
  }
  if (free < minFreeBytes) {
    return warn(
      name,
      `${text}: recording.min_free_bytes refuses to record.`,
      'Remove old recordings.',
    )
  }
  return ok(name, `${text}.`)
}

/** The warmest sensor of the board. */
export function checkTemperature(root: Root = '/'): Check {
  const name = 'temperature'
  const dir = join(root, 'sys/class/thermal')
  const zones = existsSync(dir) ? readdirSync(dir).filter((zone) => /^thermal_zone/.test(zone)) : []
  const degrees = zones.flatMap((zone) => {
    try {
      const celsius = Number(readFileSync(join(dir, zone, 'temp'), 'utf8')) / 1000
      return Number.isFinite(celsius) ? [celsius] : []
    } catch {
      // Some sensors answer only while their device is awake.
      return []
    }
  })
  if (degrees.length === 0) return ok(name, 'This machine tells no temperature.')
  const warmest = Math.max(...degrees)
  const text = `The warmest sensor is at ${warmest.toFixed(0)} °C`
  const next = 'Give it air or a heat sink: a hot board runs slower and skips windows.'
  if (warmest >= HOT_C) return fail(name, `${text}.`, next)
  return warmest >= WARM_C ? warn(name, `${text}.`, next) : ok(name, `${text}.`)
}
