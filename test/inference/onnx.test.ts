import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_DIR } from './packages.js'

t.test(
  'ONNX Runtime keeps to itself: no telemetry thread, nothing in the home folder',
  async (t) => {
    const home = mkdtempSync(join(tmpdir(), 'evtrackd-home-'))
    const compiled = new URL('../../src/inference/', import.meta.url).href
    const script = `
    import { readdirSync } from 'node:fs'
    import { loadModelPackage } from '${compiled}model-package.js'
    import { createTrackerSession } from '${compiled}session.js'
    const threads = () => readdirSync('/proc/self/task').length
    const pkg = await loadModelPackage(${JSON.stringify(PACKAGE_DIR)})
    const before = threads()
    const session = await createTrackerSession(pkg)
    console.log(threads() - before)
    await session.close()
  `
    const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: home }
    const options = { env, encoding: 'utf8' } as const
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], options)
    t.equal(output.trim(), '0', 'a session of one thread runs on the calling thread alone')
    t.same(readdirSync(home), [])
  },
)
