import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ModelStore } from '../../src/daemon/model-store.js'
import { copyPackage, editManifest } from '../inference/packages.js'
import { evtrackd } from './run-cli.js'

t.test('which of the installed ones is in use, was before, or is damaged', async (t) => {
  const state = mkdtempSync(join(tmpdir(), 'evtrackd-list-'))
  const store = new ModelStore(join(state, 'models'))
  for (const name of ['first', 'second']) {
    const copy = copyPackage()
    editManifest(copy, (manifest) => {
      manifest.name = name
    })
    store.activate(await store.install(copy, 'int8'))
  }
  const list = (...more: string[]) => evtrackd(['model', 'list', '--state-dir', state, ...more])
  const { models } = JSON.parse((await list('--json')).stdout)
  t.match(models.slice(-2), [
    { name: /^first-/, installed: true, active: false, previous: true, parameters: Number },
    { name: /^second-/, installed: true, active: true, previous: false, parameters: Number },
  ])
  t.match(models[0], { name: 'evt-compact', installed: false, active: false, previous: false })
  writeFileSync(join(store.dir, models.at(-2).name, 'search-int8.onnx'), '')
  const { stdout, code } = await list()
  t.equal(code, 0, 'one that is damaged does not hide the others')
  t.match(stdout, /^active +second-\w{12} +installed +\d/m)
  t.match(stdout, /^previous +first-\w{12} +installed .*MODEL_INVALID: .*search-int8/m)
})
