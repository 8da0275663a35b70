import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { CHIP_LIMITS_FILE, chipOf, readChipLimits } from '../../../src/export/chips/limits.js'

// biome-ignore lint/suspicious/noExplicitAny: tests reach into any part of the file to damage it
type Json = any

function edited(t: Test, edit: (json: Json) => void): string {
  const json: Json = JSON.parse(readFileSync(CHIP_LIMITS_FILE, 'utf8'))
  edit(json)
  const file = join(t.testdir(), 'limits.json')
  writeFileSync(file, JSON.stringify(json))
  return file
}

t.test('every limit names a publication', (t) => {
  const limits = readChipLimits()
  for (const name of Object.keys(limits.chips) as (keyof typeof limits.chips)[]) {
    const { chip, sources } = chipOf(limits, name)
    t.ok(
      Object.values(chip.limits).some((each) => each !== null),
      `${name} has limits`,
    )
    t.ok(sources.length > 0 && sources.every((each) => each.length > 10), `${name}: ${sources}`)
  }
  t.end()
})

t.test('what is not published is no limit', (t) => {
  t.equal(readChipLimits().chips.innatera.limits.maxKernel, null)
  t.end()
})

const DAMAGED: readonly [string, RegExp, (json: Json) => void][] = [
  [
    'a key with a typo',
    /chips\.loihi2\.limits: .*nuerons/,
    ({ chips }) => {
      chips.loihi2.limits.nuerons = chips.loihi2.limits.neurons
    },
  ],
  [
    'a value of another kind',
    /chips\.speck\.limits\.stateBits\.value: /,
    ({ chips }) => {
      chips.speck.limits.stateBits.value = 'sixteen'
    },
  ],
  [
    'a number that cannot be',
    /chips\.loihi2\.limits\.neurons\.value: /,
    ({ chips }) => {
      chips.loihi2.limits.neurons.value = -1
    },
  ],
  [
    'a limit without its source',
    /chips\.loihi2\.limits\.neurons\.source: /,
    ({ chips }) => {
      delete chips.loihi2.limits.neurons.source
    },
  ],
  [
    'a source that is not listed',
    /chips\.loihi2\.limits\.neurons\.source: there is no source "rumour"/,
    ({ chips }) => {
      chips.loihi2.limits.neurons.source = 'rumour'
    },
  ],
  [
    'cores of unequal lists',
    /chips\.speck\.limits\.cores\.value: kernelKi and neuronKi/,
    ({ chips }) => {
      chips.speck.limits.cores.value.neuronKi.pop()
    },
  ],
  [
    'a chip that is missing',
    /chips\.akida2: /,
    ({ chips }) => {
      delete chips.akida2
    },
  ],
  [
    'another layout',
    /version: /,
    (json) => {
      json.version = 2
    },
  ],
]

for (const [what, message, edit] of DAMAGED) {
  t.test(`${what} is refused by name`, (t) => {
    const file = edited(t, edit)
    t.throws(() => readChipLimits(file), { code: 'CONFIG_INVALID', message })
    t.end()
  })
}

t.test('a file that is no JSON, or is not there', (t) => {
  const dir = t.testdir({ 'broken.json': '{' })
  const invalid = (message: RegExp) => ({ code: 'CONFIG_INVALID', message })
  t.throws(() => readChipLimits(join(dir, 'broken.json')), invalid(/broken\.json: is not JSON/))
  t.throws(() => readChipLimits(join(dir, 'none.json')), invalid(/none\.json: cannot be read/))
  t.end()
})
