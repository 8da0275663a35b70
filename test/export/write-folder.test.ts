import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openForExport } from '../../src/export/open.js'
import { readManifest } from '../../src/export/read-manifest.js'
import type { ExportTarget, ManifestBody } from '../../src/export/target.js'
import { exportTo } from '../../src/export/write-folder.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { PACKAGE_DIR } from '../inference/packages.js'

const network = openForExport(await loadModelPackage(PACKAGE_DIR))
const body: ManifestBody = {
  report: { convention: 'none', counted_on: 'nothing', parts: [] },
  host: [],
  details: {},
}

/** A target that writes what it is told and then does what it is told. */
function writing(text: string, then: () => void = () => {}): ExportTarget {
  return {
    name: 'test',
    title: 'test',
    check: () => t.fail('not asked for') as never,
    verify: () => t.fail('not asked for') as never,
    async write(_network, dir) {
      mkdirSync(join(dir, 'deep'))
      writeFileSync(join(dir, 'deep/file.txt'), text)
      then()
      return body
    },
  }
}

t.test('a folder appears whole, with hashes, and is replaced whole', async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'evtrackd-export-'))
  const dir = join(parent, 'not/there/yet')
  await exportTo(writing('one'), network, { dir, golden: 1 })
  const manifest = await readManifest(dir)
  t.same(Object.keys(manifest.files), ['deep/file.txt'])
  t.equal(manifest.model.sha256, network.pkg.spec.sha256)
  await exportTo(writing('another'), network, { dir, golden: 1 })
  t.equal((await readManifest(dir)).files['deep/file.txt']?.bytes, 7)
  t.same(readdirSync(join(parent, 'not/there')), ['yet'])
})

t.test('failing halfway leaves nothing, and what was there before', async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'evtrackd-export-'))
  const dir = join(parent, 'out')
  const failing = writing('half', () => {
    throw new Error('the disk is full')
  })
  await t.rejects(exportTo(failing, network, { dir, golden: 1 }), /the disk is full/)
  t.same(readdirSync(parent), [])
  await exportTo(writing('whole'), network, { dir, golden: 1 })
  await t.rejects(exportTo(failing, network, { dir, golden: 1 }), /the disk is full/)
  t.same(readdirSync(parent), ['out'])
  t.equal(readFileSync(join(dir, 'deep/file.txt'), 'utf8'), 'whole')
})

t.test('a place that cannot be written is named, with what the system says', async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'evtrackd-export-'))
  writeFileSync(join(parent, 'file'), '')
  const under = exportTo(writing('x'), network, { dir: join(parent, 'file/deep'), golden: 1 })
  await t.rejects(under, { code: 'CONFIG_INVALID' })
  const dir = join(parent, 'out')
  const full = writing('half', () => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { syscall: 'write' })
  })
  await t.rejects(exportTo(full, network, { dir, golden: 1 }), {
    code: 'CONFIG_INVALID',
    message: /out cannot be written: ENOSPC: no space left/,
  })
  t.same(readdirSync(parent), ['file'])
})

t.test('a folder of something else is not touched', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-export-'))
  writeFileSync(join(dir, 'thesis.tex'), 'years of work')
  await t.rejects(exportTo(writing('x'), network, { dir, golden: 1 }), { code: 'CONFIG_INVALID' })
  t.same(readdirSync(dir), ['thesis.tex'])
  const file = join(dir, 'thesis.tex')
  await t.rejects(exportTo(writing('x'), network, { dir: file, golden: 1 }), {
    code: 'CONFIG_INVALID',
  })
})

t.test('a damaged folder is refused, and says where', async (t) => {
  const parent = mkdtempSync(join(tmpdir(), 'evtrackd-export-'))
  const dir = join(parent, 'out')
  await t.rejects(readManifest(dir), { code: 'EXPORT_INVALID', message: /manifest.json cannot be/ })
  await exportTo(writing('whole'), network, { dir, golden: 1 })
  writeFileSync(join(dir, 'deep/file.txt'), 'while')
  await t.rejects(readManifest(dir), {
    code: 'EXPORT_INVALID',
    message: /deep\/file.txt has sha256/,
  })
  const path = join(dir, 'manifest.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  manifest.files['../outside'] = manifest.files['deep/file.txt']
  writeFileSync(path, JSON.stringify(manifest))
  await t.rejects(readManifest(dir), { code: 'EXPORT_INVALID', message: /manifest.json: files/ })
  writeFileSync(path, '{')
  await t.rejects(readManifest(dir), { code: 'EXPORT_INVALID', message: /is not JSON/ })
  t.notOk(existsSync(join(parent, 'outside')))
})
