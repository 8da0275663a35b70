import { examine } from '../daemon/doctor/doctor.js'
import { isDavis346 } from '../sources/camera-choice.js'
import { createLibusbPort } from '../usb/libusb.js'
import { print, printJson } from './output.js'
import { layerSources } from './run.js'

/** Prints each check as it comes; exit status 1 if one failed. */
export async function doctor(options: { config?: string; json?: boolean }): Promise<void> {
  const port = createLibusbPort({ match: isDavis346 })
  try {
    const checks = await examine(layerSources(options), {
      port,
      onCheck: ({ name, verdict, message, next }) => {
        if (options.json) return
        print(`${verdict.padEnd(5)}${name.padEnd(18)} ${message}`)
        if (next !== undefined) print(`${' '.repeat(24)}→ ${next}`)
      },
    })
    const count = (verdict: string) => checks.filter((check) => check.verdict === verdict).length
    if (options.json) {
      printJson({ ok: count('fail') === 0, checks })
    } else print(`${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} failed`)
    if (count('fail') > 0) process.exitCode = 1
  } finally {
    await port.close()
  }
}
