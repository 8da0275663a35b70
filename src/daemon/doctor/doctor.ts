import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { EvtrackError } from '../../events/errors.js'
import type { UsbPort } from '../../usb/port.js'
import { type CameraPlan, planCameras } from '../camera-plan.js'
import type { LayerSources } from '../config-layers.js'
import { configFile, readLayers } from '../config-layers.js'
import { runtimeDir } from '../state-dir.js'
import type { StatusReport } from '../status-report.js'
import { readStatus, STATUS_SOCKET } from '../status-socket.js'
import { checkBroker } from './broker.js'
import { checkCamera } from './camera.js'
import { type Check, failed, ok } from './check.js'
import { checkClock, checkDisk, checkTemperature, checkUsbMemory } from './machine.js'
import { checkModel } from './model.js'

/** Where a service has its socket, beside that of a daemon of one's own. */
const SERVICE_DIR = '/run/evtrackd'

/**
 * Every check, handed out as soon as it is done. With a configuration that is refused only the machine is looked at.
 */
export async function examine(
  sources: LayerSources,
  options: { readonly port: UsbPort; readonly onCheck: (check: Check) => void },
): Promise<readonly Check[]> {
  const { port, onCheck } = options
  const checks: Check[] = []
  const add = (...some: readonly Check[]) => {
    for (const check of some) {
      checks.push(check)
      onCheck(check)
    }
  }
  let cameras: readonly CameraPlan[] = []
  try {
    cameras = planCameras(readLayers(sources), { env: sources.env })
    const { path, required } = configFile(sources)
    const what =
      required || existsSync(path) ? `${path} and what lies over it` : 'No file; what is there'
    add(ok('configuration', `${what} is valid.`))
  } catch (error) {
    add(failed('configuration', error))
  }
  for (const { id, config } of cameras) {
    const named = (check: Check) => (id === '' ? check : { ...check, name: `${id} ${check.name}` })
    const running = await askDaemon(runtimeDir(config, sources.env))
    add(...(await checkCamera(config, { port, running })).map(named))
  }
  const first = cameras[0]?.config
  if (first !== undefined) {
    if (first.source.kind === 'camera') add(checkUsbMemory(first.camera))
    add(...(await checkModel(first)))
    add(...(await checkBroker(first)))
    add(await checkDisk(first))
  }
  add(await checkClock(), checkTemperature())
  return checks
}

async function askDaemon(own: string): Promise<StatusReport | undefined> {
  for (const dir of [own, SERVICE_DIR]) {
    try {
      return await readStatus(join(dir, STATUS_SOCKET))
    } catch (error) {
      if (!(error instanceof EvtrackError)) throw error
    }
  }
  return undefined
}
