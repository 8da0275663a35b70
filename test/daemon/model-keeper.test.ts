import { mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Changes } from '../../src/daemon/configure-command.js'
import { DaemonFacts } from '../../src/daemon/facts.js'
import { loadConfig } from '../../src/daemon/load-config.js'
import { createLog } from '../../src/daemon/log.js'
import { ModelDesk } from '../../src/daemon/model-desk.js'
import { ModelKeeper } from '../../src/daemon/model-keeper.js'
import { ModelStore } from '../../src/daemon/model-store.js'
import { EvtrackError } from '../../src/events/errors.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { copyPackage, editManifest, PACKAGE_DIR } from '../inference/packages.js'

const slow = new EvtrackError('MODEL_REVERTED', 'It is too slow here.', { next: '' })

async function bench() {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-keeper-'))
  const lines: string[] = []
  const log = createLog({ level: 'info', journal: false, write: (line) => lines.push(line) })
  const store = new ModelStore(join(dir, 'models'))
  const name = await store.install(PACKAGE_DIR, 'int8')
  const file = join(dir, 'kept.json')
  writeFileSync(file, JSON.stringify({ model: { name }, logLevel: 'debug' }))
  const changes = new Map([['left', new Changes(file)]])
  return {
    dir,
    file,
    lines,
    log,
    store,
    name,
    changes,
    keeper: new ModelKeeper(store, { log, changes }),
  }
}

t.test('a model that did not prove itself is asked for no more', async (t) => {
  const { file, store, name, keeper } = await bench()
  store.activate(name)
  const path = store.active!
  keeper.judged(path, 'reverted', { error: slow, camera: 'left', inUse: [] })
  t.match(store.pointer(), {
    active: null,
    reverted: { name, code: 'MODEL_REVERTED', message: slow.message },
  })
  t.same(JSON.parse(readFileSync(file, 'utf8')), { logLevel: 'debug' }, 'nor by camera/configure')
})

t.test('who is to blame when the daemon cannot go on', async (t) => {
  const { store, name, keeper, lines } = await bench()
  const error = (code: 'MODEL_INVALID' | 'BACKEND_UNAVAILABLE' | 'CAMERA_LOST') =>
    new EvtrackError(code, 'It has failed.', { next: '' })
  t.equal(keeper.takeBack(error('MODEL_INVALID'), ['evt-compact']), false, 'none is installed')
  store.activate(name)
  const tried = [store.active!]
  t.equal(keeper.takeBack(error('MODEL_INVALID'), ['evt-compact']), false, 'it was not tried')
  t.equal(keeper.takeBack(error('CAMERA_LOST'), tried), false)
  t.equal(keeper.takeBack(new Error('bug'), tried), false)
  keeper.judged(store.active!, 'kept', { error: undefined, camera: 'left', inUse: [] })
  t.equal(keeper.takeBack(error('BACKEND_UNAVAILABLE'), tried), false, 'it has worked before')
  t.equal(keeper.takeBack(error('MODEL_INVALID'), tried), true, 'damaged since')
  store.activate(name)
  t.equal(keeper.takeBack(error('BACKEND_UNAVAILABLE'), tried), true, 'it never worked')
  t.match(lines.join(''), /code=MODEL_REVERTED.*reason=BACKEND_UNAVAILABLE/)
})

t.test('what cannot be written is told and stops nothing', async (t) => {
  const { store, name, keeper, lines } = await bench()
  store.activate(name)
  const path = store.active!
  writeFileSync(join(store.dir, 'active.json'), 'no JSON')
  keeper.judged(path, 'kept', { error: undefined, camera: 'left', inUse: [] })
  t.match(lines.join(''), /state of installed models is not kept.*CONFIG_INVALID/)
})

t.test('the desk says what became of a change', async (t) => {
  const { log, lines, changes: _ } = await bench()
  const dir = copyPackage()
  editManifest(dir, (manifest) => {
    manifest.name = 'second'
  })
  const pkg = await loadModelPackage(PACKAGE_DIR)
  const switched: string[] = []
  const desk = new ModelDesk({
    pkg,
    name: 'evt-compact',
    switchModel: async ({ spec }) => void switched.push(spec.name),
    facts: new DaemonFacts({ isCamera: false, nowUs: () => 0 }),
    log,
  })
  t.same(desk.judged('kept', undefined), { judged: 'evt-compact', inUse: 'evt-compact' })
  t.equal(desk.change, undefined, 'the model it began with is no change')
  const next = loadConfig(undefined, { model: { name: dir } })
  const cannot = new Error('the disk is full')
  await t.rejects(
    desk.take(next, () => {
      throw cannot
    }),
    cannot,
  )
  t.same(switched.splice(0), ['second', 'evt-compact'], 'put back')
  t.equal(desk.pkg, pkg)

  let committed = 0
  await desk.take(next, () => void committed++)
  t.equal(committed, 1)
  t.match(desk.change, { outcome: 'trial', from: 'evt-compact', to: 'second' })
  t.same(desk.judged('reverted', slow), { judged: dir, inUse: 'evt-compact' })
  t.equal(desk.pkg, pkg)
  t.match(desk.change, {
    outcome: 'reverted',
    from: 'evt-compact',
    to: 'second',
    code: 'MODEL_REVERTED',
    message: slow.message,
  })
  t.match(lines.join(''), /too slow here.*code=MODEL_REVERTED.*in_use=evt-compact/)
  await desk.take(loadConfig(undefined, {}), () => void committed++)
  t.equal(committed, 2, 'the same one again is no change')
  t.same(switched, ['second'])
})

t.test(
  'packages that nobody needs go when another has proved itself, and that is said',
  async (t) => {
    const { store, name, keeper, lines } = await bench()
    const others = []
    for (const other of ['one', 'two', 'three', 'four']) {
      const dir = copyPackage()
      editManifest(dir, (manifest) => {
        manifest.name = other
      })
      others.push(await store.install(dir, 'int8'))
    }
    const [one, two, three, four] = others
    // Their age decides, not their names.
    for (const [i, each] of [four, three, two, one, name].entries()) {
      utimesSync(store.path(each!)!, 1000 + i, 1000 + i)
    }
    store.activate(three!)
    store.activate(four!)
    const inUse = [store.path(two!)!, 'evt-compact']
    keeper.judged(store.active!, 'kept', { error: undefined, camera: 'left', inUse })
    t.same(store.names(), [four, name, three, two].sort(), 'in use, the one before, and one more')
    t.match(lines.join(''), new RegExp(`old model packages removed removed=${one}`))
    t.equal(store.rollback(), three)
    keeper.prune([])
    t.same(store.names(), [four, name, three].sort())
    t.same(
      readdirSync(store.dir).sort(),
      [...store.names(), 'active.json'].sort(),
      'nothing is left',
    )
    lines.length = 0
    keeper.prune([])
    t.same(lines, [], 'nothing to say')
  },
)
