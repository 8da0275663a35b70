import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { MODELS_DIR } from '../../src/daemon/models.js'
import { PACKAGE_ROOT, VERSION } from '../../src/daemon/version.js'
import { type Box, iou } from '../../src/events/geometry.js'
import { evtrackd, TRAFFIC } from './run-cli.js'

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-cli-'))
const noRecording = existsSync(TRAFFIC) ? false : 'the traffic recording is not beside the project'

t.test('help, version and wrong command lines', async (t) => {
  const help = await evtrackd(['--help'])
  t.equal(help.code, 0)
  for (const command of ['run', 'devices', 'info', 'track', 'record', 'config', 'model', 'bench']) {
    t.match(help.stdout, new RegExp(`^ {2}${command} `, 'm'))
  }
  t.equal((await evtrackd(['--version'])).stdout.trim(), VERSION)
  const wrong = await evtrackd(['trakc'])
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, 'track')
})

t.test('config check: exit 78 with the key and the nearest valid one', async (t) => {
  const bad = join(dir, 'bad.toml')
  writeFileSync(bad, '[tracking]\nmax_target = 3\n')
  const refused = await evtrackd(['config', 'check', bad])
  t.equal(refused.code, 78)
  t.match(refused.stderr, 'CONFIG_INVALID')
  t.match(refused.stderr, 'did you mean tracking.max_targets?')
  t.match(refused.stderr, 'next: ')
  const good = join(dir, 'good.toml')
  writeFileSync(good, '[tracking]\nmax_targets = 3\n')
  t.equal((await evtrackd(['config', 'check', good])).code, 0)
})

t.test('config show prints what config check accepts', async (t) => {
  const shown = await evtrackd(['config', 'show'])
  const path = join(dir, 'shown.toml')
  writeFileSync(path, shown.stdout)
  t.match(shown.stdout, /^window_us = 30000$/m)
  t.equal((await evtrackd(['config', 'check', path])).code, 0)
  t.type(JSON.parse((await evtrackd(['config', 'schema'])).stdout), 'object')
})

t.test('run refuses a bad configuration before anything starts', async (t) => {
  const bad = join(dir, 'run.toml')
  writeFileSync(bad, '[camera]\npreset = "no-such-preset"\n[source]\nkind = "emulator"\n')
  const refused = await evtrackd(['run', '--config', bad])
  t.equal(refused.code, 78)
  t.match(refused.stderr, 'no-such-preset')
})

t.test('a model package with one changed byte is refused by name, exit 78', async (t) => {
  const name = 'evt-compact'
  const copy = join(dir, name)
  cpSync(join(MODELS_DIR, name), copy, { recursive: true })
  const graph = join(copy, 'search-int8.onnx')
  const bytes = readFileSync(graph)
  bytes[bytes.length >> 1]! ^= 1
  writeFileSync(graph, bytes)
  const refused = await evtrackd(['model', 'verify', copy])
  t.equal(refused.code, 78)
  t.match(refused.stderr, 'MODEL_INVALID')
  t.match(refused.stderr, 'search-int8.onnx')
})

t.test('model list', async (t) => {
  const list = JSON.parse((await evtrackd(['model', 'list', '--json'])).stdout)
  t.match(
    list.models.find(({ name }: { name: string }) => name === 'evt-compact'),
    { installed: false, active: true, previous: false, parameters: Number },
  )
})

t.test('files that are no recording', async (t) => {
  const empty = join(dir, 'empty.aedat4')
  writeFileSync(empty, '')
  for (const command of ['info', 'track']) {
    const refused = await evtrackd([command, empty])
    t.equal(refused.code, 1, command)
    t.match(refused.stderr, 'RECORDING_CORRUPT')
  }
  const box = await evtrackd(['track', empty, '--init', '1,2,3'])
  t.equal(box.code, 78)
  t.match(box.stderr, '--init')
})

t.test('info of a real recording', { skip: noRecording }, async (t) => {
  const report = JSON.parse((await evtrackd(['info', TRAFFIC, '--json'])).stdout)
  t.equal(report.events.count, 6676)
  t.equal(report.images.count, 4)
  t.equal(report.imu.count, 160)
  t.equal(report.triggers.count, 17)
})

