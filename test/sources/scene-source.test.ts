import t from 'tap'
import type { ApsImage } from '../../src/events/signals.js'
import type { Clock } from '../../src/events/time.js'
import { sceneByName } from '../../src/sources/scene/named.js'
import { createScene } from '../../src/sources/scene/scene.js'
import { createSceneSource } from '../../src/sources/scene-source.js'
import { sceneStimulus } from '../../src/sources/scene-stimulus.js'
import type { SourceSink } from '../../src/sources/source.js'

/** A clock that jumps to the end of every sleep. */
function leapingClock(): Clock & { slept: number } {
  let us = 5_000_000
  const clock = {
    slept: 0,
    nowUs: () => us,
    wallUs: () => us,
    sleep: async (ms: number, signal?: AbortSignal) => {
      signal?.throwIfAborted()
      clock.slept += ms
      us += ms * 1000
    },
  }
  return clock
}

interface Record {
  events: number
  lastUs: number
  timeUs: number
  backward: number
  images: ApsImage[]
}

function recorder(): SourceSink & { seen: Record } {
  const seen: Record = { events: 0, lastUs: 0, timeUs: 0, backward: 0, images: [] }
  return {
    seen,
    events: (batch) => {
      const first = batch.t0Us + batch.dtUs[0]!
      if (first < seen.timeUs) seen.backward++
      seen.events += batch.length
      seen.lastUs = batch.t0Us + batch.dtUs[batch.length - 1]!
      batch.length = 0
    },
    time: (tUs) => {
      if (tUs < seen.lastUs) seen.backward++
      seen.timeUs = tUs
    },
    gap: () => t.fail('a scene has no gaps'),
    image: (image) => {
      seen.images.push({ ...image, pixels: image.pixels.slice() })
    },
  }
}

const demo = () => createScene(sceneByName('demo', 1))
const never = new AbortController().signal

t.test('delivers a scene to its end, then goes on', async (t) => {
  const clock = leapingClock()
  const source = createSceneSource({ scene: demo(), pace: 'fast', clock, durationUs: 50_000 })
  t.match(source.info, { kind: 'scene', name: 'demo', size: { width: 346, height: 260 } })
  const sink = recorder()
  t.equal(await source.run(sink, never), 'end')
  t.equal(sink.seen.timeUs, 50_000)
  t.ok(sink.seen.events > 1000 && sink.seen.lastUs < 50_000)
  t.equal(await source.run(sink, never), 'end')
  t.equal(sink.seen.timeUs, 100_000)
  t.equal(sink.seen.backward, 0)
  t.equal(clock.slept, 0)

  let expected = 0
  demo().advance(100_000, (batch) => {
    expected += batch.length
  })
  t.equal(sink.seen.events, expected, 'the same events as straight from the scene')
  t.match(source.counters(), { events: expected, images: 0, dropped: 0 })
  t.ok(source.scene.truth(100_000).length === 3)
})

t.test('keeps real time by its clock', async (t) => {
  const clock = leapingClock()
  const source = createSceneSource({ scene: demo(), pace: 'real', clock, durationUs: 80_000 })
  const sink = recorder()
  await source.run(sink, never)
  t.ok(clock.slept >= 75 && clock.slept <= 80, `slept ${clock.slept} ms`)
  t.equal(sink.seen.timeUs, 80_000)
})

t.test('delivers pictures at the wanted rate', async (t) => {
  const source = createSceneSource({
    scene: demo(),
    pace: 'fast',
    clock: leapingClock(),
    durationUs: 100_000,
    imagesPerSecond: 50,
  })
  const sink = recorder()
  await source.run(sink, never)
  t.same(
    sink.seen.images.map(({ tUs }) => tUs),
    [20_000, 40_000, 60_000, 80_000, 100_000],
  )
  t.equal(sink.seen.images[0]!.pixels.length, 346 * 260)
})

t.test('stops when aborted or closed', async (t) => {
  const abort = new AbortController()
  const endless = createSceneSource({ scene: demo(), pace: 'fast', clock: leapingClock() })
  const sink = recorder()
  const run = endless.run({ ...sink, time: (us) => us > 20_000 && abort.abort() }, abort.signal)
  t.equal(await run, 'aborted')

  const closing = createSceneSource({ scene: demo(), pace: 'fast', clock: leapingClock() })
  const closed = closing.run({ ...sink, time: (us) => us > 20_000 && closing.close() }, never)
  t.equal(await closed, 'aborted')
  await closing.close()
  t.equal(await closing.run(sink, never), 'aborted')
})

t.test('waits for a sink that is busy', async (t) => {
  const source = createSceneSource({
    scene: demo(),
    pace: 'fast',
    clock: leapingClock(),
    durationUs: 20_000,
  })
  let busy = false
  let overlaps = 0
  await source.run(
    {
      ...recorder(),
      events: async () => {
        if (busy) overlaps++
        busy = true
        await new Promise((resolve) => setImmediate(resolve))
        busy = false
      },
      time: () => {
        if (busy) overlaps++
      },
    },
    never,
  )
  t.equal(overlaps, 0)
})

t.test('an emulated camera sees the same scene', async (t) => {
  const stimulus = sceneStimulus(demo())
  let count = 0
  for (let us = 1000; us <= 60_000; us += 1000) {
    for (let batch = stimulus.next(us); batch; batch = stimulus.next(us)) count += batch.length
  }
  let expected = 0
  demo().advance(60_000, (batch) => {
    expected += batch.length
  })
  t.equal(count, expected)
  const picture = new Uint16Array(346 * 260)
  stimulus.image!(60_000, picture)
  t.ok(picture.every((value) => value <= 1023) && picture.some((value) => value > 100))
})
