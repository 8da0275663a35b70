import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Spool, type SpoolOptions } from '../../src/publish/spool.js'
import { ManualClock } from './manual-clock.js'

const START_US = 1_700_000_000_000_000

function tempDir(t: Pick<typeof import('tap').t, 'teardown'>): string {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-spool-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

function open(dir: string | undefined, over: Partial<SpoolOptions> = {}) {
  const clock = (over.clock as ManualClock) ?? new ManualClock(START_US)
  const where = dir === undefined ? {} : { dir }
  const spool = new Spool({ ...where, maxBytes: 1e9, maxAgeMs: 1e9, ...over, clock })
  return { spool, clock }
}

function add(spool: Spool, from: number, to: number, padding = 0): void {
  for (let n = from; n <= to; n++) {
    const payload = JSON.stringify({ n, pad: 'x'.repeat(padding) })
    spool.append({ topic: 'a/b', atUs: START_US + n, payload })
  }
}

function drain(spool: Spool): number[] {
  const seen: number[] = []
  for (let entry = spool.take(); entry !== undefined; entry = spool.take()) {
    seen.push(JSON.parse(entry.payload).n)
    spool.acknowledge(entry)
  }
  return seen
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

t.test('first in, first out, over many segments, and the folder is empty afterwards', async (t) => {
  const dir = tempDir(t)
  const { spool } = open(dir)
  add(spool, 1, 1000, 400)
  spool.flush()
  t.ok(readdirSync(dir).length > 3, 'several segments')
  t.strictSame(drain(spool), range(1, 1000))
  t.ok(spool.empty)
  t.strictSame(readdirSync(dir), [])
  t.match(spool.stats(), { pending: 0, pending_bytes: 0, appended: 1000, acknowledged: 1000 })
})

t.test('what is acknowledged at once never touches the disk', async (t) => {
  const dir = tempDir(t)
  const { spool, clock } = open(dir)
  for (let n = 1; n <= 50; n++) {
    add(spool, n, n)
    t.strictSame(drain(spool), [n])
  }
  await clock.advance(1000)
  t.strictSame(readdirSync(dir), [])
})

t.test('what waits is on disk a quarter second later, as readable lines', async (t) => {
  const dir = tempDir(t)
  const { spool, clock } = open(dir)
  add(spool, 1, 2)
  t.strictSame(readdirSync(dir), [])
  await clock.advance(250)
  const [name] = readdirSync(dir)
  const lines = readFileSync(join(dir, name!), 'utf8').trimEnd().split('\n')
  t.strictSame(
    lines.map((line) => JSON.parse(line)),
    [
      { at: START_US + 1, topic: 'a/b', payload: { n: 1, pad: '' } },
      { at: START_US + 2, topic: 'a/b', payload: { n: 2, pad: '' } },
    ],
  )
})

t.test('an orderly restart goes on exactly where it stopped', async (t) => {
  const dir = tempDir(t)
  const first = open(dir).spool
  add(first, 1, 500, 400)
  first.flush()
  for (let i = 0; i < 30; i++) first.acknowledge(first.take()!)
  first.take()
  first.close()
  first.close()
  const { spool } = open(dir)
  t.equal(spool.stats().pending, 470)
  t.strictSame(drain(spool), range(31, 500))
})

t.test(
  'after a crash nothing written is missing and order holds; some may come twice',
  async (t) => {
    const dir = tempDir(t)
    const first = open(dir).spool
    add(first, 1, 300, 400)
    first.flush()
    for (let i = 0; i < 10; i++) first.acknowledge(first.take()!)
    const { spool } = open(dir)
    add(spool, 301, 310)
    t.strictSame(drain(spool), range(1, 310))
  },
)

t.test('what was written outlives a kill', async (t) => {
  const dir = tempDir(t)
  const script = `
    import { Spool } from ${JSON.stringify(new URL('../../src/publish/spool.js', import.meta.url).href)}
    import { systemClock as clock } from ${JSON.stringify(new URL('../../src/events/time.js', import.meta.url).href)}
    const spool = new Spool({ dir: process.argv[1], maxBytes: 1e9, maxAgeMs: 1e15, clock })
    for (let n = 1; n <= 20; n++) spool.append({ topic: 'a/b', atUs: ${START_US} + n, payload: '{"n":' + n + '}' })
    await clock.sleep(260)
    console.log(spool.stats().pending)
    await clock.sleep(60_000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  t.equal(String(await once(child.stdout, 'data')).trim(), '20')
  child.kill('SIGKILL')
  await exited
  t.strictSame(drain(open(dir).spool), range(1, 20))
})

t.test('a torn last line, zeros and garbage are skipped and counted', async (t) => {
  const dir = tempDir(t)
  const first = open(dir).spool
  add(first, 1, 10)
  first.close()
  const path = join(dir, readdirSync(dir)[0]!)
  truncateSync(path, readFileSync(path).length - 7)
  const { spool } = open(dir)
  add(spool, 11, 12)
  t.strictSame(drain(spool), [...range(1, 9), 11, 12], 'nothing is appended behind a torn line')
  t.equal(spool.stats().corrupt, 1)
  spool.close()

  writeFileSync(join(dir, '000000000900.jsonl'), Buffer.alloc(100))
  appendFileSync(
    join(dir, '000000000900.jsonl'),
    '\n{"at":1}\n[]\nnull\n{"at":1,"topic":"x","payload":[]}\n',
  )
  writeFileSync(join(dir, 'notes.txt'), 'not ours')
  const second = open(dir).spool
  t.strictSame(drain(second), [])
  t.equal(second.stats().corrupt, 5)
  t.strictSame(readdirSync(dir), ['notes.txt'], 'files of others are left alone')
})

t.test('a file of absurd size is not read', async (t) => {
  const dir = tempDir(t)
  writeFileSync(join(dir, '000000000001.jsonl'), '')
  truncateSync(join(dir, '000000000001.jsonl'), 2 ** 32)
  writeFileSync(join(dir, '000000000002.jsonl.part'), 'left by a crash')
  const { spool } = open(dir)
  t.match(spool.stats(), { corrupt: 1, pending: 0, disk: true })
  t.strictSame(readdirSync(dir), [])
})

t.test('beyond its size the oldest are dropped and counted, on disk too', async (t) => {
  const dir = tempDir(t)
  const { spool } = open(dir, { maxBytes: 200_000 })
  add(spool, 1, 2000, 400)
  spool.flush()
  const { pending, pending_bytes, dropped_size } = spool.stats()
  t.equal(pending + dropped_size, 2000)
  t.ok(dropped_size > 0 && pending_bytes <= 200_000)
  const onDisk = readdirSync(dir).reduce(
    (sum, name) => sum + readFileSync(join(dir, name)).length,
    0,
  )
  t.ok(onDisk <= 200_000, `${onDisk} bytes`)
  t.strictSame(drain(spool), range(2000 - pending + 1, 2000), 'the newest are kept')
})

t.test('a record too large for any segment is dropped and counted', async (t) => {
  const { spool } = open(tempDir(t))
  add(spool, 1, 1, 70_000)
  t.match(spool.stats(), { dropped_size: 1, pending: 0 })
})

t.test('beyond their age records are dropped and counted', async (t) => {
  const dir = tempDir(t)
  const { spool, clock } = open(dir, { maxAgeMs: 10_000 })
  add(spool, 1, 3)
  await clock.advance(8_000)
  spool.append({ topic: 'a/b', atUs: clock.wallUs(), payload: '{"n":4}' })
  await clock.advance(4_000)
  t.strictSame(drain(spool), [4])
  t.equal(spool.stats().dropped_age, 3)
})

t.test('setting the wall clock makes nothing old, within a run and over a restart', async (t) => {
  const dir = tempDir(t)
  const { spool, clock } = open(dir, { maxAgeMs: 10_000 })
  clock.setWall(12_000_000)
  spool.append({ topic: 'a/b', atUs: clock.wallUs(), payload: '{"n":1}' })
  clock.setWall(1_800_000_000_000_000)
  spool.append({ topic: 'a/b', atUs: clock.wallUs(), payload: '{"n":2}' })
  clock.setWall(1_700_000_000_000_000)
  spool.append({ topic: 'a/b', atUs: clock.wallUs(), payload: '{"n":3}' })
  await clock.advance(9_000)
  t.equal(spool.stats().dropped_age, 0)
  spool.close()
  const file = join(dir, readdirSync(dir)[0]!)
  // As a board wrote it that had not heard of the time yet.
  utimesSync(file, 12, 12)
  t.strictSame(drain(open(dir, { maxAgeMs: 10_000 }).spool), [1, 2, 3])
})

t.test('what an earlier run left is as old as its file', async (t) => {
  const dir = tempDir(t)
  const { spool } = open(dir)
  add(spool, 1, 3)
  spool.close()
  const file = join(dir, readdirSync(dir)[0]!)
  utimesSync(file, START_US / 1e6 - 60, START_US / 1e6 - 60)
  t.equal(open(dir, { maxAgeMs: 100_000 }).spool.stats().pending, 3)
  t.match(open(dir, { maxAgeMs: 50_000 }).spool.stats(), { pending: 0, dropped_age: 3 })
})

t.test('unacknowledged records are handed out again, in order, after rewind', async (t) => {
  const { spool } = open(tempDir(t))
  add(spool, 1, 5)
  const entries = [spool.take()!, spool.take()!, spool.take()!]
  spool.acknowledge(entries[1]!)
  spool.acknowledge(entries[1]!)
  spool.rewind()
  t.strictSame(drain(spool), [1, 3, 4, 5])
  spool.acknowledge(entries[0]!)
  t.ok(spool.empty, 'a late acknowledgement changes nothing')
})

t.test('records in flight may be dropped beneath the sender', async (t) => {
  const { spool } = open(tempDir(t), { maxBytes: 70_000 })
  add(spool, 1, 10, 400)
  const taken = spool.take()!
  add(spool, 11, 400, 400)
  const before = spool.stats()
  spool.acknowledge(taken)
  t.strictSame(spool.stats(), before)
  t.equal(drain(spool).at(-1), 400)
})

t.test(
  'without a usable folder the newest stay in bounded memory, until the disk is back',
  async (t) => {
    const dir = tempDir(t)
    const blocked = join(dir, 'spool')
    writeFileSync(blocked, 'a file where the folder should be')
    const { spool, clock } = open(blocked, { maxMemoryBytes: 150_000 })
    t.match(spool.stats(), { disk: false, write_errors: 1 })
    add(spool, 1, 1000, 400)
    const { dropped_memory, pending, pending_bytes } = spool.stats()
    t.ok(dropped_memory > 0 && pending_bytes <= 150_000)
    t.equal(dropped_memory + pending, 1000)
    rmSync(blocked)
    await clock.advance(11_000)
    t.equal(spool.stats().disk, true)
    t.ok(readdirSync(blocked).length > 0)
    t.strictSame(drain(spool), range(1001 - pending, 1000))
  },
)

t.test('a full disk is counted, tried again, and no line is lost or torn', async (t) => {
  const dir = tempDir(t)
  const { spool, clock } = open(dir)
  add(spool, 1, 5)
  await clock.advance(250)
  const path = join(dir, readdirSync(dir)[0]!)
  const whole = readFileSync(path)
  rmSync(path)
  // A symbolic link to /dev/full accepts to be opened and refuses every write.
  symlinkSync('/dev/full', path)
  add(spool, 6, 9)
  await clock.advance(250)
  t.match(spool.stats(), { disk: false, write_errors: 1, pending: 9 })
  rmSync(path)
  writeFileSync(path, Buffer.concat([whole, Buffer.from('{"at":17000')]))
  await clock.advance(11_000)
  t.equal(spool.stats().disk, true)
  t.strictSame(drain(open(dir).spool), range(1, 9))
})

t.test('without a folder it is a bounded queue in memory', async (t) => {
  const { spool, clock } = open(undefined, { maxMemoryBytes: 100_000 })
  add(spool, 1, 1000, 400)
  await clock.advance(60_000)
  t.match(spool.stats(), { disk: false, write_errors: 0 })
  t.equal(drain(spool).at(-1), 1000)
  spool.close()
})
