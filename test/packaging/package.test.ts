import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { PACKAGE_ROOT, VERSION } from '../../src/daemon/version.js'
import { lacking, sh } from './shell.js'

/** Builds the package for this machine, starts it from a root of its own, and as a service of a booted system. */

// Two builds and a boot: minutes on a machine that is busy with other tests.
t.setTimeout(600_000)

const arch = process.arch === 'x64' ? 'amd64' : process.arch
const dir = mkdtempSync(join(tmpdir(), 'evtrackd-package-'))
t.teardown(() => rmSync(dir, { recursive: true, force: true }))
const name = `evtrackd_${VERSION}_${arch}.deb`
const deb = join(dir, 'one', name)
const root = join(dir, 'root')

const build = (out: string, more: NodeJS.ProcessEnv = {}, umask = '022') =>
  sh(
    'sh',
    [
      '-c',
      `umask ${umask}; exec "$0" --prebuilt --level 0 --arch ${arch} --out "$1"`,
      join(PACKAGE_ROOT, 'scripts/package'),
      out,
    ],
    { ...process.env, ...more },
  )

/** Why no machine of its own can be booted here; false if one can. */
function noMachine(): string | false {
  if (process.getuid?.() !== 0) return 'booting a machine of its own needs root'
  const missing = lacking('unshare', 'pivot_root', 'dpkg', '/lib/systemd/systemd', 'systemd-notify')
  if (missing !== false) return missing
  const spaces = ['-m', '-p', '-f', '-u', '-i', '-C', '-n']
  const mounts =
    'cd /tmp && d=$(mktemp -d) && mount -t tmpfs tmpfs $d && mkdir $d/u $d/w $d/r && mount -t overlay overlay -o lowerdir=/,upperdir=$d/u,workdir=$d/w $d/r && mount -t cgroup2 cgroup2 $d/u'
  const probe = spawnSync('unshare', [...spaces, 'sh', '-c', mounts], { stdio: 'ignore' })
  return probe.status === 0 ? false : 'this machine allows no namespaces, overlay or cgroup2'
}

/** Boots a machine with the package beside it; what `probe-NAME.sh` told there, by key. */
async function bootAndProbe(t: Test, name: string): Promise<Record<string, string>> {
  const folder = join(PACKAGE_ROOT, 'test/packaging')
  const spaces = ['-m', '-p', '-f', '-u', '-i', '-C', '-n']
  const out = join(dir, `boot-${name}`)
  mkdirSync(out)
  const probe = join(folder, `probe-${name}.sh`)
  const machine = ['bash', join(folder, 'boot-machine.sh'), '/', deb, probe, out, PACKAGE_ROOT]
  const boot = await sh('timeout', ['-k', '5', '400', 'unshare', ...spaces, ...machine])
  const report = join(out, 'report')
  if (!existsSync(report)) throw new Error(`the machine did not come up: ${boot.stderr}`)
  t.comment(readFileSync(join(out, 'errors'), 'utf8'))
  if (existsSync(join(out, 'journal'))) t.comment(readFileSync(join(out, 'journal'), 'utf8'))
  // dpkg and others write there too.
  const lines = readFileSync(report, 'utf8')
    .split('\n')
    .filter((line) => /^[a-z_]+=/.test(line))
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )
}

const skip = lacking('dpkg-deb')

t.test('two builds give the same bytes', { skip }, async (t) => {
  const epoch = { SOURCE_DATE_EPOCH: '1700000000' }
  const one = await build(join(dir, 'one'), epoch)
  t.equal(one.code, 0, one.stderr)
  const two = await build(
    join(dir, 'two'),
    { ...epoch, TZ: 'Asia/Tokyo', LC_ALL: 'C.UTF-8' },
    '077',
  )
  t.equal(two.code, 0, two.stderr)
  t.ok(readFileSync(deb).equals(readFileSync(join(dir, 'two', name))))
})

t.test('what the package holds', { skip }, async (t) => {
  const field = async (name: string) => (await sh('dpkg-deb', ['-f', deb, name])).stdout.trim()
  t.equal(await field('Version'), VERSION)
  t.equal(await field('Architecture'), arch)
  t.match(await field('Maintainer'), /^[^<>]+ <\S+@\S+>$/)
  const bytes = Number(await field('Installed-Size')) * 1024
  t.ok(bytes > 50e6 && bytes <= 150e6, `${bytes} bytes installed`)

  mkdirSync(join(dir, 'control'))
  await sh('dpkg-deb', ['-e', deb, join(dir, 'control')])
  t.equal(readFileSync(join(dir, 'control/conffiles'), 'utf8'), '/etc/evtrackd/evtrackd.toml\n')
  for (const script of ['postinst', 'prerm', 'postrm']) {
    t.equal((await sh('sh', ['-n', join(dir, 'control', script)])).stderr, '')
    t.equal((await sh('sh', [join(dir, 'control', script), 'nonsense'])).code, 1)
  }

  const listed = (await sh('dpkg-deb', ['-c', deb])).stdout.trim().split('\n')
  const others = listed.filter(
    (line) => !/^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x) root\/root /.test(line),
  )
  t.same(others, [])
  const files = listed.map((line) => line.slice(line.indexOf('./') + 1))
  t.same(
    files.filter((file) => /\.(map|ts|md5)$|\/(win32|darwin|musl|test|h5wasm)\//.test(file)),
    [],
  )
  for (const file of [
    'bin/evtrackd',
    'share/man/man1/evtrackd.1.gz',
    'share/doc/evtrackd/changelog.gz',
    'share/lintian/overrides/evtrackd',
    'share/bash-completion/completions/evtrackd',
    'lib/udev/rules.d/70-evtrackd.rules',
    'lib/sysusers.d/evtrackd.conf',
    'lib/systemd/system/evtrackd@.service',
  ]) {
    t.ok(files.includes(`/usr/${file}`), file)
  }
})

