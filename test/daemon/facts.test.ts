import t from 'tap'
import { DaemonFacts } from '../../src/daemon/facts.js'
import type { CaptureCounters } from '../../src/daemon/messages.js'

function counters(over: Partial<CaptureCounters>): CaptureCounters {
  return {
    type: 'counters',
    atUs: 0,
    lastEventHostUs: 0,
    source: {},
    filters: {},
    aggregation: {},
    pool: {},
    ...over,
  }
}

t.test('the state of the daemon follows its parts', async (t) => {
  const facts = new DaemonFacts({ isCamera: true, nowUs: () => 0 })
  t.same(facts.state(), { state: 'init' })
  facts.sourceState = { state: 'streaming' }
  t.same(facts.state(), { state: 'init' }, 'the network is not open yet')
  facts.inference = 'ready'
  t.same(facts.state(), { state: 'ready' })
  facts.sourceState = { state: 'disconnected', code: 'CAMERA_LOST', reason: 'it was unplugged' }
  t.same(facts.state(), { state: 'degraded', reason: 'CAMERA_LOST: it was unplugged' })
  t.match(facts.camera(), { state: 'disconnected', reason: 'CAMERA_LOST: it was unplugged' })
  facts.inference = 'failed'
  t.equal(facts.state().state, 'degraded')
})

t.test('a frozen camera shows as age, its rate as 0', async (t) => {
  let nowUs = 5_000_000
  const facts = new DaemonFacts({ isCamera: true, nowUs: () => nowUs })
  t.equal(facts.health().events_per_second, null, 'unknown before two readings')
  t.equal(facts.camera().last_event_age_ms, null)
  facts.sourceState = { state: 'streaming' }
  facts.captured(counters({ atUs: 4_000_000, filters: { eventsIn: 1000 } }))
  facts.captured(
    counters({ atUs: 5_000_000, filters: { eventsIn: 5000 }, lastEventHostUs: 4_999_000 }),
  )
  t.equal(facts.health().events_per_second, 4000)
  t.equal(facts.camera().last_event_age_ms, 1)
  nowUs = 8_000_000
  t.equal(facts.camera().last_event_age_ms, 3001)
  facts.sourceState = { state: 'stalled' }
  t.equal(facts.health().events_per_second, 0)
  t.equal(facts.camera().state, 'stalled')
})

t.test('drops are named at each hop', async (t) => {
  const facts = new DaemonFacts({ isCamera: true, nowUs: () => 0 })
  facts.captured(
    counters({
      source: {
        usbErrors: 2,
        reconnects: 1,
        muxDvsDropped: 7,
        dvsDropped: 1,
        oddByte: 2,
        events: 99,
      },
      pool: { overwritten: 3 },
      aggregation: { windowsDropped: 4 },
    }),
  )
  facts.tracked({ skipped: 5, missed: 1 }, [2, 4])
  const health = facts.health()
  t.match(health.drops, {
    camera_events: 8,
    protocol_violations: 2,
    windows_overwritten: 3,
    windows_without_memory: 4,
    windows_skipped: 5,
  })
  t.same(health.usb, { errors: 2, reconnects: 1 })
  t.equal(health.skipped_windows, 6)
  t.equal(health.inference_ms.count, 2)
})

t.test('energy is that of the package until it is measured', async (t) => {
  const energyless = new DaemonFacts({ isCamera: false, nowUs: () => 0 })
  energyless.tracked({}, [], { microjoules: 100, samples: 3 })
  t.equal(energyless.health().energy, null, 'a tracker without a network')
  const energy = { mj_per_inference: 0.13, samples: 0, convention: 'how' }
  const facts = new DaemonFacts({ isCamera: false, nowUs: () => 0, energy })
  t.same(facts.health().energy, energy)
  facts.tracked({}, [], { microjoules: 98.7, samples: 3 })
  t.same(facts.health().energy, { mj_per_inference: 0.099, samples: 3, convention: 'how' })
  facts.tracked({}, [])
  t.same(facts.health().energy, energy, 'measuring has ended')
})

t.test('what the event-rate guard did belongs to the state of the camera', async (t) => {
  const facts = new DaemonFacts({ isCamera: true, nowUs: () => 0 })
  t.notOk('guard' in facts.camera(), 'not while it is off')
  const guard = {
    level: 2,
    measure: 'refractory-long',
    eventsPerSecond: 9e6,
    maxEventsPerSecond: 8e6,
    raised: 2,
    lowered: 0,
    exhausted: 0,
    failed: 1,
  }
  t.match(facts.guarded(guard), { measure: 'refractory-long', events_per_second: 9e6 })
  t.match(facts.camera().guard, { level: 2, max_events_per_second: 8e6, raised: 2, failed: 1 })
  facts.captured(counters({ guard: { ...guard, exhausted: 5 } }))
  t.equal(facts.camera().guard?.exhausted, 5)
})
