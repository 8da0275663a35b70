import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Daemon, startDaemon } from '../../src/daemon/daemon.js'
import { parseConfig } from '../../src/daemon/load-config.js'
import { createLog } from '../../src/daemon/log.js'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { createMqttBroker } from '../../src/publish/mqtt.js'
import type { StepResult } from '../../src/tracking/track.js'
import { evtrackd } from '../cli/run-cli.js'

t.setTimeout(110_000)

const MAIN = join(PACKAGE_ROOT, 'dist/src/cli/main.js')
/** A model package of this name does not exist: whoever asks for it fails. */
const NOWHERE = { name: join(tmpdir(), 'evtrackd-no-such-model') }
const lines: string[] = []
const log = createLog({ level: 'info', journal: false, write: (line) => lines.push(line) })

function configure(tracker: 'cluster' | 'spiking') {
  return parseConfig(
    {
      source: { kind: 'scene', scene: 'clean', seed: 901 },
      tracking: { tracker },
      model: NOWHERE,
      mqtt: { url: 'embedded', embedded: { port: 0 }, healthIntervalMs: 1000 },
      stateDir: mkdtempSync(join(tmpdir(), 'evtrackd-cluster-')),
    },
    'the test',
  )
}

/** What a subscriber that comes late finds under a topic. */
async function retained(daemon: Daemon, topic: string): Promise<unknown> {
  const { host, port } = daemon.broker
  const client = createMqttBroker({
    clientId: 'late-reader',
    keepaliveSeconds: 30,
    host,
    port,
    protocol: '3.1.1',
  })
  const payload = await new Promise<Buffer>((resolve) =>
    client.start({
      will: { topic: 'late-reader/gone', payload: '', qos: 0 },
      subscriptions: [topic],
      onConnect: () => {},
      onDisconnect: () => {},
      onDrain: () => {},
      onMessage: (message) => resolve(message.payload as Buffer),
    }),
  )
  await client.close()
  return JSON.parse(payload.toString('utf8'))
}

t.test('the daemon tracks by event clusters without a model or its runtime', async (t) => {
  const steps: StepResult[] = []
  let found: () => void = () => {}
  const tracked = new Promise<void>((resolve) => {
    found = resolve
  })
  const daemon = await startDaemon(configure('cluster'), {
    log,
    hooks: {
      onStep: (step) => {
        steps.push(step)
        if (step.tracks.length > 0) found()
      },
    },
  })
  t.teardown(() => daemon.stop())
  await daemon.ready
  t.ok(
    lines.some((line) => line.includes('tracker ready, it needs no model')),
    lines.join(''),
  )
  await tracked
  t.match(steps.at(-1)!.tracks, [{ state: /tracking|still/ }])
  t.ok(steps.every(({ inferences }) => inferences === 0))
  const health = daemon.facts.health()
  t.equal(health.energy, null, 'nothing is known of an energy')
  const started = await daemon.targets['target/start']({ box: { x: 100, y: 80, w: 40, h: 30 } })
  t.match(started, { ok: true, result: { id: /^[0-9a-f]+-\d+$/ } })
  t.match(await retained(daemon, daemon.publisher.topics.info), {
    model: null,
    backend: 'event clusters',
  })
  t.notMatch(readFileSync('/proc/self/maps', 'utf8'), /onnxruntime/, 'the runtime was not loaded')
  await daemon.stop()
})

t.test('the network still needs its package', async (t) => {
  await t.rejects(startDaemon(configure('spiking'), { log }), { code: 'MODEL_INVALID' })
})

t.test('the command line chooses the tracker, and refuses one there is not', async (t) => {
  const refused = await evtrackd(['run', '--tracker', 'magic'])
  t.not(refused.code, 0)
  t.match(refused.stderr, /spiking, cluster/)
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-cluster-'))
  const file = join(dir, 'evtrackd.toml')
  writeFileSync(
    file,
    `state_dir = ${JSON.stringify(dir)}\n[model]\nname = "none"\n[mqtt]\nurl = "embedded"\n[mqtt.embedded]\nport = 0\n`,
  )
  const child = spawn(
    process.execPath,
    [MAIN, 'run', '--config', file, '--source', 'scene', '--tracker', 'cluster'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let text = ''
  let maps = ''
  child.stderr.setEncoding('utf8')
  for await (const chunk of child.stderr) {
    text += chunk
    if (maps !== '' || !/^info: ready /m.test(text)) continue
    maps = readFileSync(`/proc/${child.pid}/maps`, 'utf8')
    child.kill('SIGTERM')
  }
  if (child.exitCode === null) await once(child, 'exit')
  t.equal(child.exitCode, 0, text)
  t.match(text, /tracker ready, it needs no model/)
  t.notMatch(maps, /onnxruntime/, 'the runtime was not loaded')
})
