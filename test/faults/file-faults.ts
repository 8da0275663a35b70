import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/events/time.js'
import { type FaultBench, within } from './bench.js'
import { expectNoGrowth, type Fault, needsRoot } from './fault.js'
import { expectAllTold, told } from './lifecycle.js'
import { spoolFiles } from './process-faults.js'
import { readRecording } from './recording.js'

/** A file system of its own for the state directory. */
function mountSmall(bench: FaultBench, kib: number): string {
  const state = join(bench.dir, 'state')
  mkdirSync(state, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'tmpfs', state])
  bench.onClose(() => spawnSync('umount', ['-l', state]))
  return state
}

const canMount = () => {
  const root = needsRoot()
  if (root) return root
  const { status } = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'])
  return status === 0 ? false : 'file systems cannot be mounted here'
}

export const diskFull: Fault = {
  name: 'disk-full',
  title: 'the state directory is full while recording and while the broker is away',
  promise:
    'the recording ends by itself and is readable; events wait in memory and arrive; nothing stops',
  short: true,
  skip: canMount,
  async run(bench) {
    const state = mountSmall(bench, 4096)
    const daemon = await bench.startReady()
    const before = daemon.usage()
    const started = await bench.ask('record/start')
    if (!started.ok) throw new Error(`record/start: ${started.code}`)
    await systemClock.sleep(1000)
    const filler = join(state, 'filler')
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=4k'], { stdio: 'ignore' })
    await bench.until('the recording ends', () => /a recording has ended/.test(daemon.log))
    const path = join(state, 'recordings', String(started.result['name']))
    const { events } = await readRecording(path)
    if (events === 0) throw new Error('nothing of the recording is readable')
    await bench.broker.kill()
    await systemClock.sleep(4000)
    await bench.broker.restart()
    await bench.moreEvents(1)
    await bench.stateWithin(5000, 'ready')
    const growth = expectNoGrowth(before, daemon.usage())
    await daemon.stop()
    return { recorded_events: events, ...expectAllTold(bench.listener.received), ...growth }
  },
}

export const diskReadOnly: Fault = {
  name: 'disk-read-only',
  title: 'the state directory becomes read-only, as file systems with errors do',
  promise:
    'tracking and telling go on; what cannot be done is refused with a code; all is well when it is writable again',
  short: false,
  skip: canMount,
  async run(bench) {
    const state = mountSmall(bench, 8192)
    const daemon = await bench.startReady()
    await bench.moreEvents(1)
    execFileSync('mount', ['-o', 'remount,ro', state])
    const refused = await bench.ask('record/start')
    if (refused.ok) throw new Error('a recording was promised that nobody can write')
    const kept = await bench.ask('camera/configure', {
      filters: { refractory_us: 5 },
      persist: true,
    })
    if (kept.ok) throw new Error('a setting was promised to be kept')
    await bench.broker.kill()
    await systemClock.sleep(3000)
    await bench.broker.restart()
    await bench.moreEvents(1)
    await bench.stateWithin(5000, 'ready')
    execFileSync('mount', ['-o', 'remount,rw', state])
    const again = await bench.ask('record/start')
    if (!again.ok) throw new Error(`record/start on a writable disk: ${again.code}`)
    await daemon.stop()
    return {
      recording: String(refused.code),
      persist: String(kept.code),
      ...expectAllTold(bench.listener.received),
    }
  },
}

export const tornSpool: Fault = {
  name: 'torn-spool',
  title: 'spool files cut short, with garbage and with a foreign file, as a power cut leaves them',
  promise: 'what is whole arrives, the rest is counted, the daemon starts',
  short: true,
  async run(bench) {
    const daemon = await bench.startReady()
    await bench.moreEvents(1)
    const boot = String((await bench.stateNow())['boot_id'])
    await bench.broker.kill()
    const spooled = () => spoolFiles(daemon.state).join('').split('\n').length - 1
    await bench.until('three spooled events', () => spooled() >= 3, 90_000)
    await daemon.kill()
    const dir = join(daemon.state, 'spool')
    const [name] = readdirSync(dir).filter((each) => each.endsWith('.jsonl'))
    const path = join(dir, name!)
    const whole = readFileSync(path, 'utf8')
    // The last line is torn in its middle, and a block of zeros follows, as a journal that was not replayed shows it.
    truncateSync(path, whole.length - 20)
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(512), Buffer.from('\n')]))
    writeFileSync(join(dir, '000000000999.jsonl'), Buffer.from([0xff, 0xfe, 0, 10, 123, 10]))
    writeFileSync(join(dir, 'notes.txt'), 'of somebody else')
    await bench.broker.restart()
    const next = await bench.startReady()
    const lines = whole.trimEnd().split('\n').slice(0, -1)
    const wanted = lines.map((line) => JSON.parse(line).payload.seq as number)
    await bench.until('the whole records', () => {
      const heard = told(bench.listener.received).find((run) => run.bootId === boot)
      return (
        heard !== undefined &&
        wanted.every((seq) =>
          bench.listener
            .on('/track_events')
            .some(({ json }) => json['boot_id'] === boot && json['seq'] === seq),
        )
      )
    })
    const corruptOf = (json: Record<string, unknown>) =>
      (json['spool'] as { corrupt: number }).corrupt
    const health = await within(
      20_000,
      'a count of what was torn',
      bench.listener.next(
        '/health',
        (json) => json['boot_id'] !== boot && json['boot_id'] !== undefined && corruptOf(json) > 0,
      ),
    )
    const corrupt = corruptOf(health.json)
    if (!readdirSync(dir).includes('notes.txt')) throw new Error('a foreign file was removed')
    await next.stop()
    return { whole: wanted.length, corrupt }
  },
}

export const tornConfig: Fault = {
  name: 'torn-config',
  title: 'configuration, kept settings and model pointer cut short, at start and at reload',
  promise:
    'at reload the old settings stay; at start a torn configuration ends with 78 and says why, torn state does not',
  short: true,
  async run(bench) {
    const daemon = await bench.startReady()
    const text = readFileSync(daemon.file, 'utf8')
    writeFileSync(daemon.file, text.slice(0, text.length * 0.7).concat('\n[mqt'))
    daemon.child.kill('SIGHUP')
    await bench.until(
      'the reload is refused',
      () => /CONFIG_INVALID|not valid|kept/i.test(daemon.log),
      20_000,
    )
    await bench.stateWithin(5000, 'ready')
    await daemon.stop()

    writeFileSync(daemon.file, '[source\nkind =')
    const broken = bench.start({ file: daemon.file })
    const { code } = await within(20_000, 'an end', broken.exited)
    if (code !== 78) throw new Error(`a torn configuration ended with ${code}: ${broken.log}`)

    writeFileSync(join(daemon.state, 'camera-configure.json'), '{"filters": {"refra')
    mkdirSync(join(daemon.state, 'models'), { recursive: true })
    writeFileSync(join(daemon.state, 'models', 'active.json'), '{"acti')
    const next = await bench.startReady()
    await bench.moreEvents(1)
    await next.stop()
    return { status: 78, ...expectAllTold(bench.listener.received) }
  },
}
