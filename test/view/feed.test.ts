import t from 'tap'
import { type TrackedWindow, WindowFeed } from '../../src/view/feed.js'
import { Viewers } from '../../src/view/viewers.js'
import { ManualClock } from '../publish/manual-clock.js'
import { movingWindow } from './windows.js'

/** A feed whose windows come when the test says so. */
function feedOf(clock: ManualClock, framesPerSecond = 25) {
  const asked: { come: (window: TrackedWindow) => void; fail: () => void }[] = []
  const pull = () =>
    new Promise<TrackedWindow>((come, reject) => {
      asked.push({ come, fail: () => reject(new Error('no window')) })
    })
  return { asked, feed: new WindowFeed({ pull, framesPerSecond, clock }) }
}

const turn = () => new Promise(setImmediate)

t.test('nothing is fetched unless somebody asks', async (t) => {
  const clock = new ManualClock()
  const { asked, feed } = feedOf(clock)
  await clock.advance(10_000)
  t.equal(asked.length, 0)
  t.equal(feed.fetched, 0)
})

t.test('all who wait get the same window, packed once', async (t) => {
  const { asked, feed } = feedOf(new ManualClock())
  const both = [feed.next(), feed.next()]
  await turn()
  t.equal(asked.length, 1)
  asked[0]!.come(movingWindow(5))
  const [first, second] = await Promise.all(both)
  t.equal(first, second)
  t.equal(first?.frame.header.seq, 5)
})

t.test('not faster than the rate, and not slower for having waited', async (t) => {
  const clock = new ManualClock()
  const { asked, feed } = feedOf(clock, 25)
  for (const [i, atMs] of [0, 40, 80].entries()) {
    const next = feed.next()
    await turn()
    if (i > 0) {
      t.equal(asked.length, i, `${i}: not before it is due`)
      await clock.advance(25)
    }
    t.equal(clock.nowUs() / 1000, atMs)
    t.equal(asked.length, i + 1)
    await clock.advance(15)
    asked[i]!.come(movingWindow(i))
    await next
  }
})

t.test('a window that does not come is no error, and the next may', async (t) => {
  const { asked, feed } = feedOf(new ManualClock(), 1000)
  const none = feed.next()
  await turn()
  asked[0]!.fail()
  t.equal(await none, undefined)
  t.equal(feed.fetched, 0)
})

t.test('viewers: seats, drops and leaving', async (t) => {
  const clock = new ManualClock()
  const viewers = new Viewers({ max: 2, framesPerSecond: 25, clock })
  t.equal(viewers.ask('short'), 'unnamed')
  t.equal(viewers.ask('../../../etc'), 'unnamed')
  const first = viewers.ask('viewer01')
  if (typeof first === 'string') throw new Error(first)
  t.equal(viewers.ask('viewer01'), 'busy', 'one question at a time')
  t.type(viewers.ask('viewer02'), 'object')
  t.equal(viewers.ask('viewer03'), 'full')
  t.equal(viewers.counts.refused, 1)
  viewers.answered('viewer01')
  await clock.advance(30)
  t.equal(viewers.ask('viewer01'), first)
  t.equal(first.dropped, 0, 'in time for the next')
  viewers.answered('viewer01')
  await clock.advance(200)
  viewers.ask('viewer01')
  t.equal(first.dropped, 5, 'missed five at 25 a second')
  viewers.answered('viewer01')
  await clock.advance(6000)
  t.equal(viewers.size, 1, 'who waits stays, who does not ask is gone')
  t.type(viewers.ask('viewer03'), 'object')
})
