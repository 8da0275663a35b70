import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type EvalOptions, evaluate } from '../../src/cli/eval.js'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { EvtrackError } from '../../src/events/errors.js'
import { evtrackd } from './run-cli.js'

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-eval-cli-'))
const CAR = join(PACKAGE_ROOT, '../shared/data/sim-VOT-car.aedat4')
const skip = existsSync(CAR) ? false : 'the labelled sequences are not beside the project'

t.test('the box that never moves has the published figures', { skip }, async (t) => {
  const picture = join(dir, 'curves.png')
  const { code, stdout, stderr } = await evtrackd([
    ...['eval', CAR, '--tracker', 'static', '--json', '--picture', picture],
  ])
  t.equal(code, 0, stderr)
  const { contestants, skipped } = JSON.parse(stdout)
  t.same(skipped, [])
  const { mean } = contestants[0]
  // As whoever made the sequence measured it: AUC 0.246, precision 0.249.
  t.ok(Math.abs(mean.auc - 0.246) < 0.0006, mean.auc)
  t.ok(Math.abs(mean.precision20 - 0.249) < 0.0006, mean.precision20)
  t.equal(mean.frames, 177, 'all labels but the first')
  t.equal(readFileSync(picture).subarray(1, 4).toString(), 'PNG')
})

t.test('wrong commands say what is right', async (t) => {
  const scenes = { scenes: true }
  const cases: [string[], Partial<EvalOptions>, RegExp][] = [
    [[], {}, /nothing to evaluate/],
    [[join(dir, 'absent')], {}, /does not exist/],
    [[dir], {}, /holds no sequence/],
    [[dir], scenes, /do not go together/],
    [[], { ...scenes, groups: 'claen' }, /no "claen".*clean/s],
    [[], { long: true, groups: 'clean' }, /no "clean".*long-stop/s],
    [[], { ...scenes, tracker: 'kcf' }, /no "kcf".*spiking, cluster, static/s],
    [[], { ...scenes, seeds: 'none' }, /--seeds none/],
    [[dir], { labelFps: '0' }, /--label-fps 0/],
    [[dir], { groups: 'clean' }, /--groups/],
    [[], { ...scenes, out: process.execPath }, /cannot be made/],
    [[], { ...scenes, picture: `${process.execPath}/curves.png` }, /cannot be made/],
  ]
  for (const [paths, options, said] of cases) {
    const refused = await evaluate(paths, { seeds: '4', tracker: 'spiking', ...options }).then(
      () => undefined,
      (error: unknown) => error,
    )
    if (!(refused instanceof EvtrackError)) throw new Error(`not refused: ${said}`)
    t.equal(refused.code, 'CONFIG_INVALID')
    t.match(`${refused.message} ${refused.next}`, said)
  }
  const { code, stderr } = await evtrackd(['eval'])
  t.equal(code, 78)
  t.match(stderr, 'next: ')
})
