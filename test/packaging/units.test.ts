import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { lacking, sh } from './shell.js'

const dir = join(PACKAGE_ROOT, 'systemd')
const units = readdirSync(dir).filter((name) => /\.(service|target)$/.test(name))
const services = units.filter((name) => name.endsWith('.service'))
const withoutSystemd = lacking('systemd-analyze')

t.test('systemd finds nothing wrong with the units', { skip: withoutSystemd }, async (t) => {
  const copy = mkdtempSync(join(tmpdir(), 'evtrackd-units-'))
  // Only the program itself is not at its place in a checkout.
  for (const name of units) {
    const text = readFileSync(join(dir, name), 'utf8')
    writeFileSync(join(copy, name), text.replace('/usr/bin/evtrackd', '/bin/true'))
  }
  const names = units.map((name) => name.replace('@.', '@00000042.'))
  const paths = names.map((name) => join(copy, name))
  const verified = await sh('systemd-analyze', [
    'verify',
    '--man=no',
    '--recursive-errors=no',
    ...paths,
  ])
  t.same([verified.code, verified.stdout + verified.stderr], [0, ''])
  writeFileSync(join(copy, 'evtrackd.service'), '[Service]\nType=notfy\n')
  const wrong = await sh('systemd-analyze', ['verify', '--man=no', join(copy, 'evtrackd.service')])
  t.match(wrong.stderr, 'notfy')
})

t.test('exposure of the services is at most 2.0', { skip: withoutSystemd }, async (t) => {
  for (const name of services) {
    const judged = await sh('systemd-analyze', [
      'security',
      '--offline=true',
      '--threshold=20',
      join(dir, name),
    ])
    t.equal(judged.code, 0, name)
    const level = /exposure level for \S+: ([\d.]+)/.exec(judged.stdout)?.[1]
    t.ok(Number(level) > 0 && Number(level) <= 2, `${name}: ${level}`)
  }
})

t.test('both services differ only in what belongs to an instance', async (t) => {
  const lines = (name: string) =>
    readFileSync(join(dir, name), 'utf8')
      .split('\n')
      .filter((line) => line.includes('=') && !line.startsWith('#'))
  const one = lines('evtrackd.service')
  const instance = lines('evtrackd@.service')
  const keys = (all: readonly string[], other: readonly string[]) =>
    all.filter((line) => !other.includes(line)).map((line) => line.split('=')[0])
  const perInstance = ['Description', 'ExecStart', 'StateDirectory', 'RuntimeDirectory', 'WantedBy']
  t.same(keys(one, instance), perInstance)
  t.same(keys(instance, one), ['Description', 'ExecStart', 'Environment', ...perInstance.slice(2)])
})

t.test('every credential that a service names is made by tmpfiles, for root alone', async (t) => {
  const made = readFileSync(join(dir, 'evtrackd.tmpfiles.conf'), 'utf8')
  for (const name of services) {
    const text = readFileSync(join(dir, name), 'utf8')
    const paths = [...text.matchAll(/^LoadCredential=[^:]+:(.+)$/gm)].map((match) => match[1])
    t.equal(paths.length, 2, name)
    for (const path of paths) t.match(made, `f ${path} 0600 root root -`)
  }
})
