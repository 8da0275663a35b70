import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { evtrackd } from './run-cli.js'

t.setTimeout(60_000)

const MAIN = join(PACKAGE_ROOT, 'dist/src/cli/main.js')
const dir = mkdtempSync(join(tmpdir(), 'evtrackd-cli-daemon-'))
const config = join(dir, 'evtrackd.toml')
writeFileSync(
  config,
  `state_dir = "${dir}"
[source]
kind = "emulator"
scene = "covered"
[tracking]
tracker = "cluster"
[mqtt]
url = "embedded"
[mqtt.embedded]
port = 0
`,
)
const COMMON = ['-c', config]
const ENV = { RUNTIME_DIRECTORY: dir }
t.teardown(() => rmSync(dir, { recursive: true, force: true }))

/** A daemon in a process of its own; resolves when it is ready. */
async function startDaemon() {
  const child = spawn(process.execPath, [MAIN, 'run', ...COMMON], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...ENV },
  })
  let log = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log += text
      if (/: ready/.test(log)) resolve()
    })
    child.once('exit', () => reject(new Error(log)))
  })
  return {
    log: () => log,
    kill: async (signal: NodeJS.Signals) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill(signal)
      await gone
    },
  }
}

t.test('the daemon that runs has the camera, so it measures', async (t) => {
  const none = await evtrackd(['calibrate', 'imu', '--daemon', ...COMMON], ENV)
  t.not(none.code, 0)
  t.match(none.stderr, /DAEMON_UNREACHABLE[\s\S]*systemctl start evtrackd/)
  const both = await evtrackd(['calibrate', 'imu', '--daemon', '--direct', ...COMMON], ENV)
  t.equal(both.code, 78)

  const daemon = await startDaemon()
  t.teardown(() => daemon.kill('SIGKILL'))
  const run = await evtrackd(['calibrate', 'imu', '--duration', '1', '--json', ...COMMON], ENV)
  t.equal(run.code, 0, run.stdout)
  t.match(run.stderr, /do not touch/)
  const report = JSON.parse(run.stdout)
  t.match(report, { ok: true, verdict: 'PASS', activated: true, serial: '00000489' })
  t.match(daemon.log(), /calibration begins kind=imu .*origin=socket/)
  const ids = (name: string) => new RegExp(`calibrations in use .*ids=${name}`)
  t.match(daemon.log(), ids(report.id), 'it goes by it')

  const back = await evtrackd(['calibrate', 'rollback', 'imu', '--json', ...COMMON], ENV)
  t.match(JSON.parse(back.stdout), { ok: true, active: null, daemon: true })

  const own = `zones=[{name="b",mode="count",polygon=[[0,0],[40,0],[40,40]]}]`
  const direct = ['calibrate', 'zones', '--direct', '--serial', '00000489', '--set', own]
  const beside = await evtrackd([...direct, '--json', ...COMMON], ENV)
  t.equal(beside.code, 0, beside.stderr)
  t.match(daemon.log(), ids(JSON.parse(beside.stdout).id), 'also by what it has not measured')

  const child = spawn(process.execPath, [MAIN, 'calibrate', 'imu', ...COMMON], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...ENV },
  })
  let said = ''
  let interrupted = false
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (/do not touch/.test(said) && !interrupted) {
      interrupted = true
      child.kill('SIGINT')
    }
  })
  const [code] = await once(child, 'close')
  t.equal(code, 130, said)
  t.match(said, /nothing has changed/)
  t.match(daemon.log(), /calibration cancelled/)
  const status = JSON.parse((await evtrackd(['status', '--json', ...COMMON], ENV)).stdout)
  t.equal(status.cameras[0].state, 'ready')

  await daemon.kill('SIGKILL')
  t.ok(existsSync(join(dir, 'control.sock')), 'its socket is left')
  const zones = `zones=[{name="a",mode="count",polygon=[[0,0],[50,0],[50,50]]}]`
  const here = await evtrackd(
    ['calibrate', 'zones', '--serial', '00000489', '--set', zones, ...COMMON],
    ENV,
  )
  t.equal(here.code, 0, here.stderr)
  t.match(here.stdout, /active now/)
})
