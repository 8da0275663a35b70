import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { mergeConfig, parseConfig } from '../../src/daemon/load-config.js'
import { readStatus } from '../../src/daemon/status-socket.js'
import { createDecoder } from '../../src/davis346/decoder.js'
import { columnWord, rowWord, wordsToBytes, wrapWord } from '../../src/davis346/words.js'
import { EvtrackError } from '../../src/events/errors.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { RequestDesk } from '../../src/publish/requests.js'
import { createTopics } from '../../src/publish/topics.js'
import { inspectRecording } from '../../src/sources/inspect.js'
import { UPRIGHT } from '../davis346/decoder-helpers.js'
import { copyPackage, editManifest } from '../inference/packages.js'
import { notingHandlers } from '../publish/handlers.js'
import { ManualClock, settle } from '../publish/manual-clock.js'
import { ScriptedBroker } from '../publish/scripted-broker.js'
import { header, packet } from '../sources/recording-helpers.js'

/** What fuzzing has found, each as it was. */

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'nothing'
  } catch (error) {
    if (error instanceof EvtrackError) return `${error.code}: ${error.message}`
    throw error
  }
}

t.test('wraps that run ahead of the host do not make windows by the thousand', (t) => {
  const play = (maxAheadUs?: number) => {
    let newestUs = 0
    const decoder = createDecoder({
      layout: UPRIGHT,
      sink: {
        events: (batch) => {
          newestUs = batch.t0Us + batch.dtUs[batch.length - 1]!
        },
        time() {},
        gap() {},
        image() {},
        imu() {},
        trigger() {},
      },
      ...(maxAheadUs !== undefined && { maxAheadUs }),
    })
    const leap = [wrapWord(76), rowWord(3), columnWord(4, 1)]
    const leaps = Array.from({ length: 100 }, () => leap).flat()
    decoder.decode(wordsToBytes(leaps), 1_000_000)
    const afterOneUs = newestUs
    decoder.decode(wordsToBytes(leaps), 4_000_000)
    return { afterOneUs, newestUs, counts: decoder.counters.snapshot() }
  }
  const leapUs = 76 * 32_768
  const bounded = play(10_000_000)
  t.equal(bounded.afterOneUs, 4 * leapUs, 'as many as fit into ten seconds')
  t.equal(bounded.newestUs, 6 * leapUs, 'and twice the three seconds that passed')
  t.equal(bounded.counts.wrapAhead, 194)
  t.equal(bounded.counts.events, 200, 'the events stay')
  t.equal(play().newestUs, 200 * leapUs, 'without a limit time is what the words say')
  t.end()
})

t.test(
  'packets that claim the rest of the file do not make it be read for each of them',
  async (t) => {
    const false_ = Buffer.concat([packet(0, Buffer.from([4, 0x22, 0x4d, 0x18])), Buffer.alloc(8)])
    false_.writeInt32LE(500_000, 4)
    const path = join(t.testdir(), 'false.aedat4')
    const rows = Array.from({ length: 50_000 }, () => false_)
    writeFileSync(path, Buffer.concat([header('LZ4'), ...rows, Buffer.alloc(500_000)]))
    const { counters, problems, file } = await inspectRecording(path)
    t.ok(counters['problems']! < 1000, `${counters['problems']} of 50 000 are tried`)
    t.match(problems.at(-1)?.message ?? '', /./)
    t.ok(counters['skippedBytes']! > 0.9 * file.fileBytes, 'the rest is told as lost')
  },
)

t.test('a transaction too large for a number is left out of the answer', async (t) => {
  const broker = new ScriptedBroker()
  broker.connect()
  const topics = createTopics('a', 'b')
  const desk = new RequestDesk({
    topics,
    handlers: notingHandlers([]),
    sensor: { width: 346, height: 260 },
    broker,
    clock: new ManualClock(),
  })
  const topic = `${topics.base}/request/snapshot`
  desk.receive({ topic, payload: Buffer.from('{"transaction":1e999}'), retain: false })
  for (let i = 0; i < 5; i++) await settle()
  t.equal(broker.published.length, 1)
  const answer = JSON.parse(broker.published[0]!.payload)
  t.equal(answer.code, 'REQUEST_INVALID')
  t.notOk('transaction' in answer)
  desk.close()
})

t.test('a configuration with a thousand faults is refused in a few lines', (t) => {
  const keys = Array.from({ length: 1000 }, (_, i) => [`key${i}${'x'.repeat(2000)}`, 1])
  try {
    parseConfig(Object.fromEntries(keys), 'a file')
    t.fail('it is taken')
  } catch (error) {
    const { message } = error as EvtrackError
    t.ok(message.length < 4096, `${message.length} characters`)
    t.match(message, / and 992 more$/)
  }
  t.end()
})

t.test('a key named __proto__ is a key', (t) => {
  const hidden: unknown = JSON.parse('{"__proto__":{"logLevel":"debug"}}')
  const merged = mergeConfig({}, hidden) as { logLevel?: string }
  t.equal(merged.logLevel, undefined, 'it gives nothing to what it is merged into')
  t.throws(() => parseConfig(merged, 'a file'), { code: 'CONFIG_INVALID' })
  t.end()
})

t.test('a package that names what every object has, or a tensor twice', async (t) => {
  const unlisted = copyPackage()
  editManifest(unlisted, (manifest) => {
    manifest.integers = 'constructor'
  })
  t.match(await codeOf(loadModelPackage(unlisted)), /^MODEL_INVALID: .*constructor but does not/)
  const twice = copyPackage()
  editManifest(twice, (manifest) => {
    const [first] = manifest.golden.tensors
    manifest.golden.tensors.push({ ...first, offset: 0, shape: [1] })
  })
  t.match(await codeOf(loadModelPackage(twice)), /^MODEL_INVALID: .*is there twice/)
  const outside = copyPackage()
  editManifest(outside, (manifest) => {
    manifest.golden.tensors.push({ name: 'x', dtype: 'uint8', shape: [1], offset: 2 ** 30 })
  })
  t.match(await codeOf(loadModelPackage(outside)), /^MODEL_INVALID: .*lies outside/)
  const float = copyPackage()
  editManifest(float, (manifest) => {
    const crop = manifest.golden.tensors.find((each: { name: string }) => /crop/.test(each.name))
    Object.assign(crop, { dtype: 'float32', offset: 0 })
  })
  t.match(await codeOf(loadModelPackage(float)), /^MODEL_INVALID: .*(expected uint8|lies outside)/)
  const long = copyPackage()
  editManifest(long, (manifest) => {
    for (let i = 0; i < 3000; i++) manifest[`stranger${i}`] = 1
  })
  const refused = await codeOf(loadModelPackage(long))
  t.match(refused, /^MODEL_INVALID/)
  t.ok(refused.length < 1000, `${refused.length} characters`)
})

t.test('a socket that says something else than a report', async (t) => {
  const path = join(mkdtempSync('/tmp/evtrackd-liar-'), 'socket')
  let says = ''
  const server = createServer((socket) => socket.on('error', () => {}).end(says))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  for (const text of ['null', '{}', '[1]', '{"version":"1","pid":1,"cameras":[null]}', '']) {
    says = text
    t.match(await codeOf(readStatus(path)), /^DAEMON_UNREACHABLE/, text)
  }
  await new Promise<void>((resolve) => server.close(() => resolve()))
})
