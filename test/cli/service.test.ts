import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { openNotifySocket, skipNotify } from '../daemon/notify-socket.js'
import { freePort } from '../publish/real-brokers.js'
import { evtrackd } from './run-cli.js'

t.test('a whole life as systemd sees it', { skip: skipNotify }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-life-'))
  const config = join(dir, 'evtrackd.toml')
  const port = await freePort()
  const text = `state_dir = "${dir}"\n[mqtt]\nurl = "embedded"\n[mqtt.embedded]\nport = 0\n[metrics]\nport = ${port}\n`
  writeFileSync(config, text)
  const socket = await openNotifySocket()
  t.teardown(() => socket.close())
  const child = spawn(
    process.execPath,
    [join(PACKAGE_ROOT, 'dist/src/cli/main.js'), 'run', '-c', config, '-s', 'scene'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        NOTIFY_SOCKET: socket.path,
        WATCHDOG_USEC: '9000000',
        RUNTIME_DIRECTORY: join(dir, 'run'),
      },
    },
  )
  t.teardown(() => child.kill('SIGKILL'))
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk
  })
  await socket.next(/^READY=1\|STATUS=/)
  await socket.next(/STATUS=ready, camera streaming/)
  await socket.next(/WATCHDOG=1/)

  const asked = ['status', '--socket', join(dir, 'run/status.sock')]
  const status = await evtrackd([...asked, '--json'])
  t.equal(status.code, 0, status.stderr)
  const report = JSON.parse(status.stdout)
  t.match(report, { pid: child.pid, config_file: config, restart_needed: [] })
  t.match(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(), /evtrackd_ready\{.*\} 1/)

  const before = socket.messages.length
  writeFileSync(config, `${text}[filters]\nrefractory_us = 50\n[tracking]\nmax_targets = 2\n`)
  child.kill('SIGHUP')
  await socket.next(/^RELOADING=1\|MONOTONIC_USEC=\d+$/, before)
  await socket.next(/^READY=1/, before)
  t.match((await evtrackd(asked)).stdout, 'waits for a restart: tracking.max_targets')

  child.kill('SIGTERM')
  await once(child, 'exit')
  t.equal(child.exitCode, 0)
  await socket.next(/STOPPING=1/)
  t.match(log, 'configuration taken applied=filters.refractory_us restart=tracking.max_targets')
  const gone = await evtrackd(asked)
  t.equal(gone.code, 1)
  t.match(gone.stderr, 'DAEMON_UNREACHABLE')
})
