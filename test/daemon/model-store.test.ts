import { spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { planCameras } from '../../src/daemon/camera-plan.js'
import { readPackageFiles, readTar } from '../../src/daemon/model-archive.js'
import { ModelStore } from '../../src/daemon/model-store.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { copyPackage, editManifest, PACKAGE_DIR, replaceFile } from '../inference/packages.js'

const { spec } = await loadModelPackage(PACKAGE_DIR)
const NAME = `${spec.name}-${spec.sha256.slice(0, 12)}`
const scratch = () => mkdtempSync(join(tmpdir(), 'evtrackd-store-'))
const newStore = () => new ModelStore(join(scratch(), 'models'))

function tar(args: readonly string[]): Buffer {
  const { status, stdout, stderr } = spawnSync('tar', ['-cf', '-', ...args], {
    maxBuffer: 1e9,
  })
  if (status !== 0) throw new Error(String(stderr))
  return stdout
}
const packageTar = (dir: string, format = 'gnu') =>
  tar([`--format=${format}`, '-C', dirname(dir), basename(dir)])

/** A package of another name and hash: the same network. */
function otherPackage(name: string): string {
  const dir = copyPackage()
  editManifest(dir, (manifest) => {
    manifest.name = name
  })
  return dir
}

t.test('every form of a package is read alike', async (t) => {
  const folder = readPackageFiles(PACKAGE_DIR)
  t.ok(folder.has('model.json') && folder.size > 5)
  for (const format of ['gnu', 'ustar', 'pax']) {
    t.same([...readTar(packageTar(PACKAGE_DIR, format)).keys()].sort(), [...folder.keys()].sort())
  }
  const file = join(scratch(), 'package.tar.gz')
  writeFileSync(file, gzipSync(tar(['-C', PACKAGE_DIR, '.']), { level: 1 }))
  const zipped = readPackageFiles(file)
  t.same([...zipped.keys()].sort(), [...folder.keys()].sort(), 'also without the folder itself')
  t.ok([...zipped].every(([name, content]) => Buffer.compare(content, folder.get(name)!) === 0))
})

t.test('what is no package is refused before anything is written', async (t) => {
  const dir = scratch()
  mkdirSync(join(dir, 'p'))
  writeFileSync(join(dir, 'p/model.json'), '{}')
  const good = tar(['-C', dir, 'p'])
  const refused = (content: Uint8Array, message: RegExp) =>
    t.throws(() => readTar(content), { code: 'MODEL_INVALID', message })
  t.same([...readTar(good).keys()], ['model.json'])
  refused(good.subarray(0, 1100), /too early/)
  const damaged = Buffer.from(good)
  damaged[3]! ^= 1
  refused(damaged, /damaged/)
  refused(Buffer.from('#!/bin/sh\n'.padEnd(2048, 'x')), /no tar file/)
  const renamed = (to: string) =>
    tar(['-C', dir, '-P', `--transform=s,p/model.json,${to},`, 'p/model.json'])
  refused(renamed('../evil'), /no path of a package/)
  refused(renamed('/etc/evil'), /no path|own/)
  refused(renamed('p/q/evil'), /folder of its own/)
  refused(renamed('p/.hidden'), /no file name/)
  refused(
    tar([
      '--format=pax',
      '-C',
      dir,
      `--transform=s,p/model.json,${'n'.repeat(150)},`,
      'p/model.json',
    ]),
    /extended headers/,
  )
  refused(tar(['-C', dir, 'p/model.json', '--hard-dereference', 'p/model.json']), /twice/)
  symlinkSync('/etc/passwd', join(dir, 'p/link'))
  refused(tar(['-C', dir, 'p']), /no plain file/)
  t.throws(() => readPackageFiles(join(dir, 'p')), { code: 'MODEL_INVALID', message: /link/ })
  t.throws(() => readPackageFiles(join(dir, 'p/link')), { code: 'MODEL_INVALID' })
  t.throws(() => readPackageFiles('/dev/zero'), { code: 'MODEL_INVALID', message: /plain file/ })
  t.throws(() => readPackageFiles(join(dir, 'none')), { code: 'MODEL_INVALID', message: /ENOENT/ })
  const many = scratch()
  for (let i = 0; i < 65; i++) writeFileSync(join(many, `f${i}`), '')
  t.throws(() => readPackageFiles(many), { code: 'MODEL_INVALID', message: /more than 64/ })
  const bomb = join(dir, 'bomb.tar.gz')
  writeFileSync(bomb, gzipSync(Buffer.alloc(600 * 1024 ** 2), { level: 1 }))
  t.throws(() => readPackageFiles(bomb), { code: 'MODEL_INVALID' }, 'nor is it unpacked')
})

t.test('installed, put to use, and back', async (t) => {
  const store = newStore()
  t.same(store.names(), [])
  const file = join(scratch(), 'package.tar')
  writeFileSync(file, packageTar(PACKAGE_DIR))
  t.equal(await store.install(file, 'int8'), NAME)
  t.equal(await store.install(PACKAGE_DIR, 'int8'), NAME, 'a second time it is the same')
  t.same(readdirSync(store.dir), [NAME])
  t.equal((await loadModelPackage(store.path(NAME)!)).spec.sha256, spec.sha256)
  t.equal(store.active, undefined, 'not before it is told to')

  const other = await store.install(otherPackage('other'), 'int8')
  store.activate(NAME)
  store.activate(other)
  t.match(store.pointer(), { active: other, previous: NAME, proven: false })
  store.prove('elsewhere')
  t.equal(store.pointer().proven, false)
  store.prove(store.active!)
  t.equal(store.pointer().proven, true)
  t.equal(store.rollback(), NAME)
  t.match(store.pointer(), { active: NAME, previous: other })
  t.equal(store.rollback({ code: 'MODEL_REVERTED', message: 'too slow' }), other)
  t.match(store.pointer().reverted, { name: NAME, code: 'MODEL_REVERTED' })
  t.equal(store.rollback(), null, 'before that, the configuration decided')
  t.throws(() => store.rollback(), { code: 'MODEL_INVALID' })
  t.throws(() => store.activate('nobody'), { code: 'MODEL_INVALID', next: new RegExp(NAME) })
  t.throws(() => store.activate('../models'), { code: 'MODEL_INVALID' })
})

t.test('a package with one wrong byte is refused and leaves nothing behind', async (t) => {
  const store = newStore()
  await store.install(PACKAGE_DIR, 'int8')
  store.activate(NAME)
  const damaged = copyPackage()
  const content = readFileSync(join(damaged, 'search-int8.onnx'))
  content[content.length >> 1]! ^= 1
  writeFileSync(join(damaged, 'search-int8.onnx'), content)
  await t.rejects(store.install(damaged, 'int8'), { code: 'MODEL_INVALID', message: /sha256/ })

  // The hashes agree with each other, the numbers do not.
  const wrong = copyPackage()
  const golden = new Uint8Array(readFileSync(join(wrong, 'golden.bin')))
  golden[golden.length - 2]! ^= 0x40
  replaceFile(wrong, 'golden.bin', golden)
  const pkg = await loadModelPackage(wrong)
  const at = pkg.manifest.golden.tensors.find(({ name }) => name === 'search.score_logit')!
  golden[at.offset + 2]! ^= 0x40
  replaceFile(wrong, 'golden.bin', golden)
  await t.rejects(store.install(wrong, 'int8'), { code: 'MODEL_INVALID', message: /golden/ })
  t.same(readdirSync(store.dir).sort(), ['active.json', NAME])
  t.equal(store.pointer().active, NAME)
})

t.test('what a power cut left is swept, what is being written is not', async (t) => {
  const store = newStore()
  mkdirSync(join(store.dir, '.new-old'), { recursive: true })
  utimesSync(join(store.dir, '.new-old'), 1, 1)
  mkdirSync(join(store.dir, '.new-now'))
  await store.install(PACKAGE_DIR, 'int8')
  t.same(readdirSync(store.dir).sort(), ['.new-now', NAME])
})

t.test('the configuration names the package in use and says where that comes from', async (t) => {
  const state = scratch()
  const plan = (more: object = {}) =>
    planCameras([{ origin: 'file', value: { stateDir: state, ...more } }], { env: {} })
  const { store } = plan()[0]!
  await store.install(PACKAGE_DIR, 'int8')
  t.equal(plan()[0]!.config.model.name, 'evt-compact')
  t.equal(plan({ model: { name: NAME } })[0]!.config.model.name, store.path(NAME), 'by its name')
  store.activate(NAME)
  const several = plan({ source: { kind: 'scene' }, cameras: [{ id: 'left' }, { id: 'right' }] })
  for (const { config, origins } of several) {
    t.equal(config.model.name, store.path(NAME))
    t.equal(origins.get('model.name'), 'evtrackd model install')
  }
  writeFileSync(join(store.dir, 'active.json'), '{"active":"../x"}')
  t.throws(() => plan(), { code: 'CONFIG_INVALID', message: /active.json/ })
})
