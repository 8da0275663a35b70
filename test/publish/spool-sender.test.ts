import t from 'tap'
import { Spool } from '../../src/publish/spool.js'
import { SpoolSender } from '../../src/publish/spool-sender.js'
import { ManualClock, settle } from './manual-clock.js'
import { ScriptedBroker } from './scripted-broker.js'

function setUp(replayPerSecond = 10) {
  const clock = new ManualClock()
  const broker = new ScriptedBroker()
  const spool = new Spool({ maxBytes: 1e9, maxAgeMs: 1e9, clock })
  const sender = new SpoolSender({ spool, broker, clock, replayPerSecond })
  let n = 0
  const offer = (count: number) => {
    for (let i = 0; i < count; i++) {
      sender.offer({ topic: 'x/track_events', atUs: clock.wallUs(), payload: `{"n":${++n}}` })
    }
  }
  const connect = () => {
    broker.connect()
    sender.connected()
  }
  const disconnect = () => {
    broker.disconnect()
    sender.disconnected()
  }
  const sent = () => broker.payloads('track_events')
  return { clock, broker, spool, sender, offer, connect, disconnect, sent }
}

t.test('with a connection events go out at once, in order, unmarked', async (t) => {
  const { offer, connect, sent, spool } = setUp(1)
  connect()
  offer(40)
  await settle()
  t.strictSame(
    sent(),
    Array.from({ length: 40 }, (_, i) => ({ n: i + 1 })),
  )
  t.ok(spool.empty)
})

t.test(
  'what waited is marked and sent at the limited rate; what comes meanwhile queues behind',
  async (t) => {
    const { offer, connect, sent, clock } = setUp(10)
    offer(5)
    connect()
    await settle()
    t.strictSame(sent(), [{ replayed: true, n: 1 }])
    offer(1)
    await clock.advance(300)
    t.equal(sent().length, 4, 'ten a second')
    await clock.advance(300)
    t.strictSame(sent().at(-1), { replayed: true, n: 6 })
    offer(1)
    await settle()
    t.strictSame(sent().at(-1), { n: 7 }, 'live again once the backlog is gone')
  },
)

t.test(
  'a steady flow is live once the backlog was sent, though acknowledgements lag behind',
  async (t) => {
    const { offer, connect, sent, broker, clock } = setUp(10)
    offer(2)
    broker.outcome = undefined
    connect()
    await clock.advance(100)
    t.strictSame(sent(), [
      { replayed: true, n: 1 },
      { replayed: true, n: 2 },
    ])
    offer(1)
    broker.settle(2, 'sent')
    offer(1)
    t.strictSame(sent().slice(2), [{ n: 3 }, { n: 4 }])
  },
)

t.test('unacknowledged events are sent again on the next connection', async (t) => {
  const { offer, connect, disconnect, sent, broker, clock, spool } = setUp(100)
  broker.outcome = undefined
  connect()
  offer(3)
  broker.settle(1, 'sent')
  await settle()
  disconnect()
  await settle()
  broker.outcome = 'sent'
  connect()
  await clock.advance(1000)
  t.strictSame(sent().slice(3), [
    { replayed: true, n: 2 },
    { replayed: true, n: 3 },
  ])
  t.ok(spool.empty)
})

t.test('no more than a window is under way, and a full connection is waited for', async (t) => {
  const { offer, connect, sent, broker, sender } = setUp()
  broker.outcome = undefined
  connect()
  offer(50)
  t.equal(sent().length, 12)
  broker.full = true
  broker.settle(12, 'sent')
  await settle()
  t.equal(sent().length, 12)
  broker.full = false
  sender.drained()
  t.equal(sent().length, 24)
})

t.test('an event the broker refuses is counted and does not hold up the rest', async (t) => {
  const { offer, connect, broker, spool, sender } = setUp()
  broker.outcome = 'refused'
  connect()
  offer(2)
  await settle()
  t.equal(sender.refused, 2)
  t.ok(spool.empty)
})

t.test('idle waits for the last acknowledgement, or for the end of the connection', async (t) => {
  const { offer, connect, disconnect, broker, sender } = setUp()
  await sender.idle()
  broker.outcome = undefined
  connect()
  offer(2)
  let idle = false
  const waiting = sender.idle().then(() => {
    idle = true
  })
  broker.settle(1, 'sent')
  await settle()
  t.notOk(idle)
  broker.settle(1, 'sent')
  await waiting
  offer(1)
  const second = sender.idle()
  disconnect()
  await second
  sender.close()
  t.pass('both settled')
})
