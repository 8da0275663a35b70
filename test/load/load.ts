import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { barsStimulus } from '../../src/davis346/emulator/stimulus.js'
import { systemClock } from '../../src/events/time.js'
import { LatencyHistogram } from '../../src/publish/latency.js'
import { freePort } from '../publish/real-brokers.js'
import { openShimHost } from '../usb-shim/host.js'
import { cpuSeconds, listenerAt } from './processes.js'

export interface LoadPlan {
  readonly eventsPerSecond: number
  readonly targets: number
  readonly seconds: number
}

export interface Load {
  readonly plan: LoadPlan
  /** Events a second that the camera put into its buffers or lost. */
  readonly made: number
  /** Events a second that the daemon says it took in. */
  readonly taken: number
  /** What was lost in the plan's time, by the daemon's names: hop and count. */
  readonly drops: Readonly<Record<string, number>>
  readonly skippedWindows: number
  /** Tracks messages a second, and how old they were when they were published, milliseconds. */
  readonly messages: number
  readonly p50: number | null
  readonly p99: number | null
  /** Shares of one core: the daemon, and the emulated camera beside it. */
  readonly daemonCores: number
  readonly cameraCores: number
  readonly rssMb: number
  readonly state: string
}

/**
 * The whole daemon as a process on the real libusb, fed by an emulated camera at a constant rate, with targets given
 * over MQTT. `unavailable` says why it cannot be run here. Linux only.
 */
export async function load(plan: LoadPlan): Promise<Load | { readonly unavailable: string }> {
  const host = await openShimHost({ stimulus: barsStimulus(plan) })
  if ('unavailable' in host) return host
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-load-'))
  const port = await freePort()
  const config = join(dir, 'evtrackd.toml')
  writeFileSync(
    config,
    `state_dir = "${dir}"\nlog_level = "warning"\n[tracking]\nmax_targets = ${plan.targets}\n` +
      `[mqtt]\nurl = "embedded"\nhealth_interval_ms = 1000\n[mqtt.embedded]\nport = ${port}\n`,
  )
  const child = spawn(
    process.execPath,
    [join(PACKAGE_ROOT, 'dist/src/cli/main.js'), 'run', '--config', config],
    {
      env: { ...process.env, NODE_OPTIONS: '', ...host.env },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  const exited = once(child, 'exit')
  try {
    const listener = await listenerAt(port)
    await listener.next('/evtrackd/status', ({ state }) => state === 'ready')
    for (let i = 0; i < plan.targets; i++) {
      const box = [20 + (i % 4) * 80, 30 + Math.floor(i / 4) * 110, 50, 50]
      await listener.client.publishAsync(
        'evtrackd/v1/evtrackd/request/target/start',
        JSON.stringify({ box, transaction: i }),
      )
    }
    await systemClock.sleep(2000)
    const from = listener.received.length
    const before = (await listener.next('/health', undefined, from)).json as unknown as Health
    const madeBefore = made(host)
    const cpuBefore = cpuSeconds(child.pid!)
    const ownBefore = process.cpuUsage()
    const startUs = systemClock.nowUs()
    const first = listener.received.length
    await systemClock.sleep(plan.seconds * 1000)
    const mark = listener.received.length
    const seconds = (systemClock.nowUs() - startUs) / 1e6
    const madeNow = made(host) - madeBefore
    const daemonCores = (cpuSeconds(child.pid!) - cpuBefore) / seconds
    const { user, system } = process.cpuUsage(ownBefore)
    const latency = new LatencyHistogram()
    const rates: number[] = []
    let messages = 0
    for (const { topic, json } of listener.received.slice(first, mark)) {
      if (topic.endsWith('/tracks')) {
        messages += 1
        latency.record(json['latency_ms'] as number)
      } else if (topic.endsWith('/health')) rates.push(json['events_per_second'] as number)
    }
    const after = (await listener.next('/health', undefined, mark)).json as unknown as Health
    const state = listener.on('/evtrackd/status').at(-1)!.json['state'] as string
    const { p50, p99 } = latency.percentiles()
    await listener.close()
    return {
      plan,
      made: madeNow / seconds,
      taken: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
      drops: Object.fromEntries(
        Object.entries(after.drops).map(([hop, count]) => [hop, count - (before.drops[hop] ?? 0)]),
      ),
      skippedWindows: after.skipped_windows - before.skipped_windows,
      messages: messages / seconds,
      p50,
      p99,
      daemonCores,
      cameraCores: (user + system) / 1e6 / seconds,
      rssMb: after.memory.rss_bytes / 1e6,
      state,
    }
  } finally {
    child.kill('SIGTERM')
    await exited
    await host.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Health {
  readonly drops: Readonly<Record<string, number>>
  readonly skipped_windows: number
  readonly memory: { readonly rss_bytes: number }
}

/** Words of events that the camera's logic sent on, and those that it lost because nobody read. */
function made(
  host: Exclude<Awaited<ReturnType<typeof openShimHost>>, { unavailable: string }>,
): number {
  const { dvsStatisticsColumns, dvsStatisticsDropped } = host.camera.model.registers.counters
  return dvsStatisticsColumns + dvsStatisticsDropped
}
