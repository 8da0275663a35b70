import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { lanesFor, openLanedSession } from '../../src/daemon/lane-thread.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { createTrackerSession } from '../../src/inference/session.js'
import { copyPackage, noiseCrops, PACKAGE_DIR, replaceFile } from '../inference/packages.js'

const pkg = await loadModelPackage(PACKAGE_DIR)
const { planes, templateSize, searchSize } = pkg.spec
const crops = noiseCrops(31, 9 * planes.length * searchSize ** 2)
const threads = () => readdirSync('/proc/self/task').length

t.test('threads share a batch and give what one gives, bit by bit', async (t) => {
  const alone = await createTrackerSession(pkg)
  const states = await Promise.all(
    Array.from({ length: 9 }, (_, i) =>
      alone.template(noiseCrops(i + 1, planes.length * templateSize ** 2)),
    ),
  )
  for (const lanes of [2, 3]) {
    const session = await openLanedSession(pkg, { lanes })
    // Many rounds: who takes what differs from one to the next.
    for (const batch of [9, 1, 2, 8, 8, 8, 5, 3]) {
      const expected = await alone.search(crops, states.slice(0, batch))
      t.same(
        await session.search(crops, states.slice(0, batch)),
        expected,
        `${batch} on ${lanes} lanes`,
      )
    }
    await session.close()
    await session.close()
    await t.rejects(session.search(crops, states.slice(0, 2)), { code: 'BACKEND_UNAVAILABLE' })
  }
  await alone.close()
})

t.test('one lane is one thread', async (t) => {
  const before = threads()
  const session = await openLanedSession(pkg, { lanes: 1 })
  t.equal(threads(), before)
  await session.close()
})

t.test('refused by every lane alike, and nothing stays open', async (t) => {
  const dir = copyPackage()
  const row = pkg.manifest.golden.tensors.find((g) => g.name === 'search.score_logit')!
  const content = new Uint8Array(readFileSync(join(dir, 'golden.bin')))
  content[row.offset + 2]! ^= 0x40
  replaceFile(dir, 'golden.bin', content)
  const damaged = await loadModelPackage(dir)
  const before = threads()
  await t.rejects(openLanedSession(damaged, { lanes: 3 }), {
    code: 'MODEL_INVALID',
    data: { tensor: 'search.score_logit' },
  })
  t.equal(threads(), before)
})

t.test('lanes by themselves leave two cores alone', async (t) => {
  t.same([1, 2, 3, 4, 6, 8, 64].map(lanesFor), [1, 1, 1, 2, 4, 4, 4])
})
