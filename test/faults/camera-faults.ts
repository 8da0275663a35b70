import { createFaults } from '../../src/davis346/emulator/faults.js'
import { barsStimulus } from '../../src/davis346/emulator/stimulus.js'
import { systemClock } from '../../src/events/time.js'
import { buildShim } from '../usb-shim/build.js'
import { openShimHost } from '../usb-shim/host.js'
import { type FaultBench, within } from './bench.js'
import { expectNoGrowth, type Fault } from './fault.js'

const shim = await buildShim()
const withShim = () => ('unavailable' in shim ? shim.unavailable : false)

/** A camera on the emulated bus of this process, and a daemon that sees it through the real libusb. */
async function withCamera(bench: FaultBench, eventsPerSecond: number) {
  const host = await openShimHost({ stimulus: barsStimulus({ eventsPerSecond }) })
  if ('unavailable' in host) throw new Error(host.unavailable)
  bench.onClose(() => host.close())
  const options = { source: 'kind = "camera"', env: host.env }
  return { host, faults: createFaults(host.camera), options }
}

const cameraState = (bench: FaultBench) =>
  bench.listener
    .on('/status')
    .filter(({ topic }) => topic.includes('/camera/'))
    .at(-1)?.json['state']

export const cameraUnplug: Fault = {
  name: 'camera-unplug',
  title:
    'the camera is pulled and plugged in again at random moments, also while it is being configured',
  promise: 'it streams again each time, status is true within 5 s, nothing grows',
  short: true,
  skip: withShim,
  async run(bench, rounds) {
    const { faults, options } = await withCamera(bench, 200_000)
    const daemon = await bench.startReady(options)
    const pulls = 4 * rounds
    let slowestTold = 0
    let slowestBack = 0
    let before = daemon.usage()
    for (let pull = 0; pull < pulls; pull++) {
      await systemClock.sleep(bench.rng.range(0, 800))
      await faults.unplug(bench.rng.chance(0.5) ? 'reads' : 'bus')
      if (bench.rng.chance(0.5)) {
        slowestTold = Math.max(slowestTold, await bench.stateWithin(5000, 'degraded'))
      }
      await systemClock.sleep(bench.rng.range(0, 300))
      await faults.plug()
      // Now and then it goes again while registers are being written.
      if (bench.rng.chance(0.3)) {
        await systemClock.sleep(bench.rng.range(0, 60))
        await faults.unplug('bus')
        await faults.plug()
      }
      slowestBack = Math.max(slowestBack, await bench.stateWithin(40_000, 'ready'))
      if (pull === 0) before = daemon.usage()
    }
    await bench.until('the camera is said to stream', () => cameraState(bench) === 'streaming')
    const growth = expectNoGrowth(before, daemon.usage())
    await daemon.stop()
    return {
      pulls,
      slowest_told_ms: Math.round(slowestTold),
      slowest_back_ms: Math.round(slowestBack),
      ...growth,
    }
  },
}

export const usbFlood: Fault = {
  name: 'usb-flood',
  title: "24 million events/s, twice the sensor's documented maximum, with two targets",
  promise:
    'status stays true, requests are answered, memory does not grow, what is lost is counted',
  short: false,
  skip: withShim,
  async run(bench, rounds) {
    const { options } = await withCamera(bench, 24e6)
    const daemon = await bench.startReady({ ...options, toml: '[tracking]\nmax_targets = 4\n' })
    for (let i = 0; i < 2; i++) {
      const { ok } = await bench.ask('target/start', { box: [60 + 120 * i, 90, 60, 60] })
      if (!ok) throw new Error('a target was refused')
    }
    await systemClock.sleep(3000)
    const before = daemon.usage()
    await systemClock.sleep(10_000 * rounds)
    await bench.stateWithin(5000, 'ready')
    const { json } = await bench.listener.next('/health', undefined, bench.listener.received.length)
    const growth = expectNoGrowth(before, daemon.usage())
    await daemon.stop()
    const drops = json['drops'] as Record<string, number>
    return { events_per_second: json['events_per_second'] as number, ...drops, ...growth }
  },
}

