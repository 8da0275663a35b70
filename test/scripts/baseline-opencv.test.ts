import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FrameExport } from '../../src/daemon/export-frames.js'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import type { Box } from '../../src/events/geometry.js'
import type { Sequence } from '../../src/sources/sequence/sequence.js'
import { scoreSingle } from '../../src/tracking/evaluate.js'
import { addBlob, emptyFrame, HOP_US, mulberry } from '../tracking/helpers.js'

const PYTHON = '/usr/bin/python3'
const SCRIPT = join(PACKAGE_ROOT, 'scripts/baseline-opencv')
const hasPython = spawnSync(PYTHON, ['-c', '']).status === 0
const hasOpenCv = spawnSync(PYTHON, ['-c', 'import cv2, numpy']).status === 0
const needsPython = hasPython ? {} : { skip: 'python3 is not installed' }
const needsOpenCv = hasOpenCv ? {} : { skip: 'Debian’s python3-opencv is not installed' }
t.setTimeout(120_000)

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-opencv-'))
t.teardown(() => rmSync(dir, { recursive: true }))

function baseline(args: readonly string[], input = ''): SpawnSyncReturns<string> {
  return spawnSync(PYTHON, [SCRIPT, ...args], { encoding: 'utf8', input })
}

t.test('the measures are those of evtrackd eval, digit by digit', needsPython, async (t) => {
  const random = mulberry(11)
  const box = (): Box => ({
    x: 300 * random() - 20,
    y: 200 * random(),
    w: 5 + 60 * random(),
    h: 5 + 60 * random(),
  })
  const row = ({ x, y, w, h }: Box) => [x, y, w, h]
  const pairs = Array.from({ length: 200 }, (_, i) => {
    const truth = box()
    const near = 30 * random()
    const answer = { ...truth, x: truth.x + near, h: truth.h * (0.7 + random()) }
    return i % 17 === 0 ? { truth } : { truth, answer: i % 5 === 0 ? box() : answer }
  })
  // Exactly at a threshold: an overlap of one half, 20 pixels off, a fifth of the box off.
  const square = { x: 100, y: 100, w: 40, h: 40 }
  pairs.push({ truth: square, answer: { ...square, w: 20 } })
  pairs.push({ truth: square, answer: { ...square, x: 112, y: 116 } })
  pairs.push({ truth: square, answer: { ...square, x: 108 } })
  pairs.push({ truth: square, answer: square })
  const input = JSON.stringify(
    pairs.map(({ truth, answer }) => [row(truth), answer === undefined ? null : row(answer)]),
  )
  const want = scoreSingle(pairs)
  const got = JSON.parse(baseline(['--score'], input).stdout)
  for (const key of ['auc', 'meanIou', 'precision20', 'normalisedPrecision'] as const) {
    t.ok(Math.abs(got[key] - want[key]) < 1e-12, `${key}: ${got[key]} and ${want[key]}`)
  }
  t.equal(got.frames, want.frames)
  t.match(JSON.parse(baseline(['--score'], '[]').stdout), scoreSingle([]))
})

/** Frames as `evtrackd eval --export-frames` writes them: a blob that moves 2 pixels a label. */
function exported(name: string, group: string, labels = 40): string {
  const size = { width: 160, height: 120 }
  const at = (i: number): Box => ({ x: 20 + 2 * i, y: 30 + i, w: 30, h: 24 })
  const times = Array.from({ length: labels }, (_, i) => ({
    tUs: (i + 1) * HOP_US,
    box: i === 7 ? undefined : at(i),
  }))
  const sequence = { name, group, labels: times } as unknown as Sequence
  const frames = new FrameExport(dir, sequence)
  for (let i = 0; i < labels; i++) {
    const frame = emptyFrame(size, i)
    for (let n = 0; n < 3; n++) addBlob(frame, at(i), 0.4)
    frames.frame(frame)
  }
  frames.end()
  return join(dir, name)
}

