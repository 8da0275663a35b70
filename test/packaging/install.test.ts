import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT, VERSION } from '../../src/daemon/version.js'
import { sh } from './shell.js'

/** scripts/install and scripts/uninstall, into a folder of their own. */

t.setTimeout(400_000)

const dest = join(mkdtempSync(join(tmpdir(), 'evtrackd-install-')), 'system')
t.teardown(() => rmSync(join(dest, '..'), { recursive: true, force: true }))
const script = (name: string, ...args: string[]) =>
  sh(join(PACKAGE_ROOT, 'scripts', name), args, { ...process.env, DESTDIR: dest })
const config = join(dest, 'etc/evtrackd/evtrackd.toml')
const program = join(dest, 'usr/bin/evtrackd')

t.test('a wrong flag is refused with the usage', async (t) => {
  for (const name of ['install', 'uninstall', 'package']) {
    const { code, stderr } = await script(name, '--nonsense')
    t.equal(code, 2, name)
    t.match(stderr, `scripts/${name} [--`)
  }
  t.equal((await script('package', '--arch', 'mips')).code, 2)
})

t.test('a dry run touches nothing', async (t) => {
  const { code, stderr } = await script('install', '--prebuilt', '--dry-run')
  t.equal(code, 0, stderr.slice(-500))
  t.match(stderr, `would install ${program}\n`)
  t.notOk(existsSync(dest))
})

t.test('install, edit, install again, uninstall', async (t) => {
  const first = await script('install', '--prebuilt')
  t.equal(first.code, 0, first.stderr)
  t.equal((await sh(program, ['--version'])).stdout, `${VERSION}\n`)

  appendFileSync(config, '# edited\n')
  rmSync(join(dest, 'usr/lib/udev/rules.d/70-evtrackd.rules'))
  const main = join(dest, 'usr/lib/evtrackd/bin/node')
  const before = statSync(main).mtimeMs
  const again = await script('install', '--prebuilt')
  t.equal(again.code, 0, again.stderr)
  t.match(again.stderr, `kept ${config}, which was edited`)
  t.ok(
    existsSync(join(dest, 'usr/lib/udev/rules.d/70-evtrackd.rules')),
    'what is missing comes back',
  )
  t.equal(statSync(main).mtimeMs, before, 'what is the same stays')
  t.match(readFileSync(config, 'utf8'), '# edited')

  t.equal((await script('uninstall', '--dry-run', '--purge')).code, 0)
  t.ok(existsSync(program))
  const gone = await script('uninstall')
  t.equal(gone.code, 0, gone.stderr)
  t.same((await sh('find', [dest, '-type', 'f'])).stdout.trim(), config)
  t.match((await script('uninstall')).stderr, 'No evtrackd installed')
  t.equal((await script('uninstall', '--purge')).code, 0)
  t.notOk(existsSync(config))
})
