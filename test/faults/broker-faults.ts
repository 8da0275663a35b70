import { execFileSync, spawnSync } from 'node:child_process'
import { connect, createServer, type Socket } from 'node:net'
import { systemClock } from '../../src/events/time.js'
import { freePort } from '../publish/real-brokers.js'
import type { FaultBench } from './bench.js'
import { expectNoGrowth, type Fault, needsRoot } from './fault.js'
import { expectAllTold } from './lifecycle.js'

/** Events while nobody can be reached: targets come and go by themselves in the scene. */
const OUTAGE_MS = 3000

export const brokerRestart: Fault = {
  name: 'broker-restart',
  title: 'mosquitto is killed (SIGKILL) and started again',
  promise:
    'every event at least once and in order; connected again within 30 s, status true within 5 s of that; nothing grows',
  short: true,
  async run(bench, rounds) {
    const daemon = await bench.startReady()
    await bench.moreEvents(1)
    const before = daemon.usage()
    let slowest = 0
    let back = 0
    for (let round = 0; round < rounds; round++) {
      await bench.broker.kill()
      await systemClock.sleep(bench.rng.range(500, OUTAGE_MS))
      await bench.broker.restart()
      // A fresh subscriber may come before the daemon and see what the broker kept: the daemon ends that.
      const ms = await bench.until('the daemon is connected again', () => connected(bench), 60_000)
      back = Math.max(back, ms)
      slowest = Math.max(slowest, await bench.stateWithin(5000, 'ready'))
      await bench.moreEvents(1)
    }
    const growth = expectNoGrowth(before, daemon.usage())
    await daemon.stop()
    await bench.until(
      'the end was told',
      async () => (await bench.stateNow())['state'] === 'stopped',
    )
    return {
      rounds,
      ...expectAllTold(bench.listener.received),
      slowest_connection_ms: Math.round(back),
      slowest_status_ms: Math.round(slowest),
      ...growth,
    }
  },
}

/** Whether the daemon's newest health message came after the newest outage. */
async function connected(bench: FaultBench): Promise<boolean> {
  const at = bench.listener.received.length
  await systemClock.sleep(300)
  return bench.listener.received.slice(at).some(({ topic }) => topic.endsWith('/health'))
}

export const brokerStall: Fault = {
  name: 'broker-stall',
  title: 'mosquitto stands still (SIGSTOP) for longer than the keepalive, then goes on',
  promise: 'every event at least once and in order; tracks give way, nothing else',
  short: false,
  async run(bench, rounds) {
    const daemon = await bench.startReady()
    const before = daemon.usage()
    for (let round = 0; round < rounds; round++) {
      process.kill(bench.broker.pid, 'SIGSTOP')
      await systemClock.sleep(bench.rng.range(6000, 12_000))
      process.kill(bench.broker.pid, 'SIGCONT')
      await bench.until('messages come again', () => connected(bench), 45_000)
      await bench.stateWithin(5000, 'ready')
    }
    await bench.moreEvents(1)
    const growth = expectNoGrowth(before, daemon.usage())
    await daemon.stop()
    return { rounds, ...expectAllTold(bench.listener.received), ...growth }
  },
}

export const brokerSilent: Fault = {
  name: 'broker-silent',
  title: 'something accepts the connection and never answers; later a broker takes its place',
  promise: 'the daemon runs meanwhile, and tells everything afterwards',
  short: false,
  async run(bench) {
    const port = await freePort()
    const sockets = new Set<Socket>()
    const mute = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
    })
    await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve))
    const daemon = bench.start({ port })
    bench.daemon = daemon
    await bench.until('a connection', () => sockets.size > 0)
    await systemClock.sleep(8000)
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => mute.close(resolve))
    // The bench's own broker, reached by the port that was mute.
    const bridge = createServer((socket) => forward(socket, bench.broker.port))
    await new Promise<void>((resolve) => bridge.listen(port, '127.0.0.1', resolve))
    bench.onClose(() => bridge.close())
    const waited = await bench.until('the broker is found', () => connected(bench), 60_000)
    await bench.stateWithin(5000, 'ready')
    await daemon.stop()
    return {
      connections_unanswered: sockets.size,
      found_after_ms: Math.round(waited),
      ...expectAllTold(bench.listener.received),
    }
  },
}

/** Joins two connections; each piece arrives `lateMs` later, in order. */
function forward(socket: Socket, port: number, lateMs: () => number = () => 0): void {
  const other = connect(port, '127.0.0.1')
  for (const [from, to] of [
    [socket, other],
    [other, socket],
  ] as const) {
    let before: Promise<void> = Promise.resolve()
    from.on('data', (data) => {
      const due = systemClock.sleep(lateMs())
      before = Promise.all([before, due]).then(() => void to.write(data))
    })
    from.on('error', () => {})
    from.on('close', () => to.destroy())
  }
}

const nft = (space: string, ...commands: string[]) =>
  ip('netns', 'exec', space, 'nft', commands.join('; '))

const needs = (program: string, name: string) =>
  spawnSync(program, ['-V']).error === undefined ? false : `${name} is not installed`

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })

export const networkBad: Fault = {
  name: 'network-bad',
  title:
    'a network of its own (namespace, netem): 150 ms ± 50 ms late, 15 % lost, then down for 4 s',
  promise: 'every event at least once and in order',
  short: false,
  skip: () => needsRoot() || needs('ip', 'iproute2') || needs('nft', 'nftables'),
  async run(bench) {
    const id = `ev${process.pid % 10_000}`
    ip('netns', 'add', id)
    bench.onClose(() => spawnSync('ip', ['netns', 'del', id]))
    ip('link', 'add', `${id}a`, 'type', 'veth', 'peer', 'name', `${id}b`)
    ip('link', 'set', `${id}b`, 'netns', id)
    ip('addr', 'add', '10.203.77.1/30', 'dev', `${id}a`)
    ip('link', 'set', `${id}a`, 'up')
    ip('-n', id, 'addr', 'add', '10.203.77.2/30', 'dev', `${id}b`)
    ip('-n', id, 'link', 'set', `${id}b`, 'up')
    ip('-n', id, 'link', 'set', 'lo', 'up')
    const port = await freePort()
    const door = createServer((socket) =>
      forward(socket, bench.broker.port, () => bench.rng.range(100, 200)),
    )
    await new Promise<void>((resolve) => door.listen(port, '10.203.77.1', resolve))
    bench.onClose(() => door.close())
    const daemon = bench.start({
      mqtt: `url = "mqtt://10.203.77.1:${port}"\nallow_insecure = true`,
      wrap: ['ip', 'netns', 'exec', id],
    })
    bench.daemon = daemon
    await bench.until('the daemon is heard', () => connected(bench))
    const drop = 'chain inet evtrackd in { type filter hook input priority 0; }'
    nft(
      id,
      'add table inet evtrackd',
      `add ${drop}`,
      'add rule inet evtrackd in numgen random mod 100 < 15 drop',
    )
    await bench.moreEvents(3)
    ip('link', 'set', `${id}a`, 'down')
    await systemClock.sleep(4000)
    ip('link', 'set', `${id}a`, 'up')
    await bench.until('the daemon is heard again', () => connected(bench), 90_000)
    nft(id, 'delete table inet evtrackd')
    await bench.moreEvents(1)
    await daemon.stop()
    return expectAllTold(bench.listener.received)
  },
}
