import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Daemon, startDaemon } from '../../src/daemon/daemon.js'
import { parseConfig } from '../../src/daemon/load-config.js'
import { createLog } from '../../src/daemon/log.js'

t.setTimeout(60_000)

t.test('the guard of a daemon steps in on a real stream and says so', async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'evtrackd-guard-'))
  t.teardown(() => rmSync(stateDir, { recursive: true }))
  const lines: string[] = []
  const config = parseConfig(
    {
      source: { kind: 'emulator', scene: 'clean', seed: 5 },
      tracking: { tracker: 'cluster' },
      mqtt: { url: 'embedded', embedded: { port: 0 } },
      guard: { enabled: true, maxEventsPerSecond: 20_000 },
      stateDir,
    },
    'the test',
  )
  let climbed: () => void = () => {}
  const onTop = new Promise<void>((resolve) => {
    climbed = resolve
  })
  const daemon: Daemon = await startDaemon(config, {
    log: createLog({ level: 'info', journal: false, write: (line) => lines.push(line) }),
    hooks: {
      onCounters: ({ guard }) => {
        if ((guard?.level ?? 0) >= 2) climbed()
      },
    },
  })
  t.teardown(() => daemon.stop())
  await onTop
  const { guard, state } = daemon.facts.camera()
  t.equal(state, 'streaming')
  t.ok((guard?.raised ?? 0) >= 2)
  t.equal(guard?.max_events_per_second, 20_000)
  t.ok((guard?.events_per_second ?? 0) > 20_000)
  t.ok(lines.some((line) => /event-rate guard .*measure=refractory/.test(line)))
  await daemon.stop()
})
