import t from 'tap'
import { EvtrackError } from '../../src/events/errors.js'
import { responseSchema } from '../../src/publish/request-schema.js'
import { type CommandHandlers, RequestDesk } from '../../src/publish/requests.js'
import { createTopics } from '../../src/publish/topics.js'
import { notingHandlers } from './handlers.js'
import { ManualClock, settle } from './manual-clock.js'
import { ScriptedBroker } from './scripted-broker.js'
import { SENSOR } from './tracks.js'

const topics = createTopics('d', 'c')
const [START, STOP] = topics.requests as [string, string]

function setUp(over: Partial<CommandHandlers> = {}) {
  const clock = new ManualClock()
  const broker = new ScriptedBroker()
  broker.connect()
  const calls: unknown[] = []
  const handlers: CommandHandlers = {
    ...notingHandlers(calls),
    'target/start': async (request) => {
      calls.push(['start', request])
      return { ok: true, result: { id: 'b1-1' } }
    },
    'target/stop': async (request) => {
      calls.push(['stop', request])
      return { ok: false, code: 'TARGET_UNKNOWN', message: 'There is no such track.' }
    },
    ...over,
  }
  const desk = new RequestDesk({ topics, handlers, sensor: SENSOR, broker, clock })
  const ask = async (topic: string, body: unknown, extra: object = {}) => {
    const payload = Buffer.isBuffer(body)
      ? body
      : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    const before = broker.published.length
    desk.receive({ topic, payload, retain: false, ...extra })
    await settle()
    t.ok(broker.published.length - before <= 1, 'at most one answer')
    const message = broker.published[before]
    if (message === undefined) return undefined
    const response = JSON.parse(message.payload)
    t.strictSame(responseSchema.parse(response), response, 'the answer follows the schema')
    return { ...message, response }
  }
  return { ask, calls, desk, broker, clock }
}

t.test('a valid request reaches its handler, cut to the sensor, and is answered', async (t) => {
  const { ask, calls } = setUp()
  const body = { box: [-10, 250, 30, 30], label: 'van', transaction: 'q1' }
  const answer = await ask(START, body)
  t.strictSame(calls, [['start', { box: { x: 0, y: 250, w: 20, h: 10 }, label: 'van' }]])
  t.equal(answer?.topic, 'evtrackd/v1/d/response/target/start')
  t.strictSame(answer?.response, {
    ok: true,
    command: 'target/start',
    transaction: 'q1',
    result: { id: 'b1-1' },
  })
  t.equal((await ask(STOP, { id: 'x' }))?.response.code, 'TARGET_UNKNOWN')
})

t.test('a calibration is asked for with keys of the contract', async (t) => {
  const { ask, calls } = setUp()
  const topic = (command: string) => `evtrackd/v1/d/request/calibrate/${command}`
  const body = { kind: 'exposure', seconds: 9, dry_run: true, options: { max_us: 900 } }
  t.equal((await ask(topic('start'), { ...body, transaction: 1 }))?.response.ok, true)
  await ask(topic('cancel'), {})
  await ask(topic('cancel'), { id: 'b1-1' })
  t.strictSame(calls, [
    ['calibrate/start', { kind: 'exposure', seconds: 9, dryRun: true, options: { max_us: 900 } }],
    ['calibrate/cancel', {}],
    ['calibrate/cancel', { id: 'b1-1' }],
  ])
  for (const wrong of [{}, { kind: 7 }, { kind: 'imu', seconds: 0 }, { kind: 'imu', path: '/' }]) {
    const answer = await ask(topic('start'), wrong)
    t.match(answer?.response, { ok: false, code: 'REQUEST_INVALID' })
  }
  t.equal(calls.length, 3)
})

t.test('Response Topic and Correlation Data are honoured', async (t) => {
  const { ask } = setUp()
  const correlationData = Buffer.from([1, 2, 3])
  const answer = await ask(STOP, { id: 'x' }, { responseTopic: 'app/answers', correlationData })
  t.equal(answer?.topic, 'app/answers')
  t.strictSame(answer?.correlationData, correlationData)
})

