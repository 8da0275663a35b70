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
  const several = cameras.length > 1
  const named = (id: string, check: Check) =>
    several ? { ...check, name: `${id} ${check.name}` } : check
  for (const { id, config } of cameras) {
    const running = await askDaemon(runtimeDir(config, sources.env))
    const found = await checkCamera(config, { port, running })
    add(...found.map((check) => named(id, check)))
  }
  const first = cameras[0]?.config
  if (first?.source.kind === 'camera') add(checkUsbMemory(first.camera))
  // A camera may have been given another network by camera/configure; the same one is opened once.
  const networks = differing(cameras, ({ model, tracking }) => [model, tracking])
  for (const { id, config } of networks) {
    const found = await checkModel(config)
    add(...(networks.length > 1 ? found.map((check) => named(id, check)) : found))
  }
  // Each is a device of its own at the broker, with rights of its own.
  const brokers = cameras.map(async ({ id, config }) =>
    (await checkBroker(config)).map((check) => named(id, check)),
  )
  for (const some of await Promise.all(brokers)) add(...some)
  for (const { id, config } of cameras) add(named(id, await checkDisk(config)))
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

/** The cameras whose configurations differ in what is picked, the first of each kind. */
function differing(
  cameras: readonly CameraPlan[],
  pick: (config: CameraPlan['config']) => unknown,
): readonly CameraPlan[] {
  const kinds = cameras.map(({ config }) => JSON.stringify(pick(config)))
  return cameras.filter((_, i) => kinds.indexOf(kinds[i]!) === i)
}