/** When the first image was taken, on which the boxes were placed. */
const FIRST_IMAGE_US = 1_589_163_147_365_215
const BOXES = TRAFFIC.replace(/\.aedat4$/, '.boxes.json')

/** The hand-placed box of a car at a time, between the images it was placed on. */
function placedBox(car: string, tUs: number): Box {
  const { frames } = JSON.parse(readFileSync(BOXES, 'utf8')) as {
    frames: { timestamp_us: number; boxes_xywh: Record<string, number[]> }[]
  }
  const after = Math.max(
    1,
    frames.findIndex((frame) => frame.timestamp_us >= tUs),
  )
  const [p, q] = [frames[after - 1]!, frames[after]!]
  const share = (tUs - p.timestamp_us) / (q.timestamp_us - p.timestamp_us)
  const [x, y, w, h] = p.boxes_xywh[car]!.map(
    (value, i) => value + share * (q.boxes_xywh[car]![i]! - value),
  )
  return { x: x!, y: y!, w: w!, h: h! }
}

t.test('track follows real cars, the same bytes each time', { skip: noRecording }, async (t) => {
  for (const car of ['carA', 'carB']) {
    const first = placedBox(car, FIRST_IMAGE_US)
    const init = [first.x, first.y, first.w, first.h].join()
    const [a, b] = [join(dir, `${car}.jsonl`), join(dir, `${car}-again.jsonl`)]
    for (const out of [a, b]) {
      t.equal((await evtrackd(['track', TRAFFIC, '--init', init, '--out', out])).code, 0)
    }
    const text = readFileSync(a, 'utf8')
    t.equal(text, readFileSync(b, 'utf8'))
    const rows = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    t.ok(rows.length >= 10, `${rows.length} rows`)
    const overlaps = rows.map(({ t_us, box: [x, y, w, h] }) =>
      iou({ x, y, w, h }, placedBox(car, t_us)),
    )
    t.ok(Math.min(...overlaps) > 0.3, `${car} is followed: ${overlaps.map((o) => o.toFixed(2))}`)
    for (const row of rows) t.same(Object.keys(row), ['t_us', 'id', 'state', 'score', 'box'])
  }
})

t.test('a reader that has seen enough is no error', { skip: noRecording }, async (t) => {
  const main = join(PACKAGE_ROOT, 'dist/src/cli/main.js')
  const command = `"${process.execPath}" "${main}" track "${TRAFFIC}" --init 51,225,33,16 | head -n 1; echo "status \${PIPESTATUS[0]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', command], { encoding: 'utf8' })
  t.match(stdout, 'status 0')
  t.notMatch(stderr, 'unexpected error')
})

t.test('what cannot be written is named', { skip: noRecording }, async (t) => {
  const refused = await evtrackd(['track', TRAFFIC, '--out', join(dir, 'absent', 'rows.jsonl')])
  t.equal(refused.code, 78)
  t.match(refused.stderr, 'rows.jsonl')
  t.match(refused.stderr, 'next: ')
})

t.test('a file that is no certificate is refused before anything starts', async (t) => {
  const pem = join(dir, 'not.pem')
  writeFileSync(pem, 'nonsense')
  const path = join(dir, 'tls.toml')
  for (const [keys, said] of [
    [`ca_file = "${pem}"`, 'mqtt.ca_file'],
    [`cert_file = "${pem}"\nkey_file = "${pem}"`, 'mqtt.cert_file'],
  ]) {
    writeFileSync(path, `[source]\nkind = "scene"\n[mqtt]\nurl = "mqtts://127.0.0.1"\n${keys}\n`)
    const refused = await evtrackd(['run', '-c', path])
    t.equal(refused.code, 78)
    t.match(refused.stderr, said!)
  }
})

t.test('a soak of no length measures nothing and says so', async (t) => {
  const refused = await evtrackd(['bench', '--only', 'soak', '--soak-seconds', 'abc'])
  t.equal(refused.code, 78)
  t.match(refused.stderr, '--soak-seconds')
})
