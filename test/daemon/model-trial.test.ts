import t from 'tap'
import { ModelTrial, Pace, TRIAL_WINDOWS } from '../../src/daemon/model-trial.js'

/** Steps until the trial is decided, or gives up. */
function decide(
  trial: ModelTrial,
  cost: { ms?: number; searches?: number; lost?: (window: number) => number },
) {
  const { ms = 2, searches = 1, lost = () => 0 } = cost
  for (let window = 1; window <= 4 * TRIAL_WINDOWS; window++) {
    const verdict = trial.step({ searches, ms: ms * searches, lost: lost(window) })
    if (verdict !== 'open') return { verdict, window }
  }
  return { verdict: 'open' }
}

function paceOf(ms: number, lost = 0): Pace {
  const pace = new Pace()
  for (let i = 0; i < 3 * TRIAL_WINDOWS; i++) pace.add({ searches: 2, ms: 2 * ms, lost })
  return pace
}

t.test('a network that keeps up passes after its windows, the warm-up not counted', async (t) => {
  const lost = (window: number) => (window === 2 ? 900 : 0)
  const passed = { verdict: 'passed', window: TRIAL_WINDOWS + 2 }
  t.same(decide(new ModelTrial(paceOf(2)), { ms: 9, lost }), passed, 'slower, and fast enough')
})

t.test('a slower one that loses windows fails, the sooner the more it loses', async (t) => {
  const usual = paceOf(2)
  const slow = decide(new ModelTrial(usual), { ms: 20, lost: () => 1 })
  t.same(slow, { verdict: 'failed', window: TRIAL_WINDOWS / 2 + 2 })
  t.same(decide(new ModelTrial(usual), { ms: 2000, lost: () => 199 }), {
    verdict: 'failed',
    window: 3,
  })
})

t.test('windows that are lost for another reason are not its fault', async (t) => {
  t.equal(decide(new ModelTrial(paceOf(2)), { ms: 2.4, lost: () => 3 }).verdict, 'passed')
  const before = paceOf(2, 1)
  t.equal(before.lost, 0.5)
  t.equal(decide(new ModelTrial(before), { ms: 4, lost: () => 1 }).verdict, 'passed', 'as many')
  t.equal(decide(new ModelTrial(before), { ms: 4, lost: () => 3 }).verdict, 'failed')
  t.equal(decide(new ModelTrial(undefined), { ms: 900, lost: () => 9 }).verdict, 'passed')
})

t.test('windows without a search say nothing', async (t) => {
  t.equal(decide(new ModelTrial(paceOf(2)), { searches: 0, lost: () => 5 }).verdict, 'open')
})

t.test('the pace is that of the last windows, a search its median', async (t) => {
  const pace = new Pace()
  t.same([pace.lost, pace.searchMs], [0, 0])
  pace.add({ searches: 1, ms: 500, lost: 3 })
  t.same([pace.lost, pace.searchMs], [0.75, 500])
  for (let i = 0; i < 5; i++) pace.add({ searches: 3, ms: 6, lost: 0 })
  t.equal(pace.searchMs, 2)
  for (let i = 0; i < TRIAL_WINDOWS; i++) pace.add({ searches: 0, ms: 0, lost: 0 })
  t.same([pace.lost, pace.searchMs], [0, 2])
})
