import t from 'tap'
import { backoffMs } from '../../src/publish/backoff.js'
import { LatencyHistogram } from '../../src/publish/latency.js'
import { TokenBucket } from '../../src/publish/rate-limit.js'
import { ManualClock } from './manual-clock.js'

t.test('percentiles are within two percent of the true ones', async (t) => {
  const histogram = new LatencyHistogram()
  t.strictSame(histogram.percentiles(), { p50: null, p99: null, count: 0 })
  for (let i = 1; i <= 10_000; i++) histogram.record(i / 100)
  const { p50, p99, count } = histogram.percentiles()
  t.equal(count, 10_000)
  t.ok(Math.abs(p50! / 50 - 1) <= 0.02, `p50 ${p50}`)
  t.ok(Math.abs(p99! / 99 - 1) <= 0.02, `p99 ${p99}`)
  histogram.reset()
  t.equal(histogram.percentile(0.5), null)
})

t.test('values beyond the range are kept at its ends', async (t) => {
  const histogram = new LatencyHistogram()
  histogram.record(0)
  t.equal(histogram.percentile(1), 0.01)
  histogram.record(1e9)
  t.ok(histogram.percentile(1)! >= 100_000)
})

t.test('a token bucket allows its burst, then its rate', async (t) => {
  const clock = new ManualClock()
  const bucket = new TokenBucket({ perSecond: 10, burst: 2, clock })
  t.strictSame([bucket.take(), bucket.take(), bucket.take()], [true, true, false])
  t.equal(bucket.waitMs(), 100)
  await clock.advance(100)
  t.strictSame([bucket.take(), bucket.take()], [true, false])
  await clock.advance(60_000)
  t.strictSame([bucket.take(), bucket.take(), bucket.take()], [true, true, false], 'no hoarding')
})

t.test('waits double up to half a minute, at least half of each fixed', async (t) => {
  t.strictSame(
    [1, 2, 3, 8, 100].map((failures) => backoffMs(failures, () => 1)),
    [250, 500, 1000, 30_000, 30_000],
  )
  t.equal(
    backoffMs(1, () => 0),
    125,
  )
  t.equal(
    backoffMs(100, () => 0),
    15_000,
  )
})
