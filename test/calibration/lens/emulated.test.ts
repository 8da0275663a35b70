import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { calibrate } from '../../../src/daemon/calibrate.js'
import { parseConfig } from '../../../src/daemon/load-config.js'

/** The whole way with an emulated camera; short, so that both fail to pass or need no camera. */
const config = (stateDir: string) =>
  parseConfig({ stateDir, source: { kind: 'emulator' }, camera: { serial: '00000489' } }, 'test')
const signal = new AbortController().signal

t.test(
  'pictures of a board come through the camera, and too few views are not put to use',
  async (t) => {
    const seen: string[] = []
    const dir = t.testdir({})
    const report = await calibrate(config(dir), {
      kind: 'lens',
      seconds: 2,
      dryRun: false,
      signal,
      onProgress: ({ text }) => seen.push(text),
    })
    t.equal(report.verdict, 'FAIL')
    t.equal(report.activated, false)
    t.ok(
      seen.some((text) => /^[1-9] of 20 views, \d+ of 16 fields: /.test(text)),
      seen.join('\n'),
    )
    const [picture] = report.stored!.pictures
    t.equal(picture!.file, 'lens-coverage.svg')
    const folder = join(dir, 'calibration', '00000489', report.stored!.id)
    t.match(readFileSync(join(folder, picture!.file), 'utf8'), /^<svg .*no corner here/s)
  },
)

t.test('surveyed points need no camera, and become active', async (t) => {
  const points = [
    [20, 20, 0, 10],
    [220, 20, 10, 10],
    [220, 220, 10, 0],
    [20, 220, 0, 0],
    [120, 120, 5, 5],
  ].map(([u, v, x, y]) => ({ pixel: [u, v], metres: [x, y] }))
  const report = await calibrate(config(t.testdir({})), {
    kind: 'ground',
    dryRun: false,
    options: { points },
    signal,
  })
  t.equal(report.verdict, 'PASS')
  t.equal(report.activated, true)
  t.same(report.stored?.settings?.ground?.points, points)
})

t.test('options that cannot be are refused before anything is opened', async (t) => {
  const refused = (kind: 'lens' | 'ground', options: Record<string, unknown>) =>
    t.rejects(calibrate(config(t.testdir({})), { kind, dryRun: true, options, signal }), {
      code: 'CONFIG_INVALID',
    })
  await refused('lens', { columns: 20, rows: 20 })
  await refused('lens', { squareMm: 'big' })
  await refused('ground', { points: [{ pixel: [1, 2] }] })
})
