import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Verdict } from '../../src/calibration/kind.js'
import { lockCamera } from '../../src/calibration/lock.js'
import { reportHtml } from '../../src/calibration/report.js'
import { applySettings, type Settings } from '../../src/calibration/settings.js'
import { CalibrationStore, calibratedSerials, type NewResult } from '../../src/calibration/store.js'
import { loadPreset } from '../../src/davis346/presets.js'
import { filtersSchema } from '../../src/pipeline/schema.js'

const folder = () => mkdtempSync(join(tmpdir(), 'evtrackd-calibration-'))
const NOTHING = { pictures: [], exports: [] }

function result(
  verdict: Verdict,
  at: string,
  settings: Settings = { hotPixels: [[1, 2]] },
): NewResult {
  return {
    kind: 'hot-pixels',
    dataVersion: 1,
    serial: '00000489',
    verdict,
    at,
    seconds: 5,
    source: 'emulator',
    evtrackd: '0.0.0',
    rows: [{ name: 'a < b', value: 1.5, unit: '%', limit: 'at most 2 %', verdict, note: 'do "x"' }],
    data: { pixels: [] },
    settings,
  }
}

t.test('write, activate, roll back to the one before and to none', async (t) => {
  const dir = folder()
  const store = new CalibrationStore(dir, '00000489')
  t.throws(() => store.rollback('hot-pixels'), { code: 'CALIBRATION_FAILED' })
  const picture = { name: 'map', title: 'a map', svg: '<svg/>' }
  const first = store.write(result('PASS', '2026-11-22T10:00:00.000Z'), {
    pictures: [picture],
    exports: [{ name: 'list.txt', content: '1 2\n' }],
  })
  t.equal(first.id, 'hot-pixels-20261122T100000Z')
  t.equal(store.active().size, 0, 'nothing is active by being written')
  store.activate(first)
  const second = store.write(result('WARN', '2026-11-22T10:00:00.000Z'), NOTHING)
  t.not(second.id, first.id, 'two in one second do not overwrite each other')
  store.activate(second)
  t.equal(store.active().get('hot-pixels')?.id, second.id)
  t.equal(new CalibrationStore(dir, '00000489').rollback('hot-pixels')?.id, first.id)
  t.equal(store.active().get('hot-pixels')?.id, first.id)
  t.equal(store.rollback('hot-pixels'), undefined)
  t.equal(store.active().size, 0)
  t.same(
    store.list().map(({ id }) => id),
    [first.id, second.id],
  )
  t.same(calibratedSerials(dir), ['00000489'])
  t.equal(store.attachment(first.id, 'list.txt').toString(), '1 2\n')
  t.same(first.pictures, [{ file: 'map.svg', title: 'a map' }])
  t.equal(store.attachment(first.id, 'map.svg').toString(), '<svg/>')
  t.notOk(
    readdirSync(store.dir).some((name) => name.endsWith('.new')),
    'no drafts are left',
  )
})

t.test('a result that failed is never activated', async (t) => {
  const store = new CalibrationStore(folder(), '00000489')
  const bad = store.write(result('FAIL', '2026-11-22T10:00:00.000Z'), NOTHING)
  t.throws(() => store.activate(bad), { code: 'CALIBRATION_FAILED', next: /calibrate again/ })
  t.equal(store.active().size, 0)
})

t.test('files of another camera, of a newer program, damaged ones', async (t) => {
  const dir = folder()
  const store = new CalibrationStore(dir, '00000489')
  const good = store.write(result('PASS', '2026-11-22T10:00:00.000Z'), NOTHING)
  store.activate(good)
  const file = join(store.dir, `${good.id}.json`)
  const text = readFileSync(file, 'utf8')
  const refused = (content: string, message: RegExp, next: RegExp) => {
    writeFileSync(file, content)
    t.throws(() => store.active(), { code: 'CALIBRATION_INVALID', message, next })
    const told: string[] = []
    t.equal(store.active((error) => told.push(error.code)).size, 0)
    t.same(told, ['CALIBRATION_INVALID'], 'the daemon goes on without it')
    t.same(store.list(), [])
  }
  refused(text.replace('00000489', '00000007'), /belongs to the camera 00000007/, /this camera/)
  refused(text.replace('"schema": 1', '"schema": 2'), /version 2/, /Update evtrackd/)
  refused(text.slice(0, 100), /cannot be read/, /Restore|rollback/)
  refused(text.replace('"PASS"', '"FINE"'), /damaged at verdict/, /calibrate again/)
  writeFileSync(join(store.dir, 'active.json'), '{"schema": 9}')
  t.throws(() => store.active(), { code: 'CALIBRATION_INVALID', next: /remove the file/ })
  t.throws(() => new CalibrationStore(dir, '../../etc'), { code: 'CALIBRATION_INVALID' })
})

t.test('one at a time: a live owner is respected, a dead one is not', async (t) => {
  const dir = join(folder(), 'c')
  const release = lockCamera(dir, 'imu')
  t.throws(() => lockCamera(dir, 'noise'), { code: 'CALIBRATION_BUSY', message: /imu/ })
  release()
  release()
  lockCamera(dir, 'noise')()
  t.notOk(existsSync(join(dir, 'lock')))
  writeFileSync(join(dir, 'lock'), JSON.stringify({ pid: process.pid, started: '1', kind: 'imu' }))
  lockCamera(dir, 'noise')()
  writeFileSync(join(dir, 'lock'), 'no JSON')
  lockCamera(dir, 'noise')()
})

t.test('settings of several kinds add up, the configuration stays below', async (t) => {
  const preset = await loadPreset('default')
  const filters = filtersSchema.parse({ hotPixels: [[5, 5]], backgroundActivityUs: 7000 })
  const effective = applySettings({ preset, filters }, [
    {
      hotPixels: [
        [5, 5],
        [6, 6],
      ],
      preset: { dvs: { pixelFilter: [{ x: 6, y: 6 }] } },
    },
    { filters: { backgroundActivityUs: 0 }, preset: { dvs: { backgroundActivity: true } } },
    { preset: { aps: { exposureUs: 1234 } } },
  ])
  t.same(effective.filters.hotPixels, [
    [5, 5],
    [6, 6],
  ])
  t.equal(effective.filters.backgroundActivityUs, 0)
  t.same(effective.preset.dvs.pixelFilter, [{ x: 6, y: 6 }])
  t.equal(effective.preset.dvs.backgroundActivity, true)
  t.equal(effective.preset.aps.exposureUs, 1234)
  t.same(effective.preset.biases, preset.biases)
  t.same(filters.hotPixels, [[5, 5]], 'what was given is not changed')
})

t.test('the report needs nothing beside itself and runs nothing', async (t) => {
  const store = new CalibrationStore(folder(), '00000489')
  const older = store.write(result('FAIL', '2026-11-21T10:00:00.000Z'), NOTHING)
  const newer = store.write(result('PASS', '2026-11-22T10:00:00.000Z'), NOTHING)
  const html = reportHtml({
    serial: '00000489',
    version: '1',
    at: '2026-11-22T11:00:00.000Z',
    results: [older, newer].map((each) => ({
      ...each,
      active: each === newer,
      images: [{ title: 'a "map"', type: 'image/png', content: Uint8Array.of(1, 2, 3) }],
    })),
  })
  t.match(html, 'data:image/png;base64,AQID')
  t.match(html, 'a &lt; b')
  t.match(html, 'a &quot;map&quot;')
  t.notMatch(html, /<script|https?:|src="(?!data:)|url\(/)
  t.match(html, 'Earlier results')
  t.match(html, 'Calibration of camera 00000489')
})
