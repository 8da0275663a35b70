import t from 'tap'
import { MAX_PANELS, PanelBoard } from '../../src/view/panels.js'

t.test('a panel shows its newest content until it is closed', async (t) => {
  const board = new PanelBoard()
  const before = board.version
  const panel = board.open('hot-pixels', 'Hot pixels')
  t.ok(board.version > before)
  t.match(board.summaries(), [{ name: 'hot-pixels', title: 'Hot pixels', picture: false }])
  panel.show({ title: 'Hot pixels', lines: ['12 found'], progress: 0.5, verdict: 'pass' })
  const [summary] = board.summaries()
  t.match(summary, { lines: ['12 found'], progress: 0.5, verdict: 'pass' })
  const version = board.version
  panel.close()
  panel.close()
  t.same(board.summaries(), [])
  t.equal(board.version, version + 1, 'closed once')
  panel.show({ title: 'late' })
  t.same(board.summaries(), [], 'a closed panel shows nothing')
})

t.test('a picture is made when somebody asks, and once', async (t) => {
  const board = new PanelBoard()
  let made = 0
  const panel = board.open('focus', 'Focus')
  t.equal(board.picture('focus'), undefined)
  t.equal(board.picture('nobody'), undefined)
  panel.show({ title: 'Focus', picture: () => Buffer.from(`picture ${++made}`) })
  t.equal(made, 0)
  t.equal(board.picture('focus')?.toString(), 'picture 1')
  t.equal(board.picture('focus')?.toString(), 'picture 1')
  panel.show({ title: 'Focus', picture: () => Buffer.from(`picture ${++made}`) })
  t.equal(board.picture('focus')?.toString(), 'picture 2')
})

t.test('what is kept is bounded', async (t) => {
  const board = new PanelBoard()
  for (let i = 0; i <= MAX_PANELS; i++) board.open(`panel-${i}`, 'one of many')
  const names = board.summaries().map(({ name }) => name)
  t.equal(names.length, MAX_PANELS)
  t.notOk(names.includes('panel-0'), 'the oldest gave way')
  t.equal(board.displaced, 1)
  const panel = board.open('long', 'long')
  panel.show({ title: 'long', lines: Array.from({ length: 100 }, () => 'x'.repeat(1000)) })
  const lines = board.summaries().at(-1)?.lines ?? []
  t.equal(lines.length, 24)
  t.ok(lines.every((line) => line.length === 200))
})

t.test('of two panels of one name the newer has it', async (t) => {
  const board = new PanelBoard()
  const old = board.open('lens', 'first')
  board.open('lens', 'second')
  old.show({ title: 'ghost' })
  old.close()
  t.match(board.summaries(), [{ name: 'lens', title: 'second' }])
  for (const name of ['', 'Lens', '../lens', 'a'.repeat(41), '-a', 'lens.png']) {
    t.throws(() => board.open(name, 'x'), RangeError, name)
  }
})
