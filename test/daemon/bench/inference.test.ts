import t from 'tap'
import { benchBatch, benchInference } from '../../../src/daemon/bench/inference.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { PACKAGE_DIR } from '../../inference/packages.js'

const pkg = await loadModelPackage(PACKAGE_DIR)

// Speed is measured by the bench command; here, only that the figures belong together.
t.test('a batch is compared with one target in the same run', async (t) => {
  const result = await benchBatch(pkg, { batch: 8, lanes: 2, runs: 4 })
  t.match(result, { lanes: 2, one: { batch: 1, runs: 4 }, many: { batch: 8, runs: 4 } })
  t.equal(result.ratio, result.many.msP50 / result.one.msP50)
  t.equal(result.ratioOfMin, result.many.msMin / result.one.msMin)
  for (const { msMin, msP50, msP99, cpuMs } of [result.one, result.many]) {
    t.ok(msMin <= msP50 && msP50 <= msP99 && cpuMs > 0)
  }
  t.ok(result.many.cpuMs > 2 * result.one.cpuMs, 'work of all threads counts')
})

t.test('warm-up runs do not count', async (t) => {
  const result = await benchInference(pkg, { graph: 'fp32', batch: 1, runs: 3 })
  t.match(result, { model: pkg.spec.name, graph: 'fp32', batch: 1, runs: 3 })
})
