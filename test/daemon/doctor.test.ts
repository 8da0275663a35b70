import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { checkBroker } from '../../src/daemon/doctor/broker.js'
import { checkCamera } from '../../src/daemon/doctor/camera.js'
import { examine } from '../../src/daemon/doctor/doctor.js'
import {
  checkClock,
  checkDisk,
  checkTemperature,
  checkUsbMemory,
} from '../../src/daemon/doctor/machine.js'
import { checkModel } from '../../src/daemon/doctor/model.js'
import { parseConfig } from '../../src/daemon/load-config.js'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { createEmulatedPort } from '../../src/davis346/emulator/port.js'
import { systemClock } from '../../src/events/time.js'
import { evtrackd } from '../cli/run-cli.js'
import { freePort, hasMosquitto, startAedes, startMosquitto } from '../publish/real-brokers.js'

const parse = (value: object) => parseConfig(value, 'test')
const tempDir = () => mkdtempSync(join(tmpdir(), 'evtrackd-doctor-'))

function root(files: Readonly<Record<string, string>>): string {
  const dir = tempDir()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
  return dir
}

const verdicts = (checks: readonly { name: string; verdict: string }[]) =>
  Object.fromEntries(checks.map(({ name, verdict }) => [name, verdict]))

t.test('usbfs memory', async (t) => {
  const { camera } = parse({ camera: { transferBytes: 1_048_576, transferCount: 16 } })
  const file = 'sys/module/usbcore/parameters/usbfs_memory_mb'
  const verdict = (megabytes: string) => checkUsbMemory(camera, root({ [file]: megabytes }))
  t.equal(verdict('8\n').verdict, 'fail')
  t.match(verdict('8\n').next, 'echo 64 | sudo tee')
  t.equal(verdict('16\n').verdict, 'warn')
  t.equal(verdict('256\n').verdict, 'ok')
  t.equal(verdict('0\n').verdict, 'ok', 'no limit')
  t.equal(checkUsbMemory(camera, root({})).verdict, 'warn')
})

t.test('clock', async (t) => {
  const says = (text: string | undefined) => async () => text
  t.equal((await checkClock(root({}), says('yes\n'))).verdict, 'ok')
  const not = await checkClock(root({ 'run/systemd/timesync/synchronized': '' }), says('no\n'))
  t.match(not, { verdict: 'warn', next: /set-ntp/ })
  const since = root({ 'run/systemd/timesync/synchronized': '' })
  t.equal((await checkClock(since, says(undefined))).verdict, 'ok')
  t.equal((await checkClock(root({}), says(undefined))).verdict, 'warn')
})

t.test('temperature', async (t) => {
  const zones = (...degrees: number[]) =>
    root(
      Object.fromEntries(
        degrees.map((d, i) => [`sys/class/thermal/thermal_zone${i}/temp`, `${d * 1000}\n`]),
      ),
    )
  t.equal(checkTemperature(zones(40, 60)).verdict, 'ok')
  t.equal(checkTemperature(zones(40, 80)).verdict, 'warn')
  t.match(checkTemperature(zones(90, 40)), { verdict: 'fail', message: /90 °C/ })
  t.equal(checkTemperature(root({})).verdict, 'ok')
})

t.test('disk', async (t) => {
  const stateDir = tempDir()
  const minFreeBytes = 0
  t.equal((await checkDisk(parse({ stateDir, recording: { minFreeBytes } }))).verdict, 'ok')
  const most = Number.MAX_SAFE_INTEGER
  const full = await checkDisk(parse({ stateDir, recording: { minFreeBytes: most } }))
  t.equal(full.verdict, 'warn')
  writeFileSync(join(stateDir, 'file'), '')
  const below = await checkDisk(parse({ stateDir: join(stateDir, 'file/below') }))
  t.match(below, { verdict: 'fail', message: /may not be written \(ENOTDIR\)/, next: /sudo -u/ })
})

t.test('the camera, without touching the one that the daemon has', async (t) => {
  const camera = (more: object = {}) => parse({ source: { kind: 'camera' }, camera: more })
  const port = createEmulatedPort({ cameras: [{}], clock: systemClock })
  t.teardown(() => port.close())
  t.same(verdicts(await checkCamera(camera(), { port, running: undefined })), {
    preset: 'ok',
    camera: 'ok',
    'usb speed': 'ok',
    permission: 'ok',
    firmware: 'ok',
  })
  const other = await checkCamera(camera({ serial: '999' }), { port, running: undefined })
  t.match(other[1], { name: 'camera', verdict: 'fail', message: /999 was not found/ })
  const wrong = await checkCamera(camera({ preset: 'nigth' }), { port, running: undefined })
  t.match(wrong[0], { name: 'preset', verdict: 'fail', message: /CONFIG_INVALID/ })
  const handle = await port.open((await port.list())[0]!)
  const busy = await checkCamera(camera(), { port, running: undefined })
  t.match(busy.at(-1), { name: 'permission', verdict: 'fail', message: /CAMERA_BUSY/ })
  const running = { cameras: [{ camera_state: 'streaming', serial: '1' }] } as never
  t.same(verdicts(await checkCamera(camera(), { port, running })), { preset: 'ok', camera: 'ok' })
  await handle.close()
  const none = await checkCamera(parse({ source: { kind: 'scene' } }), { port, running: undefined })
  t.same(verdicts(none), { camera: 'ok' })
})

