import t from 'tap'
import { LossShare, ModelTrial, TRIAL_WINDOWS } from '../../src/daemon/model-trial.js'

/** Steps until the trial is decided, or gives up. */
function decide(trial: ModelTrial, lost: (window: number) => number, searches = 1) {
  for (let window = 1; window <= 4 * TRIAL_WINDOWS; window++) {
    const verdict = trial.step(searches, lost(window))
    if (verdict !== 'open') return { verdict, window }
  }
  return { verdict: 'open' }
}

t.test('a network that keeps up passes after its windows, the warm-up not counted', async (t) => {
  const warmUp = (window: number) => (window === 2 ? 40 : 0)
  t.same(decide(new ModelTrial(0), warmUp), { verdict: 'passed', window: TRIAL_WINDOWS + 2 })
})

t.test('one that loses windows fails, the sooner the more it loses', async (t) => {
  const slow = decide(new ModelTrial(0), () => 1)
  t.same(slow, { verdict: 'failed', window: TRIAL_WINDOWS / 2 + 2 })
  t.same(
    decide(new ModelTrial(0), () => 99),
    { verdict: 'failed', window: 3 },
  )
})

t.test('where windows were lost before, a new one may lose as many', async (t) => {
  const usual = new LossShare()
  for (let i = 0; i < 3 * TRIAL_WINDOWS; i++) usual.add(1)
  t.equal(usual.share, 0.5)
  t.equal(decide(new ModelTrial(usual.share), () => 1).verdict, 'passed')
  t.equal(decide(new ModelTrial(usual.share), () => 3).verdict, 'failed')
})

t.test('windows without a search say nothing', async (t) => {
  t.equal(decide(new ModelTrial(0), () => 5, 0).verdict, 'open')
})

t.test('the share follows the last windows only', async (t) => {
  const share = new LossShare()
  t.equal(share.share, 0)
  share.add(3)
  t.equal(share.share, 0.75)
  for (let i = 0; i < TRIAL_WINDOWS; i++) share.add(0)
  t.equal(share.share, 0)
})
