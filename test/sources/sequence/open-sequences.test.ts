import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openSequences } from '../../../src/sources/sequence/open-sequences.js'
import type { Sequence } from '../../../src/sources/sequence/sequence.js'
import { DATA, temporaryDirectory } from '../recording-helpers.js'

const root = temporaryDirectory(t)
let folders = 0

/** A folder with these files in it. */
function folder(files: Record<string, string>): string {
  const dir = join(root, `f${++folders}`)
  mkdirSync(dir)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  return dir
}

const EVENTS = '1000 10 20 1\n2000 11 20 0\n900000 12 21 1\n'
const TIMES = '1000\n31000\n61000\n'

async function only(path: string, labelFps?: number): Promise<Sequence> {
  const [found, ...rest] = await openSequences(path, { labelFps })
  if (found === undefined || rest.length > 0 || 'reason' in found) {
    throw new Error(`not one sequence: ${JSON.stringify(found)}`)
  }
  return found
}

async function reason(files: Record<string, string>, labelFps?: number): Promise<string> {
  const [found] = await openSequences(folder(files), { labelFps })
  return found !== undefined && 'reason' in found ? found.reason : 'usable'
}

t.test('a folder of text events, boxes and times', async (t) => {
  const dir = folder({
    'events.txt': EVENTS,
    'groundtruth_rect.txt': '10,20,30,40\n12 22 30 40\n14;24;30;40\n',
    'timestamps.txt': TIMES,
  })
  const { labels, name, open } = await only(dir)
  t.equal(name, `f${folders}`)
  t.same(labels, [
    { tUs: 1000, box: { x: 10, y: 20, w: 30, h: 40 } },
    { tUs: 31000, box: { x: 12, y: 22, w: 30, h: 40 } },
    { tUs: 61000, box: { x: 14, y: 24, w: 30, h: 40 } },
  ])
  const source = await open()
  t.same(source.info.size, { width: 346, height: 260 })
  await source.close()
})

t.test(
  'labels a second count from the first event; a file of times goes before them',
  async (t) => {
    const boxes = '1,1,9,9\n2,2,9,9\n3,3,9,9\n'
    const files = { 'events.csv': EVENTS.replaceAll(' ', ','), 'groundtruth.txt': boxes }
    const times = ({ labels }: Sequence) => labels.map(({ tUs }) => tUs)
    t.same(times(await only(folder(files), 40)), [1000, 26_000, 51_000])
    const timed = folder({ ...files, 'timestamps.txt': '5 10\n15 20\n25 30\n' })
    t.same(times(await only(timed, 40)), [10, 20, 30], 'of start and end the end')
  },
)

t.test('absent, empty and outside boxes are labels that are not judged', async (t) => {
  const rows = [
    'NaN,NaN,NaN,NaN',
    '0,0,0,0',
    '-10,250,30,40',
    '400,10,20,20',
    'nan nan 5 5',
    '5,5,9,9',
  ]
  const dir = folder({
    'events.txt': EVENTS,
    'groundtruth.txt': `# boxes\n\n${rows.join('\n')}\n`,
    'timestamps.txt': rows.map((_, i) => `${1000 + i}`).join('\n'),
  })
  const { labels, skippedLabels } = await only(dir)
  t.equal(skippedLabels, 2, 'before the first usable one')
  t.same(labels, [
    { tUs: 1002, box: { x: 0, y: 250, w: 20, h: 10 } },
    { tUs: 1003, box: undefined },
    { tUs: 1004, box: undefined },
    { tUs: 1005, box: { x: 5, y: 5, w: 9, h: 9 } },
  ])
})

