import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { lynxi } from '../../src/export/lynxi/target.js'
import { nir } from '../../src/export/nir/target.js'
import { openForExport } from '../../src/export/open.js'
import { exportTo } from '../../src/export/write-folder.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { exportRandom, NO_EXPORT } from '../inference/random-package.js'

t.setTimeout(120_000)

t.test(
  'a network of other sizes and random weights is exact too',
  { skip: NO_EXPORT },
  async (t) => {
    const random = openForExport(await loadModelPackage(exportRandom(5, '8,16,1', 1)))
    const parent = mkdtempSync(join(tmpdir(), 'evtrackd-random-'))
    t.teardown(() => rmSync(parent, { recursive: true, force: true }))
    for (const target of [nir, lynxi]) {
      for (const reset of ['subtract', 'either'] as const) {
        if (target === lynxi && reset === 'either') continue
        const dir = join(parent, `${target.name}-${reset}`)
        const manifest = await exportTo(target, random, { dir, golden: 1, reset })
        const { exact, executed } = await target.verify(dir, manifest)
        t.ok(exact, executed)
      }
    }
  },
)
