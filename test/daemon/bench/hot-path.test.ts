import t from 'tap'
import { benchDecode, benchPipeline } from '../../../src/daemon/bench/hot-path.js'
import { worstStream } from '../../../src/daemon/bench/word-streams.js'
import { aggregationSchema, filtersSchema } from '../../../src/pipeline/schema.js'

// Speed is measured by the bench command; here, only that the figures belong to what was played.
t.test('results account for every event and window of the rounds played', async (t) => {
  const stream = worstStream({ eventsPerUs: 12, wraps: 3 })
  const config = { filters: filtersSchema.parse({}), aggregation: aggregationSchema.parse({}) }
  const decode = benchDecode(stream, 2_000_000)
  t.equal(decode.events, 2 * stream.events)
  t.equal(decode.deviceSeconds, (2 * stream.spanUs) / 1e6)
  t.ok(decode.eventsPerSecond > 0 && Number.isFinite(decode.nsPerEvent))
  const pipeline = benchPipeline(stream, 2_000_000, config)
  t.equal(pipeline.events, decode.events)
  t.ok(pipeline.eventsKept > 0 && pipeline.eventsKept <= pipeline.events)
  const hops = pipeline.deviceSeconds / 0.01
  t.ok(Math.abs(pipeline.windows - hops) <= 1, `${pipeline.windows} windows in ${hops} hops`)
})
