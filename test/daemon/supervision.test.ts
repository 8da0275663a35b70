import t from 'tap'
import type { Daemon } from '../../src/daemon/daemon-types.js'
import { createLog } from '../../src/daemon/log.js'
import { newCameraRun, Supervision } from '../../src/daemon/supervision.js'
import { EvtrackError } from '../../src/events/errors.js'
import { ManualClock, settle } from '../publish/manual-clock.js'

const lost = (code: 'CAMERA_LOST' | 'MODEL_INVALID' = 'CAMERA_LOST') =>
  new EvtrackError(code, 'It broke.', { next: 'Mend it.' })

/** What supervision sees of a daemon: its end, its state, and that it is stopped. */
function script() {
  let end: (how: 'ended' | Error) => void = () => {}
  const done = new Promise<'ended' | 'stopped'>((resolve, reject) => {
    end = (how) => (how === 'ended' ? resolve(how) : reject(how))
  })
  done.catch(() => {})
  const seen = { state: 'init', stopped: 0, stopping: false }
  const stop = async () => {
    seen.stopped += 1
  }
  const facts = { state: () => ({ state: seen.state }) }
  const told: unknown[] = []
  const reconfigure = async (config: unknown) => {
    if (seen.stopping) throw new Error('stopping')
    told.push(config)
  }
  const daemon = {
    done,
    stop,
    facts,
    config: {},
    reconfigure,
    get stopping() {
      return seen.stopping
    },
  }
  return { daemon: daemon as unknown as Daemon, end, seen, told }
}

function bench(ids: readonly string[], endsAll: (error: unknown) => boolean = () => false) {
  const clock = new ManualClock()
  const lines: string[] = []
  const log = createLog({ level: 'info', journal: false, write: (line) => lines.push(line) })
  const scripts = new Map(ids.map((id) => [id, [script()]]))
  const cameras = ids.map((id) => newCameraRun({ id, daemon: scripts.get(id)![0]!.daemon }))
  /** What the next start gives, where it is no daemon. */
  const refusals: Error[] = []
  let changes = 0
  const supervision = new Supervision({
    log,
    clock,
    random: () => 0.5,
    endsAll,
    onChange: () => void changes++,
    start: async ({ id }) => {
      const refusal = refusals.shift()
      if (refusal !== undefined) throw refusal
      const next = script()
      scripts.get(id)!.push(next)
      return next.daemon
    },
  })
  const last = (id: string) => scripts.get(id)!.at(-1)!
  const starts = (id: string) => scripts.get(id)!.length
  const watched = supervision.watch(cameras)
  watched.catch(() => {})
  return {
    clock,
    lines,
    cameras,
    refusals,
    supervision,
    last,
    starts,
    watched,
    told: () => changes,
  }
}

t.test('one of two fails: it alone is started anew, later each time', async (t) => {
  const { clock, cameras, last, starts, supervision, lines, told } = bench(['left', 'right'])
  const [left, right] = cameras
  last('right').end(lost())
  await settle()
  t.match(right!.failure, { code: 'CAMERA_LOST', attempts: 1, retryAtUs: 1_000_000 })
  t.equal(told(), 1)
  t.match(lines.join(''), /error: camera failed, the others go on.*camera=right.*retry_ms=1000/)
  await clock.advance(999)
  t.equal(starts('right'), 1, 'not before its time')
  await clock.advance(1)
  t.equal(starts('right'), 2)
  t.ok(right!.failure, 'a daemon that is starting has not shown yet that it works')
  last('right').end(lost())
  await settle()
  t.match(right!.failure, { attempts: 2, retryAtUs: 3_000_000 })
  await clock.advance(2000)
  last('right').seen.state = 'ready'
  supervision.settle(right!)
  t.equal(right!.failure, undefined)
  t.equal(right!.failures, 2)
  t.equal(starts('left'), 1)
  t.equal(left!.failure, undefined)
})

