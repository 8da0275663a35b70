import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkText } from '../../../src/cli/export.js'
import { PACKAGE_ROOT } from '../../../src/daemon/version.js'
import { openForExport } from '../../../src/export/open.js'
import { targetByName } from '../../../src/export/targets.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { evtrackd } from '../../cli/run-cli.js'
import { PACKAGE_DIR } from '../../inference/packages.js'

const page = readFileSync(join(PACKAGE_ROOT, 'docs/export.md'), 'utf8')
const tables = new Map(
  [...page.matchAll(/```\n\$ evtrackd export evt-compact --target (\S+) --check\n([^`]*)```/g)].map(
    ([, target, printed]) => [target!, printed!],
  ),
)
const FITS = ['lynxi', 'spinnaker2']
const MISFITS = ['akida', 'akida1', 'innatera', 'loihi2', 'speck']

const network = openForExport(await loadModelPackage(PACKAGE_DIR))

for (const target of [...FITS, ...MISFITS]) {
  t.test(`docs/export.md shows the check of ${target} as it is printed`, async (t) => {
    const found = targetByName(target).check(network)
    t.equal(found.fits, FITS.includes(target))
    t.equal(tables.get(target), `${checkText(found)}\n`)
  })
}

t.test('the command prints it, and exits with 1 where something does not fit', async (t) => {
  const args = ['export', 'evt-compact', '--target', 'akida', '--check']
  const { code, stdout, stderr } = await evtrackd(args)
  t.equal(stderr, '')
  t.equal(code, 1)
  t.equal(stdout, tables.get('akida'))
})

t.test('--json says the same', async (t) => {
  const args = ['export', 'evt-compact', '--target', 'akida', '--check', '--json']
  const { code, stdout } = await evtrackd(args)
  const { fits, layers } = JSON.parse(stdout) as { fits: boolean; layers: { fits: boolean }[] }
  t.equal(code, 1)
  t.equal(fits, false)
  const rows = tables
    .get('akida')!
    .split('\n')
    .filter((line) => /^(template|search) .* (yes|no) /.test(line))
  t.equal(layers.length, rows.length)
  t.equal(layers.filter((row) => !row.fits).length, rows.filter((r) => / {2}no {2}/.test(r)).length)
})
