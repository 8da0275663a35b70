import { systemClock } from '../events/time.js'
import { openBroker } from '../publish/open-broker.js'
import type { Daemon, DaemonHooks, Operations } from './daemon-types.js'
import type { Log } from './log.js'
import { packageFor } from './open-tracker.js'
import { planSource } from './plan-source.js'
import { RunningDaemon } from './running-daemon.js'
import type { Config } from './schema.js'

export type { Daemon, DaemonHooks } from './daemon-types.js'

const nobody = async () =>
  ({
    ok: false,
    code: 'NOT_READY',
    message: 'This evtrackd does not run as a service.',
  }) as const
const NO_OPERATIONS: Operations = { 'camera/configure': nobody, restart: nobody }

/** Rejects with EvtrackError before anything runs when configuration, model package, source or broker is refused. */
export async function startDaemon(
  config: Config,
  {
    log,
    hooks = {},
    operations = NO_OPERATIONS,
  }: { log: Log; hooks?: DaemonHooks; operations?: Operations },
): Promise<Daemon> {
  // ONNX Runtime reads this before its first session; a worker's own environment does not reach the native library.
  process.env['ORT_DISABLE_TELEMETRY'] = '1'
  // So does CUDA with this: TensorFloat-32 keeps 10 bits, and sums of this network need more.
  process.env['NVIDIA_TF32_OVERRIDE'] ??= '0'
  const pkg = await packageFor(config)
  const source = await planSource(config)
  const opened = await openBroker(config.mqtt, systemClock)
  try {
    return new RunningDaemon({ config, log, hooks, operations, pkg, source, opened })
  } catch (error) {
    await opened.close()
    throw error
  }
}
