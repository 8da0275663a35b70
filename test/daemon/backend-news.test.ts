import t from 'tap'
import { backendHealth, backendNews, trialText } from '../../src/daemon/backend-news.js'
import { DaemonFacts } from '../../src/daemon/facts.js'
import type { BackendReport } from '../../src/inference/backends/backend.js'

const REPORT: BackendReport = {
  wanted: 'cuda',
  inUse: 'cuda',
  description: 'onnxruntime cuda fp32',
  searchMs: 0.5,
  fallback: false,
  trials: [{ name: 'cuda', outcome: 'chosen', searchMs: 0.5 }],
  failures: 0,
  attempts: 1,
  checks: 0,
  wrong: 0,
  reason: null,
  retryMs: null,
}
const AWAY: BackendReport = {
  ...REPORT,
  inUse: 'cpu',
  description: 'onnxruntime cpu int8',
  fallback: true,
  trials: [{ name: 'cuda', outcome: 'failed', searchMs: null, reason: 'There is no driver.' }],
  reason: 'There is no driver.',
  retryMs: 1000,
}

t.test('the log says what changed, and nothing else', async (t) => {
  t.match(backendNews(undefined, REPORT), {
    level: 'info',
    message: 'backend onnxruntime cuda fp32',
    facts: { trials: 'cuda: every golden number, 0.500 ms a search, chosen' },
  })
  t.equal(backendNews(REPORT, { ...REPORT, checks: 9 }), undefined, 'counters move')
  t.match(backendNews(REPORT, { ...AWAY, failures: 1, reason: 'It hangs.' }), {
    level: 'warning',
    message: 'backend failed, the CPU goes on',
    facts: { reason: 'It hangs.', failures: 1, retry_ms: 1000 },
  })
  t.match(backendNews(undefined, AWAY), {
    level: 'warning',
    message: 'backend cuda cannot be used, the CPU computes instead',
    facts: { trials: 'cuda: There is no driver' },
  })
  t.equal(backendNews(AWAY, { ...AWAY, attempts: 2 }), undefined, 'the same again')
  t.ok(backendNews(AWAY, { ...AWAY, attempts: 2, reason: 'Another one.' }))
  t.match(backendNews(AWAY, { ...REPORT, attempts: 3 }), { level: 'info' }, 'it is back')
  const before = { ...AWAY, attempts: 0, trials: [], fallback: false, reason: null }
  t.equal(backendNews(undefined, before), undefined, 'nothing was tried yet')
})

t.test('a trial in words', async (t) => {
  t.equal(
    trialText({ name: 'webgpu', outcome: 'slower', searchMs: 12.345 }),
    'webgpu: every golden number, 12.3 ms a search',
  )
})

t.test('health tells of a backend where one is configured', async (t) => {
  const facts = new DaemonFacts({ isCamera: true, nowUs: () => 0 })
  t.notOk('backend' in facts.health())
  facts.backend = AWAY
  t.same(facts.health().backend, backendHealth(AWAY))
  t.match(facts.health().backend, { wanted: 'cuda', in_use: 'cpu', fallback: true })
})
