import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../../src/daemon/version.js'
import { evtrackd } from '../../cli/run-cli.js'

const page = readFileSync(join(PACKAGE_ROOT, 'docs/export.md'), 'utf8')
const tables = new Map(
  [...page.matchAll(/```\n\$ evtrackd export evt-compact --target (\S+) --check\n([^`]*)```/g)].map(
    ([, target, printed]) => [target!, printed!],
  ),
)
const FITS = ['lynxi', 'spinnaker2']
const MISFITS = ['akida', 'akida1', 'innatera', 'loihi2', 'speck']

for (const target of [...FITS, ...MISFITS]) {
  t.test(`docs/export.md shows the check of ${target} as it is printed`, async (t) => {
    const args = ['export', 'evt-compact', '--target', target, '--check']
    const { code, stdout, stderr } = await evtrackd(args)
    t.equal(stderr, '')
    t.equal(code, FITS.includes(target) ? 0 : 1, 'the exit status is the verdict')
    t.equal(tables.get(target), stdout)
  })
}

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
