import t from 'tap'
import { ERROR_CODES, exitStatus } from '../../src/events/errors.js'
import { nowUs, wallUs } from '../../src/events/time.js'

t.test('what a restart cannot mend ends with 78', async (t) => {
  const final = ERROR_CODES.filter((code) => exitStatus(code) === 78)
  t.same(final, ['CONFIG_INVALID', 'MODEL_INVALID', 'MODEL_UNSUPPORTED'])
})

t.test('wall time follows the wall clock, also when it is set', async (t) => {
  const real = Date.now
  t.teardown(() => {
    Date.now = real
  })
  t.ok(Math.abs(wallUs() - real() * 1000) <= 6000)
  const before = nowUs()
  Date.now = () => real() + 3_600_000
  t.ok(Math.abs(wallUs() - (real() + 3_600_000) * 1000) <= 6000, 'an hour later')
  t.ok(nowUs() - before < 60_000_000, 'the monotonic clock knows nothing of it')
})
