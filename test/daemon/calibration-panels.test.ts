import t from 'tap'
import { interrupted } from '../../src/daemon/calibrate-refusals.js'
import type { CalibrationNews } from '../../src/daemon/calibration-news.js'
import { CalibrationPanels } from '../../src/daemon/calibration-panels.js'
import { PanelBoard } from '../../src/view/panels.js'
import { ManualClock } from '../publish/manual-clock.js'

const news = (id: string, more: Partial<CalibrationNews> = {}): CalibrationNews => ({
  id,
  kind: 'imu',
  title: 'Inertial sensors',
  ask: 'Leave it alone.',
  origin: 'mqtt',
  state: 'running',
  ...more,
})

t.test('a panel says what to do, how it goes and how it ended, and goes', async (t) => {
  const board = new PanelBoard()
  const clock = new ManualClock()
  const panels = new CalibrationPanels(board, clock)
  const shown = () => board.summaries()
  panels.show(news('a'), 'mast')
  t.match(shown(), [{ name: 'calibration-mast', progress: 0, lines: ['Leave it alone.'] }])
  const progress = { text: 'still', share: 0.5, seconds: 15, figures: { samples: 9 } }
  panels.show(news('a', { progress }), 'mast')
  t.match(shown(), [{ progress: 0.5, lines: ['still', /samples: 9/] }])
  panels.show(news('b'), 'gate')
  t.equal(shown().length, 2, 'one for each camera')
  panels.show(news('a', { state: 'cancelled', error: interrupted() }), 'mast')
  const ended = shown().find(({ name }) => name === 'calibration-mast')
  t.match(ended, { verdict: 'fail', progress: 1, lines: [/nothing has changed/] })
  await clock.advance(59_000)
  t.equal(shown().length, 2, 'there for a minute')
  panels.show(news('c'), 'mast')
  await clock.advance(2000)
  t.equal(shown().length, 2, 'the next run has its place')
  panels.show(news('c', { state: 'cancelled', error: interrupted() }), 'mast')
  await clock.advance(61_000)
  t.same(
    shown().map(({ name }) => name),
    ['calibration-gate'],
  )
  await panels.close()
  t.same(shown(), [])
})
