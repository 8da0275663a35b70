import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { systemClock } from '../../src/events/time.js'
import { freePort, Listener } from '../publish/real-brokers.js'
import { listenerAt } from './processes.js'
import type { Sample } from './soak-plot.js'

export interface SoakPlan {
  readonly scene: string
  /** It ends with whichever comes first: hours of device time, minutes of this machine's. */
  readonly hours: number
  readonly minutes: number
  /** Seconds between two samples, and between two rounds of requests. */
  readonly everySeconds: number
}

export interface Soak {
  readonly samples: readonly Sample[]
  readonly requests: number
  readonly refused: readonly string[]
  readonly state: string
}

/**
 * The daemon as a process on a scene that is simulated as fast as it goes, with a subscriber and everything that may be
 * asked of it in rounds: targets, recordings, pictures, other settings. Linux only.
 */
export async function soak(plan: SoakPlan, onSample: (sample: Sample) => void): Promise<Soak> {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-soak-'))
  const port = await freePort()
  const config = join(dir, 'evtrackd.toml')
  writeFileSync(
    config,
    `state_dir = "${dir}"\nlog_level = "warning"\n[source]\nkind = "scene"\nscene = "${plan.scene}"\npace = "fast"\n` +
      '[recording]\nmin_free_bytes = 0\nmax_bytes = 1048576\n' +
      `[mqtt]\nurl = "embedded"\nhealth_interval_ms = 1000\n[mqtt.embedded]\nport = ${port}\n`,
  )
  const child = spawn(
    process.execPath,
    [join(PACKAGE_ROOT, 'dist/src/cli/main.js'), 'run', '--config', config],
    { env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const exited = once(child, 'exit')
  try {
    const listener = await listenerAt(port)
    await listener.next('/evtrackd/status', ({ state }) => state === 'ready')
    const startUs = systemClock.nowUs()
    const samples: Sample[] = []
    const refused: string[] = []
    let requests = 0
    let firstUs: number | undefined
    for (let round = 0; child.exitCode === null; round++) {
      let id = ''
      for (const [command, body] of requestsOf(round)) {
        const whole = command === 'target/stop' ? { id } : body
        const answer = await ask(listener, command, { ...whole, transaction: ++requests })
        if (!answer.ok) refused.push(`${command}: ${answer.code}`)
        if (command === 'target/start') id = answer.result?.['id'] ?? ''
      }
      await systemClock.sleep(plan.everySeconds * 1000)
      const tracks = await listener.next('/tracks')
      const tUs = tracks.json['t_end_us'] as number
      firstUs ??= tUs
      const health = (await listener.next('/health')).json as unknown as Health
      const sample: Sample = {
        minutes: (systemClock.nowUs() - startUs) / 60e6,
        hours: (tUs - firstUs) / 3.6e9,
        rssMb: health.memory.rss_bytes / 1e6,
        heapMb: health.memory.heap_used_bytes / 1e6,
        descriptors: readdirSync(`/proc/${child.pid}/fd`).length,
        p50: health.inference_ms.p50,
        p99: health.inference_ms.p99,
      }
      samples.push(sample)
      onSample(sample)
      listener.received.length = 0
      rmSync(join(dir, 'recordings'), { recursive: true, force: true })
      if (sample.hours >= plan.hours || sample.minutes >= plan.minutes) break
    }
    const status = await Listener.open(port)
    const state = (await status.next('/evtrackd/status')).json['state'] as string
    await status.close()
    await listener.close()
    return { samples, requests, refused, state }
  } finally {
    child.kill('SIGTERM')
    await exited
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Health {
  readonly memory: { readonly rss_bytes: number; readonly heap_used_bytes: number }
  readonly inference_ms: { readonly p50: number | null; readonly p99: number | null }
}

function requestsOf(round: number): [string, object][] {
  const x = 20 + (round % 5) * 50
  return [
    ['target/start', { box: [x, 60, 40, 40], label: `round ${round}` }],
    ['snapshot', {}],
    ['camera/configure', { filters: { refractory_us: (round % 2) * 100 } }],
    ['record/start', {}],
    ['record/stop', {}],
    ['target/stop', {}],
  ]
}

async function ask(listener: Listener, command: string, body: { transaction: number }) {
  const topic = `evtrackd/v1/evtrackd/request/${command}`
  await listener.client.publishAsync(topic, JSON.stringify(body), { qos: 1 })
  const { json } = await listener.next(
    `/response/${command}`,
    ({ transaction }) => transaction === body.transaction,
  )
  return json as { ok?: boolean; code?: string; result?: Record<string, string> }
}
