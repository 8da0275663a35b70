import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createLog } from '../../src/daemon/log.js'
import { ModelStore } from '../../src/daemon/model-store.js'
import { Service } from '../../src/daemon/service.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { evtrackd } from '../cli/run-cli.js'
import { copyPackage, editManifest, replaceFile } from '../inference/packages.js'
import { NotingNotifier, SCENE, startService } from './service-bench.js'

/** The network of the repository under another name, as a package of its own. */
function renamed(name: string): string {
  const dir = copyPackage()
  editManifest(dir, (manifest) => {
    manifest.name = name
  })
  return dir
}

/** A package whose files agree with their hashes while the network gives other numbers. */
async function wrongNumbers(name: string): Promise<string> {
  const dir = renamed(name)
  const { manifest } = await loadModelPackage(dir)
  const at = manifest.golden.tensors.find((tensor) => tensor.name === 'search.score_logit')!
  const golden = new Uint8Array(readFileSync(join(dir, 'golden.bin')))
  golden[at.offset + 2]! ^= 0x40
  replaceFile(dir, 'golden.bin', golden)
  return dir
}

type Json = Record<string, unknown>
const modelOf = (info: Json) => (info['model'] as Json | null)?.['name']
const changeOf = (info: Json) => info['model_change'] as Json | undefined

t.test('a running daemon changes over, and takes back what is wrong', async (t) => {
  const { dir, ask, listener, service, lines } = await startService(t, SCENE)
  const info = (is: (info: Json) => boolean) => listener.next('/evtrackd/info', is)
  const store = new ModelStore(join(dir, 'state/models'))
  await info((each) => modelOf(each) === 'evt-compact')
  const seen = await listener.next('/tracks', (p) => (p['tracks'] as Json[]).length > 0)
  const id = (seen.json['tracks'] as Json[])[0]!['id']

  const second = await store.install(renamed('second'), 'int8')
  store.activate(second)
  await service.reload()
  t.match(lines.join(''), /model changed, golden vectors match.* from=evt-compact to=second/)
  const changed = await info((each) => changeOf(each)?.['outcome'] === 'kept')
  t.equal(modelOf(changed.json), 'second')
  t.match(changeOf(changed.json), { from: 'evt-compact', to: 'second' })
  t.equal(store.pointer().proven, true)
  t.same(service.report().restart_needed, [])
  t.equal(service.daemons[0]?.config.model.name, store.path(second))
  const boots = new Set(service.report().cameras.map(({ boot_id }) => boot_id))
  t.ok(String(id).startsWith([...boots][0]!), 'nothing was started anew')

  // By MQTT, by name only.
  t.equal((await ask('camera/configure', { model: { name: '/etc' } })).code, 'REQUEST_INVALID')
  t.equal((await ask('camera/configure', { model: { name: 'nobody' } })).code, 'MODEL_INVALID')
  const back = await ask('camera/configure', { model: { name: 'evt-compact' } })
  t.same(back.result, { applied: ['model.name'], restart: [] })
  await info((each) => modelOf(each) === 'evt-compact')
  t.same((await ask('camera/configure', { reset: true })).result['applied'], ['model.name'])
  await info((each) => modelOf(each) === 'second' && changeOf(each)?.['outcome'] === 'kept')

  // The golden run fails: nobody installs such a package, but a disk may.
  cpSync(await wrongNumbers('third'), join(store.dir, 'third'), { recursive: true })
  const asked = await ask('camera/configure', { model: { name: 'third' }, persist: true })
  t.equal(asked.code, 'MODEL_INVALID')
  t.match(asked.message, /golden tensor/)
  store.activate('third')
  await service.reload()
  t.match(lines.join(''), /the new configuration is not taken.*golden tensor/)
  t.match(lines.join(''), /installed model taken back.*code=MODEL_REVERTED/)
  t.match(store.pointer(), { active: second, reverted: { name: 'third', code: 'MODEL_INVALID' } })
  t.equal(service.report().cameras[0]?.state, 'ready')
  t.equal((await ask('restart')).ok, true)
  const anew = await info((each) => modelOf(each) === 'second' && each['boot_id'] !== [...boots][0])
  t.equal(changeOf(anew.json), undefined)
})

for (const [what, damage] of [
  ['one byte', (dir: string) => writeFileSync(join(dir, 'network.bin'), 'x')],
  [
    'other numbers',
    async (dir: string) => cpSync(await wrongNumbers('bad'), dir, { recursive: true }),
  ],
] as const) {
  t.test(`started with an installed package that was damaged: ${what}`, async (t) => {
    const { dir, listener, service, ended, lines } = await startService(t, SCENE)
    const store = new ModelStore(join(dir, 'state/models'))
    await listener.next('/evtrackd/status', (p) => p['state'] === 'ready')
    const name = await store.install(renamed('second'), 'int8')
    await damage(store.path(name)!)
    store.activate(name)
    const boot = service.report().cameras[0]!.boot_id
    await listener.client.publishAsync('evtrackd/v1/evtrackd/request/restart', '{}', { qos: 1 })
    const ready = (p: Json) => p['state'] === 'ready' && p['boot_id'] !== boot
    await listener.next('/evtrackd/status', ready)
    t.match(lines.join(''), /golden|network.bin/)
    t.equal(service.daemons[0]?.config.model.name, 'evt-compact')
    t.match(store.pointer(), { active: null, reverted: { name, code: 'MODEL_INVALID' } })
    service.stop()
    await ended
  })
}

t.test('started for the first time with a damaged package in use', async (t) => {
  const dir = t.testdir()
  const file = join(dir, 'evtrackd.toml')
  writeFileSync(
    file,
    `state_dir = "${dir}"\n[mqtt]\nurl = "embedded"\n[mqtt.embedded]\nport = 0\n${SCENE}`,
  )
  const store = new ModelStore(join(dir, 'models'))
  const name = await store.install(renamed('second'), 'int8')
  store.activate(name)
  writeFileSync(join(store.path(name)!, 'network.bin'), 'x')
  const lines: string[] = []
  const log = createLog({ level: 'info', journal: false, write: (line) => lines.push(line) })
  const notifier = new NotingNotifier()
  const service = new Service({ sources: { file, env: {} }, log, notifier })
  const ended = service.run()
  await notifier.until(/^READY/)
  t.equal(service.daemons[0]?.config.model.name, 'evt-compact')
  t.match(store.pointer(), { active: null, reverted: { name, code: 'MODEL_INVALID' } })
  t.match(lines.join(''), /installed model taken back.*network.bin.*code=MODEL_REVERTED/)
  service.stop()
  await ended
})

t.test('on the command line', async (t) => {
  const dir = t.testdir()
  const state = ['--state-dir', dir, '--json']
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await evtrackd(['model', ...args, ...state])
    return { code, stderr, json: code === 0 ? JSON.parse(stdout) : undefined }
  }
  const { json } = await run('install', renamed('second'), '--activate')
  t.match(json, { installed: /^second-[0-9a-f]{12}$/, active: json.installed, previous: null })
  const refused = await run('install', await wrongNumbers('third'), '--activate')
  t.equal(refused.code, 78)
  t.match(refused.stderr, 'MODEL_INVALID')
  t.match((await run('rollback')).json, { active: null, previous: json.installed })
  t.equal((await run('rollback')).code, 78)
  t.match((await run('activate', json.installed)).json, { active: json.installed })
})
