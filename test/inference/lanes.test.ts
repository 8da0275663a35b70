import t from 'tap'
import {
  BatchMemory,
  JOB_IDS,
  LaneWork,
  MAX_BATCH,
  targetLayout,
} from '../../src/inference/batch-memory.js'
import { createLanedSession, type Lane } from '../../src/inference/lanes.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { createTrackerSession } from '../../src/inference/session.js'
import type {
  SearchMaps,
  TemplateState,
  TrackerSession,
} from '../../src/inference/tracker-session.js'
import { noiseCrops, PACKAGE_DIR } from './packages.js'

const pkg = await loadModelPackage(PACKAGE_DIR)
const layout = targetLayout(pkg)
const alone = await createTrackerSession(pkg)
t.teardown(() => alone.close())

const TEMPLATE_BYTES = pkg.spec.planes.length * pkg.spec.templateSize ** 2
const states: TemplateState[] = []
for (let i = 0; i < 11; i++) states.push(await alone.template(noiseCrops(i + 1, TEMPLATE_BYTES)))
const crops = noiseCrops(99, 11 * layout.cropBytes)

/** A lane on this thread: what the port promises, without a thread. */
class LocalLane implements Lane {
  jobs = 0
  taken = 0
  closed = false
  readonly #work = new LaneWork(alone, layout)
  #memory: BatchMemory | undefined

  attach(buffer: SharedArrayBuffer): void {
    this.#memory = BatchMemory.attach(layout, buffer)
  }

  async run(job: { id: number; batch: number; chunk: number }): Promise<void> {
    this.jobs++
    await undefined
    this.taken += await this.#work.run(this.#memory!, job)
  }

  async close(): Promise<void> {
    this.closed = true
  }
}

/** A lane that attaches but answers as it is told. */
const lane = (run: (memory: BatchMemory, job: Parameters<Lane['run']>[0]) => Promise<unknown>) => {
  let memory: BatchMemory | undefined
  return {
    attach: (buffer) => {
      memory = BatchMemory.attach(layout, buffer)
    },
    run: async (job) => {
      await undefined
      return run(memory!, job)
    },
    close: async () => {},
  } satisfies Lane
}

/** Closing these sessions leaves the shared network open. */
const network: TrackerSession = {
  spec: alone.spec,
  template: (crop) => alone.template(crop),
  search: (crops, templates) => alone.search(crops, templates),
  close: async () => {},
}

t.test('every batch gives the maps of one session, whoever searched what', async (t) => {
  const lanes = [new LocalLane(), new LocalLane()]
  const session = createLanedSession(network, { layout, lanes })
  // Growing past the first memory and shrinking again.
  for (const batch of [2, 3, 8, 11, 5]) {
    const expected = await alone.search(crops, states.slice(0, batch))
    t.same(await session.search(crops, states.slice(0, batch)), expected, `${batch} targets`)
  }
  t.ok(
    lanes.every((lane) => lane.jobs === 5 && lane.taken > 0),
    'and the lanes took part',
  )
})

t.test('searches may overlap: each gets its own answer', async (t) => {
  const session = createLanedSession(network, { layout, lanes: [new LocalLane()] })
  const parts = [0, 3, 6].map((first) => ({
    crops: crops.subarray(first * layout.cropBytes, (first + 3) * layout.cropBytes),
    states: states.slice(first, first + 3),
  }))
  const together = await Promise.all(parts.map((part) => session.search(part.crops, part.states)))
  for (const [i, part] of parts.entries()) {
    t.same(together[i], await alone.search(part.crops, part.states))
  }
})

t.test('one target and none stay on this thread', async (t) => {
  const helper = new LocalLane()
  const session = createLanedSession(network, { layout, lanes: [helper] })
  const expected = await alone.search(crops, states.slice(0, 1))
  t.same(await session.search(crops, states.slice(0, 1)), expected)
  t.equal((await session.search(new Uint8Array(0), [])).batch, 0)
  t.equal(helper.jobs, 0)
})

