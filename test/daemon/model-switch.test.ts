import t from 'tap'
import type { ModelReport } from '../../src/daemon/messages.js'
import { ModelSwitch } from '../../src/daemon/model-switch.js'
import { type OpenModel, openModel } from '../../src/daemon/open-model.js'
import { EvtrackError } from '../../src/events/errors.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import type { TrackerSession } from '../../src/inference/tracker-session.js'
import type { Frame } from '../../src/pipeline/frame.js'
import { createTargetManager } from '../../src/tracking/manager.js'
import { trackingSchema } from '../../src/tracking/schema.js'
import { PACKAGE_DIR } from '../inference/packages.js'

const pkg = await loadModelPackage(PACKAGE_DIR)
const OPTIONS = { graph: 'int8', threads: 1, lanes: 1 } as const
const size = { width: 346, height: 260 }
const BOX = { x: 100, y: 80, w: 40, h: 30 }

/** A window with the same events in one place, a little further on each time. */
function frame(seq: number): Frame {
  const pixels = size.width * size.height
  const planes = new Uint8Array(3 * pixels)
  for (let y = 82; y < 108; y++) {
    for (let x = 102 + (seq % 3); x < 138; x += 2) {
      for (const plane of [0, 1 + ((x + y) % 2)]) planes[plane * pixels + y * size.width + x] = 200
    }
  }
  const header = {
    seq,
    tStartUs: seq * 10_000,
    tEndUs: (seq + 1) * 10_000,
    events: 400,
    eventsIn: 400,
    gapUs: 0,
    broken: false,
    hostUs: 0,
  }
  return { header, ...size, planes }
}

/** The real network, with what tests need to know of it and to break in it. */
async function watchedModel(search?: TrackerSession['search']) {
  const model = await openModel(pkg, OPTIONS)
  const seen = { templates: 0, searches: 0, closed: 0 }
  const { session } = model
  const watched: OpenModel = {
    sampler: model.sampler,
    backend: model.backend,
    session: {
      spec: session.spec,
      template: (crop) => {
        seen.templates++
        return session.template(crop)
      },
      search: (crops, templates) => {
        seen.searches++
        return search?.(crops, templates) ?? session.search(crops, templates)
      },
      close: () => session.close(),
    },
    close: () => {
      seen.closed++
      return model.close()
    },
  }
  return { model: watched, seen }
}

async function bench(t: { teardown(end: () => Promise<void>): void }) {
  const first = await watchedModel()
  const config = trackingSchema.parse({ proposals: { enabled: false } })
  const manager = createTargetManager({ session: first.model.session, size, config, idPrefix: 'm' })
  const reports: ModelReport[] = []
  let next: () => Promise<OpenModel> = () => Promise.reject(new Error('nothing to open'))
  const models = new ModelSwitch({
    manager,
    model: first.model,
    open: () => next(),
    report: (report) => reports.push(report),
  })
  t.teardown(() => models.close())
  let seq = 0
  /** As the inference thread does it. */
  const window = async (lost = 0, ms = 2) => {
    await models.turn()
    try {
      const result = await manager.step(frame(seq++))
      await models.stepped({ searches: result.inferences, ms, lost })
      return result
    } catch (error) {
      if (!(await models.failed(error))) throw error
      return undefined
    }
  }
  const change = async (id: number, open: () => Promise<OpenModel>) => {
    next = open
    await models.prepare(id, pkg)
  }
  const outcomes = () => reports.map(({ id, outcome }) => `${id} ${outcome}`)
  return { first, manager, models, reports, outcomes, window, change }
}

t.test('targets live through a change, their appearances are taken anew', async (t) => {
  const { first, manager, window, change, outcomes } = await bench(t)
  const { id } = manager.start(BOX).after
  for (let i = 0; i < 110; i++) await window()
  t.same(outcomes(), ['0 kept'], 'what it began with works')
  const taken = first.seen.templates
  const second = await watchedModel()
  await change(1, async () => second.model)
  const before = first.seen.searches
  t.equal((await window())?.tracks[0]?.id, id)
  t.equal(first.seen.searches, before, 'from one window to the next')
  t.equal(first.seen.templates, taken)
  t.ok(second.seen.templates >= 1 && second.seen.searches >= 1)
  t.equal(first.seen.closed, 0, 'the one before is still there')
  for (let i = 0; i < 110; i++) t.equal((await window())?.tracks[0]?.id, id)
  t.same(outcomes(), ['0 kept', '1 switched', '1 kept'])
  t.equal(first.seen.closed, 1)
  t.equal(second.seen.closed, 0)
})

t.test('a session that fails after the change is taken back within a window', async (t) => {
  const { first, manager, window, change, reports, outcomes } = await bench(t)
  const { id } = manager.start(BOX).after
  for (let i = 0; i < 5; i++) await window()
  const failing = await watchedModel(() =>
    Promise.reject(new EvtrackError('BACKEND_UNAVAILABLE', 'The backend is gone.', { next: '' })),
  )
  await change(1, async () => failing.model)
  t.equal(await window(), undefined)
  t.same(outcomes(), ['1 switched', '1 reverted'])
  t.match(reports.at(-1)?.error, { code: 'MODEL_REVERTED', message: /backend is gone/ })
  t.equal(failing.seen.closed, 1)
  const after = await window()
  t.equal(after?.tracks[0]?.id, id)
  t.equal(after?.inferences, 1, 'by the network before')
  t.equal(first.seen.closed, 0)
})

t.test('one that cannot keep up is taken back', async (t) => {
  const { first, window, manager, change, reports, outcomes } = await bench(t)
  manager.start(BOX)
  for (let i = 0; i < 110; i++) await window()
  const slow = await watchedModel()
  await change(1, async () => slow.model)
  for (let i = 0; i < 30; i++) await window(3, 9)
  t.same(outcomes(), ['0 kept', '1 switched', '1 reverted'])
  t.match(reports.at(-1)?.error?.message, /too slow here: 9.0 ms a search, 2.0 ms before; 7\d % /)
  t.equal(first.seen.closed, 0)
  t.equal(slow.seen.closed, 1)
})

t.test('what cannot be opened changes nothing', async (t) => {
  const { first, window, manager, change, reports } = await bench(t)
  manager.start(BOX)
  await window()
  await change(4, () =>
    Promise.reject(new EvtrackError('MODEL_INVALID', 'A golden tensor differs.', { next: '' })),
  )
  const { searches } = first.seen
  t.ok(await window())
  t.equal(first.seen.searches, searches + 1)
  t.match(reports, [{ id: 4, outcome: 'refused', error: { code: 'MODEL_INVALID' } }])
})

t.test('of two changes in a row, the first package is the one to go back to', async (t) => {
  const { first, window, manager, change, outcomes } = await bench(t)
  manager.start(BOX)
  await window()
  const second = await watchedModel()
  await change(1, async () => second.model)
  await window()
  const third = await watchedModel(() => Promise.reject(new Error('broken')))
  await change(2, async () => third.model)
  await window()
  t.same(outcomes(), ['1 switched', '2 switched', '2 reverted'])
  t.same([first.seen.closed, second.seen.closed, third.seen.closed], [0, 1, 1])
  t.ok(await window())
})

t.test('a network that fails without a change before is not hidden', async (t) => {
  const { models } = await bench(t)
  t.equal(await models.failed(new Error('broken')), false)
})
