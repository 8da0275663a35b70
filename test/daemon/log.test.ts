import t from 'tap'
import { createLog } from '../../src/daemon/log.js'

function capture(level: 'error' | 'warning' | 'info' | 'debug', journal: boolean) {
  const lines: string[] = []
  return { lines, log: createLog({ level, journal, write: (line) => lines.push(line) }) }
}

t.test('levels below the configured one are silent', async (t) => {
  const { log, lines } = capture('warning', false)
  log.info('unseen')
  log.warning('seen')
  log.error('seen too')
  t.same(lines, ['warning: seen\n', 'error: seen too\n'])
})

t.test('the journal gets priorities, one line a message, quoted fields', async (t) => {
  const { log, lines } = capture('debug', true)
  log.error('two\nlines', { path: '/a/b.c', reason: 'with space', none: undefined })
  log.debug('d')
  t.same(lines, ['<3>two lines path=/a/b.c reason="with space"\n', '<7>d\n'])
})
