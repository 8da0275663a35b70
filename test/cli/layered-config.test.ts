import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { inspectRecording } from '../../src/sources/inspect.js'
import { evtrackd } from './run-cli.js'

/** A configuration in layers: a file and, over it, a drop-in. */
function layered(file: string, dropIn: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-layers-'))
  const path = join(dir, 'evtrackd.toml')
  mkdirSync(join(dir, 'evtrackd.d'))
  writeFileSync(path, `state_dir = "${dir}/state"\n${file}`)
  writeFileSync(join(dir, 'evtrackd.d/10-site.toml'), dropIn)
  return path
}

const SCENE = '[source]\nkind = "scene"\npace = "fast"\n'
const WRONG = '[tracking]\nmax_target = 3\n'

t.test('every command with -c reads what lies over the file', async (t) => {
  const path = layered(SCENE, WRONG)
  const out = join(path, '../x.mp4')
  for (const args of [
    ['record', 'x.aedat4'],
    ['track', 'x.aedat4'],
    ['render', 'x.aedat4', '--out', out],
    ['eval', '--scenes', '--groups', 'clean', '--seeds', '1'],
    ['run'],
    ['calibrate', 'noise'],
  ] as const) {
    const { stderr } = await evtrackd([...args, '-c', path])
    t.match(stderr, /did you mean tracking\.max_targets\?/, args[0])
    t.match(stderr, /10-site\.toml/, `${args[0]} says where it came from`)
  }
})

t.test('the environment and the command line win over both', async (t) => {
  const path = layered('[source]\nkind = "emulator"\n', `${SCENE}scene = "no-such-scene"\n`)
  const file = join(path, '../scene.aedat4')
  const record = (...more: string[]) =>
    evtrackd(['record', file, '-c', path, '--seconds', '0.2', ...more], {
      EVTRACKD_SOURCE_SCENE: 'clean',
    })
  const recorded = await record('--json')
  t.equal(recorded.code, 0, recorded.stderr)
  t.ok(JSON.parse(recorded.stdout).counters.events > 0, 'the drop-in asks for a scene')
  const camera = await evtrackd(['record', file, '-c', path, '--source', 'scene'])
  t.match(camera.stderr, /no-such-scene/, 'without the environment the drop-in holds')

  const track = (env: NodeJS.ProcessEnv) => evtrackd(['track', file, '-c', path, '--json'], env)
  const cluster = await track({ EVTRACKD_TRACKING_TRACKER: 'cluster', EVTRACKD_MODEL_NAME: 'none' })
  t.equal(cluster.code, 0, cluster.stderr)
  const spiking = await track({ EVTRACKD_MODEL_NAME: 'none' })
  t.equal(spiking.code, 78, 'the model is needed and is the one of the environment')
  t.match(spiking.stderr, /There is no model package none/)
})

t.test('record: one of several cameras, with what holds for it', async (t) => {
  const cameras = '[[cameras]]\nid = "left"\n[[cameras]]\nid = "right"\n'
  const dark = 'filters = { regions = [{ mode = "exclude", box = [0, 0, 346, 260] }] }\n'
  const path = layered(`${SCENE}scene = "clean"\n`, `${cameras}${dark}`)
  const file = join(path, '../one.aedat4')
  const record = (...more: string[]) =>
    evtrackd(['record', file, '-c', path, '--seconds', '0.2', ...more])
  t.match((await record()).stderr, /Several cameras.*\n.*one of left, right/)
  t.match((await record('--camera', 'centre')).stderr, /No camera centre/)
  t.equal((await record('--camera', 'left')).code, 0)
  t.ok((await inspectRecording(file)).events.count > 0)

  // A file is none of the cameras: the filters of one of them are not used for it.
  const tracked = await evtrackd(['track', file, '-c', path, '--json', '--out', `${file}.jsonl`])
  t.equal(tracked.code, 0, tracked.stderr)
  t.ok(JSON.parse(tracked.stdout).events > 0)
})