t.test('a firmware that is not known is named', async (t) => {
  const port = createEmulatedPort({ cameras: [{ identity: { logic: 7 } }], clock: systemClock })
  t.teardown(() => port.close())
  const config = parse({ source: { kind: 'camera' } })
  const checks = await checkCamera(config, { port, running: undefined })
  t.match(checks.at(-1), { name: 'firmware', verdict: 'fail', message: /FIRMWARE_UNSUPPORTED/ })
})

t.test('the model', async (t) => {
  t.same(verdicts(await checkModel(parse({}))), { model: 'ok', 'golden run': 'ok' })
  const absent = await checkModel(parse({ model: { name: 'nothing' } }))
  t.match(absent, [{ name: 'model', verdict: 'fail', message: /MODEL_INVALID/ }])
})

t.test('the broker: there, or why not', async (t) => {
  const broker = await startAedes()
  const url = `mqtt://127.0.0.1:${broker.port}`
  t.same(verdicts(await checkBroker(parse({ mqtt: { url } }))), {
    broker: 'ok',
    'broker rights': 'ok',
  })
  await broker.stop()
  t.match(await checkBroker(parse({ mqtt: { url } })), [
    { name: 'broker', verdict: 'fail', message: /BROKER_UNREACHABLE/ },
  ])
  const file = { url, username: 'u', passwordFile: '/nowhere' }
  t.match(await checkBroker(parse({ mqtt: file })), [
    { name: 'broker', verdict: 'fail', message: /mqtt.password_file cannot be read/ },
  ])
  t.same(verdicts(await checkBroker(parse({ mqtt: { url: 'embedded' } }))), { broker: 'ok' })
})

const skip = hasMosquitto ? false : 'mosquitto is not installed'

t.test('the example of access rules is enough, and less is found out', { skip }, async (t) => {
  const dir = tempDir()
  const example = readFileSync(join(PACKAGE_ROOT, 'docs/mqtt-acl.example'), 'utf8')
  const acl = join(dir, 'acl')
  writeFileSync(acl, example)
  chmodSync(acl, 0o600)
  const broker = await startMosquitto([`acl_file ${acl}`])
  t.teardown(() => broker.stop())
  const mqtt = { url: `mqtt://127.0.0.1:${broker.port}`, deviceName: 'mast-3' }
  for (const protocol of ['5', '3.1.1']) {
    const check = (username: string) =>
      checkBroker(parse({ mqtt: { ...mqtt, protocol, username } }))
    const all = await check('evtrackd-mast-3')
    t.same(verdicts(all), { broker: 'ok', 'broker rights': 'ok' }, protocol)
    const watcher = await check('viewer')
    t.match(watcher.at(-1), { name: 'broker rights', verdict: 'fail', next: /mqtt-acl/ }, protocol)
  }
})

t.test('a login that is refused', { skip }, async (t) => {
  const broker = await startMosquitto(['allow_anonymous false'])
  t.teardown(() => broker.stop())
  const url = `mqtt://127.0.0.1:${broker.port}`
  const [check] = await checkBroker(parse({ mqtt: { url } }))
  t.match(check, {
    name: 'broker',
    verdict: 'fail',
    message: /BROKER_UNREACHABLE.*(auth|login|refused)/i,
  })
})

t.test('a configuration that is refused leaves the checks of the machine', async (t) => {
  const file = join(tempDir(), 'evtrackd.toml')
  writeFileSync(file, 'nonsense = 1\n')
  const port = createEmulatedPort({ cameras: [], clock: systemClock })
  t.teardown(() => port.close())
  const seen: string[] = []
  const checks = await examine({ file, env: {} }, { port, onCheck: ({ name }) => seen.push(name) })
  t.match(checks[0], { name: 'configuration', verdict: 'fail', message: /nonsense/ })
  t.same(seen, ['configuration', 'clock', 'temperature'])
})

t.test('the exit status tells whether something failed', async (t) => {
  const file = join(tempDir(), 'evtrackd.toml')
  const url = `mqtt://127.0.0.1:${await freePort()}`
  writeFileSync(
    file,
    `state_dir = "${tempDir()}"\n[source]\nkind = "scene"\n[mqtt]\nurl = "${url}"\n`,
  )
  const failed = await evtrackd(['doctor', '-c', file, '--json'])
  t.equal(failed.code, 1, failed.stderr)
  const report = JSON.parse(failed.stdout)
  t.equal(report.ok, false)
  t.equal(verdicts(report.checks)['broker'], 'fail')
  const env = { EVTRACKD_MQTT_URL: 'embedded' }
  const passed = await evtrackd(['doctor', '-c', file], env)
  t.equal(passed.code, 0, passed.stdout)
  t.match(passed.stdout, / 0 failed/)
})