export const cameraStall: Fault = {
  name: 'camera-stall',
  title:
    'halted endpoint, lost transfers, garbage words, silence, an odd byte and restarted clock, one after the other',
  promise: 'it streams again by itself each time; what was seen is counted',
  short: true,
  skip: withShim,
  async run(bench, rounds) {
    const { faults, options } = await withCamera(bench, 200_000)
    const daemon = await bench.startReady(options)
    const before = daemon.usage()
    for (let round = 0; round < rounds; round++) {
      const all = [
        () => faults.stallBulk(),
        () => faults.failBulk(),
        () => faults.loseTransfers(2),
        () => faults.garbage(200, round + 1),
        () => faults.oddByte(),
        () => faults.resetTimestamps(),
      ]
      for (const fault of all) {
        const from = bench.listener.received.length
        fault()
        const flows = () =>
          bench.listener.received
            .slice(from)
            .some(
              ({ topic, json }) =>
                topic.endsWith('/health') && (json['events_per_second'] as number) > 100_000,
            )
        await bench.until('events flow again', flows, 40_000)
        await bench.stateWithin(10_000, 'ready')
      }
    }
    const growth = expectNoGrowth(before, daemon.usage())
    await daemon.stop()
    return { rounds, ...growth }
  },
}

export const cameraTwice: Fault = {
  name: 'camera-twice',
  title: 'two daemons, one camera',
  promise: 'the first keeps it; the second says who has it and takes it when it is free',
  short: true,
  skip: withShim,
  async run(bench) {
    const { options } = await withCamera(bench, 200_000)
    const first = await bench.startReady(options)
    const second = bench.start({ ...options, device: 'evtrackd-2', state: 'state-2' })
    const busy = await within(
      30_000,
      'the second says that it has no camera',
      bench.listener.next('evtrackd-2/status', ({ state }) => state === 'degraded'),
    )
    await bench.stateWithin(5000, 'ready')
    await first.stop()
    const tookMs = await bench.stateWithin(40_000, 'ready', 'evtrackd-2')
    await second.stop()
    return { said: String(busy.json['reason']), taken_over_after_ms: Math.round(tookMs) }
  },
}

export const daemonStall: Fault = {
  name: 'daemon-stall',
  title:
    "the whole daemon stands still (SIGSTOP) for 15 s, longer than the keepalive and the camera's buffers last",
  promise:
    'the broker says offline meanwhile; afterwards it streams again and status is true within 15 s',
  short: false,
  skip: withShim,
  async run(bench, rounds) {
    const { options } = await withCamera(bench, 1_000_000)
    const daemon = await bench.startReady(options)
    const before = daemon.usage()
    let offline = 0
    let slowest = 0
    for (let round = 0; round < Math.min(rounds, 5); round++) {
      const from = bench.listener.received.length
      process.kill(daemon.pid, 'SIGSTOP')
      await systemClock.sleep(15_000)
      const will = bench.listener.received.slice(from)
      if (
        will.some(
          ({ topic, json }) => topic.endsWith('evtrackd/status') && json['state'] === 'offline',
        )
      )
        offline += 1
      process.kill(daemon.pid, 'SIGCONT')
      slowest = Math.max(slowest, await bench.stateWithin(15_000, 'ready'))
    }
    const mark = bench.listener.received.length
    const health = await bench.listener.next('/health', undefined, mark)
    const drops = health.json['drops'] as Record<string, number>
    if (offline === 0) throw new Error('the broker never said offline')
    const growth = expectNoGrowth(before, daemon.usage())
    await daemon.stop()
    return { told_offline: offline, slowest_ready_ms: Math.round(slowest), ...drops, ...growth }
  },
}
