import t from 'tap'
import { load } from './load.js'
import { soak } from './soak.js'
import { soakPlot } from './soak-plot.js'

t.test(
  'the whole daemon on the real libusb with two targets: nothing is lost unsaid',
  async (t) => {
    const result = await load({ eventsPerSecond: 200_000, targets: 2, seconds: 2 })
    if ('unavailable' in result) {
      t.pass(`not run: ${result.unavailable}`)
      return
    }
    const { made, taken, drops, messages, state } = result
    t.ok(made > 100_000, `${made} events/s made`)
    t.ok(taken > 0, `${taken} events/s taken`)
    t.ok(messages > 0, `${messages} messages/s`)
    t.ok(Object.values(drops).every((count) => count >= 0))
    t.match(Object.keys(drops).sort().join(), /windows_overwritten/)
    t.equal(state, 'ready')
  },
)

t.test('a short soak: everything asked is done, and the curve is drawn', async (t) => {
  const plan = { scene: 'clean', hours: 1, minutes: 0.05, everySeconds: 1 }
  const seen: number[] = []
  const { samples, requests, refused, state } = await soak(plan, ({ minutes }) =>
    seen.push(minutes),
  )
  t.equal(seen.length, samples.length)
  t.ok(samples.at(-1)!.hours > 0)
  t.ok(samples.every(({ rssMb, descriptors }) => rssMb > 50 && descriptors > 10))
  t.same(refused, [])
  t.equal(requests, samples.length * 6)
  t.equal(state, 'ready')
  t.equal((soakPlot(samples, 'a test').match(/<polyline/g) ?? []).length, 5)
})