t.test('CSRT, KCF and MOSSE follow what the exporter wrote', needsOpenCv, async (t) => {
  const folders = [exported('one', 'easy'), exported('two', 'hard', 25)]
  const out = join(dir, 'results')
  const { stdout, stderr, status } = baseline([...folders, '--json', '--out', out])
  t.equal(status, 0, stderr)
  const { trackers, threads } = JSON.parse(stdout)
  t.equal(threads, 1)
  t.same(Object.keys(trackers), ['csrt', 'kcf', 'mosse'])
  for (const name of ['csrt', 'kcf']) {
    const { mean, groups, sequences } = trackers[name]
    t.ok(mean.auc > 0.6 && mean.precision20 > 0.9, `${name} ${JSON.stringify(mean)}`)
    t.same(Object.keys(groups), ['easy', 'hard'])
    t.equal(mean.auc, (groups.easy.auc + groups.hard.auc) / 2)
    t.equal(sequences[0].frames, 38, 'neither the given box nor a label without one is scored')
    t.ok(mean.msPerFrame > 0)
    const rows = readFileSync(join(out, name, 'one.txt'), 'utf8')
      .trim()
      .split('\n')
    t.equal(rows.length, 40)
    t.equal(rows[0], '20.00,30.00,30.00,24.00')
  }
  t.same(readdirSync(join(out, 'csrt')).sort(), [
    'one.txt',
    'one_time.txt',
    'two.txt',
    'two_time.txt',
  ])
  const table = baseline([...folders, '--trackers', 'kcf']).stdout
  t.match(table, /^kcf +mean hard/m)
  t.match(table, /^kcf +mean of 2/m)
})

t.test('what cannot be used is named, with what to do', needsPython, async (t) => {
  const good = {
    width: 4,
    height: 2,
    count: 2,
    tUs: [0, 1],
    init: [0, 0, 2, 2],
    truth: [[0, 0, 2, 2], null],
    name: 'bad',
    group: 'g',
  }
  const refused = (over: object, bytes = 16): string => {
    const folder = join(dir, 'bad')
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'frames.json'), JSON.stringify({ ...good, ...over }))
    writeFileSync(join(folder, 'frames.bin'), Buffer.alloc(bytes))
    const { status, stderr } = baseline([folder, '--trackers', 'kcf'])
    t.equal(status, 1)
    return stderr
  }
  t.match(refused({}, 15), 'has 15 bytes; 2 images of 4 x 2 have 16')
  t.match(refused({ count: 1 }), 'nothing to track')
  t.match(refused({ width: 0 }), 'width must be')
  t.match(refused({ init: [0, 0, 0, 2] }), 'init must be a box')
  t.match(refused({ truth: [null] }), 'truth must have 2 entries')
  t.match(
    refused({
      truth: [
        [0, 0, 2, 2],
        [0, 0, -1, 2],
      ],
    }),
    'truth[1] must be null or a box',
  )
  writeFileSync(join(dir, 'bad', 'frames.json'), '{')
  t.match(baseline([join(dir, 'bad')]).stderr, 'cannot be read')
  const empty = mkdtempSync(join(dir, 'empty-'))
  t.match(baseline([empty]).stderr, /holds no frames.json.*--export-frames/)
  t.match(baseline([empty, '--trackers', 'goturn']).stderr, /no tracker 'goturn': choose of csrt/)
})

t.test(
  'an OpenCV without contributed trackers is told from one without any',
  needsPython,
  async (t) => {
    // A stand-in for an OpenCV that was built without them.
    const bare = join(dir, 'bare')
    mkdirSync(join(bare, 'cv2'), { recursive: true })
    writeFileSync(
      join(bare, 'cv2', '__init__.py'),
      '__version__ = "4.6.0"\ndef setNumThreads(n): pass\n',
    )
    writeFileSync(join(bare, 'numpy.py'), '')
    const folder = exported('three', 'easy', 3)
    const run = (path: string) =>
      spawnSync(PYTHON, ['-S', SCRIPT, folder], {
        encoding: 'utf8',
        env: { PYTHONPATH: path },
      })
    const without = run(bare)
    t.equal(without.status, 1)
    t.match(without.stderr, /OpenCV 4.6.0 has no tracker CSRT: .*python3-opencv/)
    t.match(
      run(join(dir, 'nothing')).stderr,
      /No module named 'cv2'.*apt-get install python3-opencv/,
    )
  },
)