t.test('what cannot be judged says why', async (t) => {
  const events = { 'events.txt': EVENTS }
  const timed = { ...events, 'timestamps.txt': TIMES }
  const three = '1,1,9,9\n2,2,9,9\n3,3,9,9\n'
  const cases: [Record<string, string>, RegExp][] = [
    [{ ...timed, 'groundtruth.txt': '' }, /timestamps.txt has 3 times for 0 labels/],
    [{ ...events, 'timestamps.txt': '', 'groundtruth.txt': '' }, /no labels/],
    [{ ...timed, 'groundtruth.txt': 'NaN,NaN,NaN,NaN\n0,0,0,0\n1,1,0,5\n' }, /no label has a box/],
    [{ ...timed, 'groundtruth.txt': '1,1,9,9\nNaN,NaN,NaN,NaN\n0,0,0,0\n' }, /to score/],
    [{ ...timed, 'groundtruth.txt': '1,1,9,9\n1,1,9\n1,1,9,9\n' }, /line 2 has 3 columns/],
    [{ ...timed, 'groundtruth.txt': '1,1,9,9\n1,1,nine,9\n' }, /line 2 has "nine"/],
    [{ ...events, 'groundtruth.txt': three }, /nothing tells when its 3 labels hold/],
    [{ ...timed, 'groundtruth.txt': three, 'timestamps.txt': '1\n3\n2\n' }, /label 3 is not after/],
    [
      { ...timed, 'groundtruth.txt': three, 'timestamps.txt': 'NaN\n1\n2\n' },
      /label 2 is not after/,
    ],
    [{ 'groundtruth.txt': three, 'timestamps.txt': TIMES }, /no \*\.aedat4 and no events\.txt/],
    [{ ...timed, 'groundtruth.txt': three, 'events.csv': '' }, /both/],
    [{ 'x.aedat4': 'nonsense', 'groundtruth.txt': three, 'timestamps.txt': TIMES }, /AEDAT/],
  ]
  for (const [files, said] of cases) t.match(await reason(files), said)
  t.match(
    await reason({ 'events.txt': 'no events\nat all\n', 'groundtruth.txt': three }, 30),
    /event/,
  )
})

t.test('recordings with and without labels beside them, in order of name', async (t) => {
  const dir = folder({
    'b.aedat4': 'nonsense',
    'a.aedat4': 'nonsense',
    'a.gt.txt': '1000 1 1 9 9\n2000 1 1 9\n',
    'notes.txt': 'not looked at',
  })
  mkdirSync(join(dir, 'c'))
  writeFileSync(join(dir, 'c', 'groundtruth.txt'), '1,1,9,9\n')
  const found = await openSequences(dir)
  t.same(
    found.map((each) => [each.name, 'reason' in each ? each.reason : '']),
    [
      ['a', 'a.gt.txt: line 2 has 4 columns instead of 5'],
      ['b', 'there is no b.gt.txt beside it'],
      ['c', 'there is no *.aedat4 and no events.txt in it'],
    ],
  )
})

t.test('a path that is none, and one without sequences', async (t) => {
  await t.rejects(openSequences(join(root, 'absent')), { code: 'CONFIG_INVALID' })
  await t.rejects(openSequences(folder({ 'notes.txt': '' })), { code: 'CONFIG_INVALID' })
})

const traffic = join(DATA, 'davis346-traffic.aedat4')
const skip = existsSync(traffic) ? false : 'the traffic recording is not beside the project'
t.test('images of a recording give the times of as many labels', { skip }, async (t) => {
  const dir = folder({ 'groundtruth.txt': '1,1,9,9\n2,2,9,9\n3,3,9,9\n4,4,9,9\n' })
  symlinkSync(traffic, join(dir, 'traffic.aedat4'))
  const { labels } = await only(dir)
  // Written down by whoever placed boxes on the images.
  const { frames } = JSON.parse(readFileSync(join(DATA, 'davis346-traffic.boxes.json'), 'utf8'))
  t.same(
    labels.map(({ tUs }) => tUs),
    frames.map((frame: { timestamp_us: number }) => frame.timestamp_us),
  )
  writeFileSync(join(dir, 'groundtruth.txt'), '1,1,9,9\n2,2,9,9\n')
  const [refused] = await openSequences(dir)
  t.match(refused, { reason: /2 labels.*4 images/ })
})