t.test('a request that is not valid gets an error, and nothing else happens', async (t) => {
  const { ask, calls, clock } = setUp()
  const cases: [string, unknown, RegExp, object?][] = [
    [START, '', /not JSON/],
    [START, '{', /not JSON/],
    [START, Buffer.from([0x7b, 0xff, 0x7d]), /not JSON in UTF-8/],
    [START, 'null', /object/],
    [START, [], /object/],
    [START, {}, /^box: /],
    [START, { box: [1, 2, 3] }, /^box/],
    [START, { box: [1, 2, 3, 4, 5] }, /^box/],
    [START, { box: [1, 2, 3, '4'] }, /^box\.3/],
    [START, { box: [1, 2, 0, 4] }, /^box\.2/],
    [START, { box: [1, 2, 3, -4] }, /^box\.3/],
    [START, '{"box":[1,2,1e999,4]}', /^box\.2/],
    [START, { box: [400, 2, 30, 40] }, /outside the sensor/],
    [START, { box: [1, 2, 3, 4], lable: 'x' }, /lable/],
    [START, { box: [1, 2, 3, 4], label: 'x'.repeat(65) }, /^label/],
    [START, { box: [1, 2, 3, 4], transaction: {} }, /^transaction/],
    [STOP, {}, /^id/],
    [STOP, { id: 7 }, /^id/],
    [STOP, { id: 'x' }, /retained/, { retain: true }],
    [STOP, { id: 'x' }, /Response Topic/, { responseTopic: 'app/#' }],
    [STOP, { id: 'x' }, /Response Topic/, { responseTopic: topics.status }],
    [STOP, { id: 'x' }, /Response Topic/, { responseTopic: STOP }],
  ]
  for (const [topic, body, complaint, extra] of cases) {
    const label = JSON.stringify(body).slice(0, 60)
    await clock.advance(100)
    const answer = await ask(topic, body, extra)
    t.equal(answer?.response.code, 'REQUEST_INVALID', label)
    t.match(answer?.response.message, complaint, label)
    t.match(answer?.topic, /\/response\/target\//, label)
    t.strictSame(calls, [], label)
  }
})

t.test('an error still echoes the transaction', async (t) => {
  const { ask } = setUp()
  t.equal((await ask(STOP, { transaction: 42 }))?.response.transaction, 42)
  const long = await ask(STOP, { transaction: 'x'.repeat(300) })
  t.notOk('transaction' in (long?.response ?? {}), 'but not one of absurd size')
})

t.test('a request of absurd size or depth is refused', async (t) => {
  const { ask, calls } = setUp()
  const large = await ask(START, JSON.stringify({ box: [1, 2, 3, 4], label: 'x'.repeat(20_000) }))
  t.equal(large?.response.code, 'REQUEST_TOO_LARGE')
  const deep = await ask(START, '['.repeat(8000) + ']'.repeat(8000))
  t.equal(deep?.response.code, 'REQUEST_INVALID')
  const named = await ask(START, { box: [1, 2, 3, 4], ['k'.repeat(5000)]: 1 })
  t.ok(named!.response.message.length <= 300, 'nor is it echoed at length')
  t.strictSame(calls, [])
})

t.test('what goes wrong in a handler becomes an error answer', async (t) => {
  const known = new EvtrackError('BACKEND_UNAVAILABLE', 'The backend failed.', { next: 'Look.' })
  const first = setUp({ 'target/stop': () => Promise.reject(known) })
  t.match((await first.ask(STOP, { id: 'x' }))?.response, {
    code: 'BACKEND_UNAVAILABLE',
    message: 'The backend failed.',
    next: 'Look.',
  })
  const second = setUp({ 'target/stop': () => Promise.reject(new TypeError('secret detail')) })
  const answer = await second.ask(STOP, { id: 'x' })
  t.equal(answer?.response.code, 'INTERNAL')
  t.notMatch(answer?.payload, /secret/)
})

t.test('a handler that never ends is answered for after ten seconds', async (t) => {
  const { ask, clock, broker } = setUp({ 'target/stop': () => new Promise(() => {}) })
  t.equal(await ask(STOP, { id: 'x' }), undefined)
  await clock.advance(10_000)
  t.equal(broker.payloads('target/stop')[0]?.['code'], 'REQUEST_TIMEOUT')
})

t.test('closing answers what is under way', async (t) => {
  const { ask, desk, broker } = setUp({ 'target/stop': () => new Promise(() => {}) })
  await ask(STOP, { id: 'x' })
  desk.close()
  await settle()
  t.equal(broker.payloads('target/stop')[0]?.['code'], 'NOT_READY')
  t.equal(await ask(STOP, { id: 'x' }), undefined)
})

t.test('a flood is dropped and counted, and service resumes after it', async (t) => {
  const { ask, calls, desk, clock } = setUp()
  for (let i = 0; i < 100; i++) await ask(START, { box: [1, 2, 3, 4] })
  t.equal(calls.length, 20)
  t.match(desk.counts, { answered: 20, dropped: 80 })
  await clock.advance(1000)
  t.ok(await ask(START, { box: [1, 2, 3, 4] }))
  t.equal(await ask('evtrackd/v1/d/request/unknown', {}), undefined, 'unknown topics are ignored')
})

const topicOf = (command: string) => `${topics.base}/request/${command}`

t.test('the other commands reach their handlers with what they were given', async (t) => {
  const { ask, calls } = setUp()
  const filters = { regions: [{ mode: 'exclude', box: [0, 0, 9, 9] }] }
  await ask(topicOf('camera/configure'), { filters, persist: true, transaction: 1 })
  await ask(topicOf('record/start'), { seconds: 2.5 })
  await ask(topicOf('record/start'), {})
  await ask(topicOf('record/stop'), {})
  await ask(topicOf('snapshot'), { transaction: 'a' })
  await ask(topicOf('restart'), {})
  t.strictSame(calls, [
    ['camera/configure', { filters, persist: true }],
    ['record/start', { seconds: 2.5 }],
    ['record/start', {}],
    ['record/stop'],
    ['snapshot'],
    ['restart'],
  ])
})

t.test('the other commands take nothing else', async (t) => {
  const { ask, calls, clock } = setUp()
  const cases: [string, unknown][] = [
    ['camera/configure', { source: { file: '/etc/passwd' } }],
    ['camera/configure', { mqtt: { url: 'mqtt://elsewhere' } }],
    ['camera/configure', { camera: { preset: '../../etc/passwd' } }],
    ['camera/configure', { camera: { serial: '1' } }],
    ['camera/configure', { state_dir: '/tmp' }],
    ['camera/configure', { persist: 'yes' }],
    ['record/start', { seconds: 0 }],
    ['record/start', { seconds: 1e9 }],
    ['record/start', { path: '/tmp/x' }],
    ['record/stop', { name: 'x' }],
    ['snapshot', { path: '/tmp/x.png' }],
    ['restart', { force: true }],
    ['restart', []],
  ]
  for (const [command, body] of cases) {
    await clock.advance(100)
    const answer = await ask(topicOf(command), body)
    t.equal(answer?.response.code, 'REQUEST_INVALID', `${command} ${JSON.stringify(body)}`)
  }
  t.strictSame(calls, [])
})

t.test('an answer that the broker refuses is replaced by one that says so', async (t) => {
  const { ask, broker } = setUp()
  const publish = broker.publish.bind(broker)
  broker.publish = (message) =>
    message.payload.includes('"ok":true') ? Promise.resolve('refused') : publish(message)
  t.equal((await ask(topicOf('snapshot'), {}))?.response.code, 'RESPONSE_TOO_LARGE')
})