t.test('whoever answers for the package has a name and an address', { skip }, async (t) => {
  for (const MAINTAINER of ['nobody', 'A <a@b', 'A & B <a@b.example>', 'A\nB <a@b.example>']) {
    const { code, stderr } = await build(join(dir, 'never'), { MAINTAINER })
    t.equal(code, 2, MAINTAINER)
    t.match(stderr, 'MAINTAINER has to be')
  }
})

t.test('it works from a root of its own, with nothing of the checkout', { skip }, async (t) => {
  mkdirSync(root)
  t.equal((await sh('dpkg-deb', ['-x', deb, root])).code, 0)
  const md5 = await sh('sh', ['-c', `cd ${root} && md5sum --quiet -c ${dir}/control/md5sums`])
  t.equal(md5.stdout + md5.stderr, '')
  // As root the checkout itself is out of sight; what the test runner would load into every Node.js lies there.
  const hidden = process.getuid?.() === 0 && lacking('unshare') === false
  const evtrackd = (...args: string[]) => {
    const command = [join(root, 'usr/bin/evtrackd'), ...args]
    const env = { PATH: '/usr/bin:/bin', HOME: dir }
    if (!hidden) return sh('env', ['-C', dir, '-u', 'NODE_OPTIONS', ...command], env)
    const script = `mount -t tmpfs tmpfs ${PACKAGE_ROOT} && cd ${dir} && exec env -u NODE_OPTIONS "$@"`
    return sh('unshare', ['-m', 'sh', '-c', script, 'sh', ...command], env)
  }
  t.equal((await evtrackd('--version')).stdout, `${VERSION}\n`)
  t.equal((await evtrackd('config', 'check', join(root, 'etc/evtrackd/evtrackd.toml'))).code, 0)
  const verified = await evtrackd('model', 'verify', '--json')
  t.equal(verified.code, 0, verified.stderr)
  const graphs = JSON.parse(verified.stdout) as { exact: boolean }[]
  t.ok(graphs.length > 0 && graphs.every((graph) => graph.exact))
  const demo = await evtrackd('demo', '--seconds', '3')
  t.equal(demo.code, 0, demo.stderr)
  const result = JSON.parse(demo.stdout.trim().split('\n').at(-1) ?? '{}')
  t.ok(result.tracks_messages > 0 && result.tracks > 0, demo.stdout)
})

t.test('every line of the configuration that is a comment would be valid', { skip }, async (t) => {
  const text = readFileSync(join(PACKAGE_ROOT, 'packaging/etc/evtrackd.toml'), 'utf8')
  const path = join(dir, 'all.toml')
  writeFileSync(path, text.replace(/^#(?=\w+ = )/gm, ''))
  const { code, stderr } = await sh(join(root, 'usr/bin/evtrackd'), ['config', 'check', path])
  t.equal(code, 0, stderr)
  t.ok(/^password_file = /m.test(readFileSync(path, 'utf8')))
})

t.test('as a service of a booted system', { skip: skip || noMachine() }, async (t) => {
  const found = await bootAndProbe(t, 'service')
  const uid = found['uid'] ?? ''
  t.match(found, {
    preset: 'disabled',
    user: '/var/lib/evtrackd:/usr/sbin/nologin',
    credential_mode: '600 root',
    wants: 'evtrackd-camera.target.wants/evtrackd.service multi-user.target.wants/evtrackd.service',
    start: '0',
    state: 'active/running',
    program: '/usr/lib/evtrackd/bin/node',
    process: `Uid:${uid} CapEff:0000000000000000 CapBnd:0000000000000000 NoNewPrivs:1 Seccomp:2 `,
    credential: 'sesame',
    state_dir: '750 evtrackd',
    doctor: 'free in /var/lib/evtrackd.',
    tracks: 'evtrackd/v1/evtrackd/camera/davis346/tracks',
    watchdog_us: '30s',
    watchdog: 'alive',
    reload: '0 same process',
    killed: 'active/running after 1 restart',
    refused: 'failed 78 0',
    stopped: 'inactive success',
    again: '0 active',
    removed: 'inactive 0 files, sesame',
    purged: '0 left',
  })
  t.not(uid, '0')
  t.ok((found['status'] ?? '').length > 0, 'the daemon tells systemd its status')
})

t.test(
  'one service for each camera; reload, upgrade, removal, purge',
  { skip: skip || noMachine() },
  async (t) => {
    const found = await bootAndProbe(t, 'cameras')
    t.same(found, {
      started: '0 active active',
      folders: '750 evtrackd /var/lib/evtrackd-00000042 750 evtrackd /run/evtrackd-00000043',
      tracks:
        'evtrackd/v1/mast-42/camera/davis346/tracks evtrackd/v1/mast-43/camera/davis346/tracks',
      reload_taken: '0',
      reload_refused: '0 same process active active',
      version_before: 'older',
      upgraded: '0 active active 99.0.0 99.0.0 disabled',
      edited_kept: '# edited here, # a new default',
      removed: '0 inactive inactive 0 files',
      kept: '4 lines, /var/lib/evtrackd-00000042/mine, # edited here',
      back: '0 active active # edited here',
      purged: '0 ',
      user: 'evtrackd',
    })
  },
)
