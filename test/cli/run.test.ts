import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { evtrackd, TRAFFIC } from './run-cli.js'

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-run-'))
const config = join(dir, 'evtrackd.toml')
writeFileSync(
  config,
  `state_dir = ${JSON.stringify(dir)}\n[mqtt]\nurl = "embedded"\n[mqtt.embedded]\nport = 0\n`,
)

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`run ends in order on ${signal}, with status 0`, async (t) => {
    const child = spawn(
      process.execPath,
      [join(PACKAGE_ROOT, 'dist/src/cli/main.js'), 'run', '-c', config, '-s', 'scene'],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    let text = ''
    child.stderr.setEncoding('utf8')
    for await (const chunk of child.stderr) {
      text += chunk
      if (/^info: ready /m.test(text) && !child.killed) child.kill(signal)
    }
    if (child.exitCode === null) await once(child, 'exit')
    t.equal(child.exitCode, 0)
    t.match(text, /^info: stopped$/m)
  })
}

t.test(
  'run on a recording ends by itself, at full speed',
  { skip: existsSync(TRAFFIC) ? false : 'the traffic recording is not beside the project' },
  async (t) => {
    const { code, stderr } = await evtrackd(['run', '-c', config, '-s', TRAFFIC, '--pace', 'fast'])
    t.equal(code, 0)
    t.match(stderr, 'the source has ended')
  },
)

t.test('record makes a file that info reads and never overwrites', async (t) => {
  const file = join(dir, 'scene.aedat4')
  const args = ['record', file, '-c', config, '-s', 'emulator', '--seconds', '2', '--json']
  const recorded = await evtrackd(args)
  t.equal(recorded.code, 0, recorded.stderr)
  const events = JSON.parse(recorded.stdout).counters.events
  const report = JSON.parse((await evtrackd(['info', file, '--json'])).stdout)
  t.equal(report.events.count, events)
  t.ok(events > 0)
  t.ok(report.images.count > 0, 'APS images are recorded')
  t.ok(report.imu.count > 100, 'IMU samples are recorded')
  t.same(report.problems, [])
  const before = readFileSync(file)
  t.not((await evtrackd(args)).code, 0)
  t.ok(before.equals(readFileSync(file)))
})
