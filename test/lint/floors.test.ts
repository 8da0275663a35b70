import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'

/** Lints files of these paths and texts in a tree of their own, by the project's rules. */
function lint(dir: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(
    join(PACKAGE_ROOT, 'node_modules/.bin/biome'),
    ['lint', '--vcs-enabled=false', '--max-diagnostics=none', '--reporter=github', 'src'],
    { cwd: dir, encoding: 'utf8' },
  )
  return { status, output: stdout + stderr }
}

const CONFIG = readFileSync(join(PACKAGE_ROOT, 'biome.json'), 'utf8')

const numbered = (path: string, i: number) => path.replace('a.ts', `a${i}.ts`)

function plant(dir: string, tree: ReadonlyMap<string, string>): string {
  for (const [path, from] of tree) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), use(from))
  }
  return dir
}

const use = (from: string) => `import { x } from '${from}'\n\nexport const y = x\n`

t.test('a file imports from its own floor and those below, never from above', async (t) => {
  const refused: [string, string][] = [
    ['src/events/a.ts', '../usb/port.js'],
    ['src/usb/a.ts', '../davis346/words.js'],
    ['src/davis346/emulator/a.ts', '../../sources/source.js'],
    ['src/sources/scene/a.ts', '../../pipeline/frame.js'],
    ['src/pipeline/a.ts', '../davis346/words.js'],
    ['src/inference/a.ts', '../usb/port.js'],
    ['src/tracking/a.ts', '../publish/topics.js'],
    ['src/publish/a.ts', '../calibration/a.js'],
    ['src/publish/a.ts', '../daemon/log.js'],
    ['src/publish/a.ts', '../view/server.js'],
    ['src/pipeline/a.ts', '../view/feed.js'],
    ['src/view/a.ts', '../daemon/log.js'],
    ['src/publish/a.ts', '../export/target.js'],
    ['src/export/a.ts', '../tracking/tracker.js'],
    ['src/export/a.ts', 'h5wasm/node'],
    ['src/calibration/a.ts', '@techstark/opencv-js'],
    ['src/view/a.ts', 'node:worker_threads'],
    ['src/daemon/a.ts', '../cli/output.js'],
    ['src/sources/a.ts', 'usb'],
    ['src/tracking/a.ts', 'onnxruntime-node'],
    ['src/daemon/a.ts', 'mqtt'],
    ['src/pipeline/a.ts', 'node:worker_threads'],
  ]
  const tree = new Map(refused.map(([path, from], i) => [numbered(path, i), from]))
  const { status, output } = lint(plant(t.testdir({ 'biome.json': CONFIG }), tree))
  t.not(status, 0)
  for (const [path, from] of tree) {
    const said = output.split('\n').filter((line) => line.includes(path))
    t.ok(
      said.some((line) => line.includes('noRestrictedImports')),
      `${path} importing ${from}`,
    )
  }
})

t.test('what is below may be imported', async (t) => {
  const allowed: [string, string][] = [
    ['src/usb/a.ts', '../events/errors.js'],
    ['src/tracking/a.ts', '../pipeline/frame.js'],
    ['src/daemon/a.ts', 'node:worker_threads'],
    ['src/publish/mqtt.ts', 'mqtt'],
    ['src/view/a.ts', '../publish/payloads.js'],
    ['src/export/a.ts', '../inference/energy.js'],
    ['src/export/hdf5.ts', 'h5wasm/node'],
    ['src/calibration/lens/opencv.ts', '@techstark/opencv-js'],
  ]
  const { status, output } = lint(plant(t.testdir({ 'biome.json': CONFIG }), new Map(allowed)))
  t.equal(status, 0, output)
})