t.test('nobody waits for a lane that never wakes up', async (t) => {
  const session = createLanedSession(network, {
    layout,
    lanes: [lane(() => new Promise(() => {}))],
  })
  const expected = await alone.search(crops, states.slice(0, 5))
  for (let i = 0; i < 2; i++) {
    t.same(await session.search(crops, states.slice(0, 5)), expected)
  }
})

t.test('a lane that fails fails the search, whether or not it holds targets', async (t) => {
  const gone = Object.assign(new Error('the thread is gone'), { code: 'BACKEND_UNAVAILABLE' })
  const idle = lane(() => Promise.reject(gone))
  const holding = lane(async (memory, job) => {
    memory.claim(job)
    throw gone
  })
  for (const helper of [idle, holding]) {
    const session = createLanedSession(network, { layout, lanes: [new LocalLane(), helper] })
    await t.rejects(session.search(crops, states), { message: gone.message })
    await t.rejects(session.search(crops, states), { message: gone.message }, 'and the next')
  }
})

t.test('when this thread fails, lanes finish before anyone may use the memory', async (t) => {
  const events: string[] = []
  let finish: () => void = () => {}
  const slow = lane(async (memory, job) => {
    memory.claim(job)
    await new Promise<void>((resolve) => {
      finish = resolve
    })
    events.push('lane done')
    t.equal(memory.claim(job), undefined, 'nothing more to take')
  })
  const broken: TrackerSession = {
    ...network,
    search: async (): Promise<SearchMaps> => {
      setImmediate(() => finish())
      throw new Error('broken')
    },
  }
  const session = createLanedSession(broken, { layout, lanes: [slow] })
  await session.search(crops, states).catch((error: Error) => events.push(error.message))
  t.same(events, ['lane done', 'broken'])
})

t.test('refused: crops too short for their batch; the session goes on', async (t) => {
  const session = createLanedSession(network, { layout, lanes: [new LocalLane()] })
  const short = crops.subarray(0, 2 * layout.cropBytes - 1)
  await t.rejects(session.search(short, states.slice(0, 2)), { name: 'RangeError' })
  const many = Array.from({ length: MAX_BATCH + 1 }, () => states[0]!)
  await t.rejects(session.search(crops, many), { name: 'RangeError' })
  t.same(
    await session.search(crops, states.slice(0, 2)),
    await alone.search(crops, states.slice(0, 2)),
  )
})

t.test('templates are made by the one session, and closing closes every lane', async (t) => {
  const lanes = [new LocalLane(), new LocalLane()]
  const session = createLanedSession(network, { layout, lanes })
  const crop = noiseCrops(5, TEMPLATE_BYTES)
  t.same(await session.template(crop), await alone.template(crop))
  await session.close()
  t.ok(lanes.every((lane) => lane.closed))
})

t.test('claims: every target once, in portions, and only to its own job', async (t) => {
  const small = { cropBytes: 1, state: [], stateLength: 0, cells: 1 }
  const memory = BatchMemory.allocate(small, 8)
  const other = BatchMemory.attach(small, memory.buffer)
  t.equal(memory.capacity, 8)
  t.equal(other.capacity, 8)
  for (const [id, chunk] of [
    [1, 1],
    [2, 3],
    [JOB_IDS - 1, 2],
    [0, 8],
  ] as const) {
    const job = { id, batch: 7, chunk }
    const late = { ...job, id: (id + JOB_IDS - 1) % JOB_IDS }
    memory.prepare(job)
    t.equal(other.claim(late), undefined, 'a late lane does not even wait')
    memory.open(job, new Uint8Array(8), [])
    const firsts: number[] = []
    for (let first = memory.claim(job); first !== undefined; first = other.claim(job)) {
      t.equal(other.claim(late), undefined)
      firsts.push(first)
    }
    t.same(
      firsts,
      Array.from({ length: Math.ceil(7 / chunk) }, (_, i) => i * chunk),
    )
    memory.open(job, new Uint8Array(8), [])
    memory.cancel(job)
    t.equal(other.claim(job), undefined, 'cancelled')
  }
})