t.test('pauses grow to a minute, and begin anew after a minute of work', async (t) => {
  const { clock, cameras, last, supervision } = bench(['left', 'right'])
  const right = cameras[1]!
  const waits: number[] = []
  for (let i = 0; i < 9; i++) {
    const before = clock.nowUs()
    last('right').end(lost())
    await settle()
    waits.push((right.failure!.retryAtUs - before) / 1e6)
    await clock.advance(waits.at(-1)! * 1000)
  }
  t.same(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60])
  last('right').seen.state = 'ready'
  supervision.settle(right)
  await clock.advance(60_000)
  last('right').end(lost())
  await settle()
  t.match(right.failure, { attempts: 1, retryAtUs: clock.nowUs() + 1_000_000 })
})

t.test('when no camera works any more, all end with the last error', async (t) => {
  const { last, watched, clock, starts } = bench(['left', 'right'])
  last('left').end(lost())
  await clock.advance(1000)
  t.equal(starts('left'), 2)
  last('right').end(lost('MODEL_INVALID'))
  await t.rejects(watched, { code: 'MODEL_INVALID' }, 'the left one has not shown that it works')
})

t.test('one camera alone fails as before; one that has ended does not count', async (t) => {
  const alone = bench([''])
  alone.last('').end(lost())
  await t.rejects(alone.watched, { code: 'CAMERA_LOST' })
  t.same(alone.lines, [], 'whoever started the process says it')
  const two = bench(['left', 'right'])
  two.last('left').end('ended')
  two.last('right').end(lost())
  await t.rejects(two.watched, { code: 'CAMERA_LOST' })
})

t.test('a start that is refused is tried again; a defect is not', async (t) => {
  const { clock, cameras, last, refusals, starts, watched } = bench(['left', 'right'])
  refusals.push(lost('MODEL_INVALID'))
  last('right').end(lost())
  await clock.advance(1000)
  t.match(cameras[1]!.failure, { code: 'MODEL_INVALID', attempts: 2 })
  await clock.advance(2000)
  t.equal(starts('right'), 2)
  refusals.push(new TypeError('a defect'))
  last('right').end(lost())
  await clock.advance(4000)
  await t.rejects(watched, TypeError)
})

t.test('a changed configuration is tried at once; all can be stopped', async (t) => {
  const { clock, cameras, last, starts, supervision, watched } = bench(['left', 'right'])
  last('right').end(lost())
  await settle()
  const config = { logLevel: 'debug' } as never
  await supervision.reconfigure(cameras[0]!, config)
  t.same(last('left').told, [config], 'one that runs is told')
  await supervision.reconfigure(cameras[1]!, config)
  await clock.advance(0)
  t.equal(starts('right'), 2)
  t.equal(cameras[1]!.config, config)
  last('right').end(lost())
  await settle()
  supervision.stop()
  last('left').end('ended')
  await watched
  t.equal(starts('right'), 2, 'nothing is started anew after that')
})

t.test('a reason to begin anew with all cameras ends them at the first failure', async (t) => {
  const asked: unknown[] = []
  const { last, watched } = bench(['left', 'right'], (error) => asked.push(error) > 0)
  last('left').end(lost('MODEL_INVALID'))
  await t.rejects(watched, { code: 'MODEL_INVALID' })
  t.equal(asked.length, 1)
})

t.test(
  'a configuration that comes while a camera is failing is what it is started with',
  async (t) => {
    const { clock, cameras, last, starts, supervision } = bench(['left', 'right'])
    const right = cameras[1]!
    const config = { logLevel: 'debug' } as never
    last('right').seen.stopping = true
    const changed = supervision.reconfigure(right, config)
    last('right').end(lost())
    await changed
    await clock.advance(0)
    t.equal(starts('right'), 2, 'at once')
    t.equal(right.config, config)
    t.same(last('right').told, [])
    // All are stopped: nothing is left to change.
    supervision.stop()
    last('left').seen.stopping = true
    last('left').end('ended')
    await supervision.reconfigure(cameras[0]!, config)
    t.same(last('left').told, [])
  },
)
