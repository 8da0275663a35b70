import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { evtrackd } from './run-cli.js'

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-cli-calibrate-'))
const config = join(dir, 'evtrackd.toml')
writeFileSync(config, `state_dir = "${dir}"\n[source]\nkind = "emulator"\n`)
const COMMON = ['-c', config, '--serial', '00000489']

function zonesFile(name: string, right: number): string {
  const polygon = [
    [10, 10],
    [right, 10],
    [right, 90],
  ]
  writeFileSync(
    join(dir, name),
    JSON.stringify({ zones: [{ name: 'gate', mode: 'count', polygon }] }),
  )
  return join(dir, name)
}

t.test('PASS: exit 0, active, listed, reported, rolled back', async (t) => {
  const run = await evtrackd([
    'calibrate',
    'zones',
    '--input',
    zonesFile('good.json', 90),
    ...COMMON,
  ])
  t.equal(run.code, 0, run.stderr)
  t.match(run.stdout, /^PASS {2}Zones, camera 00000489/)
  t.match(run.stdout, 'undo: evtrackd calibrate rollback zones')
  t.match(run.stderr, 'Give the polygons')
  const list = await evtrackd(['calibrate', 'list', '--json', ...COMMON])
  t.match(JSON.parse(list.stdout), { results: [{ kind: 'zones', verdict: 'PASS', active: true }] })
  const html = join(dir, 'report.html')
  t.equal((await evtrackd(['calibrate', 'report', '--out', html, ...COMMON])).code, 0)
  t.match(readFileSync(html, 'utf8'), 'data:image/svg+xml;base64,')
  const back = await evtrackd(['calibrate', 'rollback', 'zones', ...COMMON])
  t.match(back.stdout, 'none is active now')
  const again = await evtrackd(['calibrate', 'rollback', 'zones', '--json', ...COMMON])
  t.not(again.code, 0)
  t.match(again.stderr, 'CALIBRATION_FAILED')
})

t.test('with a duration, zones are drawn over what the camera sees', async (t) => {
  const file = zonesFile('seen.json', 90)
  const run = await evtrackd([
    'calibrate',
    'zones',
    '--input',
    file,
    '--duration',
    '0.5',
    '--json',
    ...COMMON,
  ])
  t.equal(run.code, 0, run.stderr)
  const { id, seconds } = JSON.parse(run.stdout) as { id: string; seconds: number }
  t.ok(seconds >= 0.5)
  const svg = readFileSync(join(dir, 'calibration', '00000489', id, 'zones.svg'), 'utf8')
  t.match(svg, /<image .*gate/s)
})

t.test('FAIL: exit 2, kept for the report and not active', async (t) => {
  const bad = zonesFile('bad.json', 900)
  const run = await evtrackd(['calibrate', 'zones', '--input', bad, '--json', ...COMMON])
  t.equal(run.code, 2)
  t.match(JSON.parse(run.stdout), { verdict: 'FAIL', activated: false })
})

t.test('what cannot be meant is refused with a next step', async (t) => {
  const unknown = await evtrackd(['calibrate', 'nois', ...COMMON])
  t.equal(unknown.code, 78)
  t.match(unknown.stderr, /hot-pixels.*zones/)
  const none = await evtrackd(['calibrate'])
  t.not(none.code, 0)
  t.match(none.stderr, /Kinds: hot-pixels/)
  const odd = await evtrackd(['calibrate', 'imu', '--duration', 'long', ...COMMON])
  t.equal(odd.code, 78)
  t.match(odd.stderr, '--duration')
  const missing = await evtrackd([
    'calibrate',
    'zones',
    '--input',
    join(dir, 'none.json'),
    ...COMMON,
  ])
  t.equal(missing.code, 78)
  t.match(missing.stderr, 'none.json')
})
