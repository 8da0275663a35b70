import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { evtrackd } from './run-cli.js'

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-cli-all-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const config = join(dir, 'evtrackd.toml')
writeFileSync(config, `state_dir = "${dir}"\n`)
const COMMON = ['-c', config, '--serial', '00000489', '--source', 'emulator']

t.test('one after the other, each upon the ones before, then the report', async (t) => {
  const out = join(dir, 'report.html')
  const skip = 'focus,lens,biases,noise,imu,time'
  const run = await evtrackd(['calibrate', 'all', '--skip', skip, '--out', out, ...COMMON])
  t.equal(run.code, 0, run.stderr + run.stdout)
  t.match(run.stdout, /1 of 2: hot-pixels.*2 of 2: exposure/s)
  t.match(run.stdout, 'PASS  hot-pixels\nPASS  exposure\n')
  const html = readFileSync(out, 'utf8')
  for (const kind of ['hot-pixels', 'exposure']) t.match(html, `</span> ${kind}</h2>`)
  t.equal(html.match(/data:image\/svg\+xml;base64,/g)?.length, 4)
})

t.test('what is no part of the walk is named', async (t) => {
  const zones = await evtrackd(['calibrate', 'all', '--skip', 'zones', ...COMMON])
  t.equal(zones.code, 78)
  t.match(zones.stderr, 'evtrackd calibrate zones --input')
  const odd = await evtrackd(['calibrate', 'all', '--skip', 'lenz', ...COMMON])
  t.equal(odd.code, 78)
  t.match(odd.stderr, /lenz.*hot-pixels, exposure/s)
})

t.test('what no kind could start with ends the walk at the first', async (t) => {
  const run = await evtrackd(['calibrate', 'all', '-c', config, '--source', 'teapot'])
  t.equal(run.code, 78)
  t.match(run.stderr, 'CONFIG_INVALID')
  t.notMatch(run.stdout, '2 of')
})

/** `script` gives a program a terminal of its own. */
const noTerminal =
  spawnSync('script', ['--version']).status === 0 ? false : 'no `script` (Debian package bsdutils)'

/** Walks through hot pixels and exposure on a terminal, giving one answer to each question. */
async function onTerminal(answers: readonly string[]) {
  const main = join(PACKAGE_ROOT, 'dist/src/cli/main.js')
  const out = join(dir, 'terminal.html')
  // No such camera is plugged in anywhere.
  const words = `calibrate all -c ${config} --serial NOSUCH -o ${out} --skip focus,lens,biases,noise,imu,time`
  const command = `${process.execPath} ${main} ${words}`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  let text = ''
  let asked = 0
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part
    for (const seen = text.split('q: end here').length - 1; asked < seen; asked++)
      child.stdin.write(answers[asked] ?? 'q\n')
  })
  const [code] = await once(child, 'close')
  return { code, text, asked }
}

t.test('on a terminal it waits, tries again, skips and ends', { skip: noTerminal }, async (t) => {
  const { code, text, asked } = await onTerminal(['\n', 's\n', 'q\n'])
  t.match(text, /Cover the lens.*Enter: start.*CAMERA_NOT_FOUND.*Enter: again.*Point the camera/s)
  t.equal(asked, 3)
  t.match(text, 'FAIL  hot-pixels')
  t.notMatch(text, 'FAIL  exposure', 'left out, not failed')
  t.equal(code, 2)
})

t.test(
  'Ctrl-C at a question ends it there, and so does the end of input',
  { skip: noTerminal },
  async (t) => {
    t.match(await onTerminal(['\u0003']), { code: 130, asked: 1 })
    t.match(await onTerminal(['\u0004']), { code: 0, asked: 1 })
  },
)
