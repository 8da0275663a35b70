import t from 'tap'
import { EvtrackError } from '../../src/events/errors.js'
import { createRng } from '../../src/sources/scene/rng.js'
import { type FuzzTarget, finite, fuzz, promise, readCorpus, refusal } from './harness.js'
import { mutateBytes, withValue } from './mutate.js'
import { TARGETS } from './targets.js'

/** Inputs beside seeds and corpus, by target: what a second or two brings. `scripts/fuzz` goes on for as long as wanted. */
const RUNS: Readonly<Record<string, number>> = {
  words: 25,
  aedat4: 80,
  package: 40,
  archive: 300,
  requests: 600,
  config: 200,
  socket: 150,
  control: 150,
  view: 200,
}

// Counted in inputs, not in time: a loaded machine takes longer.
t.setTimeout(120_000)

for (const [name, create] of Object.entries(TARGETS)) {
  t.test(`${name}: refuses in words or takes it, and serves the next`, async (t) => {
    const target = await create()
    t.teardown(async () => target.close?.())
    const corpus = [...readCorpus(name).values()]
    const first = target.seeds.length + corpus.length
    const result = await fuzz(target, { seed: 1, runs: first + RUNS[name]!, corpus })
    t.equal(result.runs, first + RUNS[name]!)
    for (const { kind, message, input } of result.findings) {
      t.fail(`${kind}: ${message}`, { input: Buffer.from(input).toString('base64').slice(0, 4000) })
    }
    t.ok(result.outcomes > 1, 'some are taken, some refused')
  })
}

/** A parser with one mistake of each kind, behind a first byte that only a mutation brings. */
function faulty(fault: (input: Uint8Array) => string): FuzzTarget {
  return {
    name: 'faulty',
    seeds: [Buffer.from('abcdef')],
    mutate: (rng, input, pool) => mutateBytes(rng, input, { pool, maxBytes: 64 }),
    run: (input) => (input[0] === 0x61 ? 'good' : fault(input)),
  }
}

t.test('what it looks for, it finds', async (t) => {
  const find = async (fault: (input: Uint8Array) => string) =>
    (await fuzz(faulty(fault), { seed: 1, runs: 400 })).findings
  const thrown = await find(() => {
    throw new TypeError('x is undefined')
  })
  t.equal(thrown.length, 1, 'once, however often it happens')
  t.match(thrown[0], { kind: 'threw', message: /x is undefined/ })
  t.not(thrown[0]!.input[0], 0x61, 'with the input that did it')
  const codeless = await find(() =>
    refusal(new EvtrackError('CAMERA_LOST', 'no', { next: 'none' }), ['MODEL_INVALID']),
  )
  t.equal(codeless.length, 1, 'an error of another floor')
  const endless = await find(() =>
    refusal(new EvtrackError('CONFIG_INVALID', 'x'.repeat(5000), { next: 'none' })),
  )
  t.match(endless[0]?.message, /an error of 5000 characters/)
  const notFinite = await find(() => {
    finite({ box: [1, Number.NaN] }, 'track')
    return ''
  })
  t.match(notFinite[0]?.message, /track\.box\.1 is NaN/)
  t.equal((await find(() => 'fine')).length, 0)
})

t.test('the same seed gives the same inputs', async (t) => {
  const inputs = async (seed: number) => {
    const all: string[] = []
    const before = (input: Uint8Array) => all.push(Buffer.from(input).toString('hex'))
    await fuzz(
      faulty((i) => `${i.length}`),
      { seed, runs: 100, before },
    )
    return all.join()
  }
  t.equal(await inputs(3), await inputs(3))
  t.not(await inputs(3), await inputs(4))
})

t.test('mutations of documents can name keys that JavaScript knows', (t) => {
  const changed = withValue({ a: { b: 1 } }, ['a', '__proto__'], { c: 2 })
  t.equal(JSON.stringify(changed), '{"a":{"b":1,"__proto__":{"c":2}}}')
  t.equal(JSON.stringify(withValue({ a: [1, 2, 3] }, ['a', 1], undefined)), '{"a":[1,3]}')
  const other = mutateBytes(createRng(5), Buffer.from('x'.repeat(99)), { pool: [Buffer.from('y')] })
  promise(other.length > 0, 'bytes are left')
  t.end()
})
