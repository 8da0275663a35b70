import t from 'tap'
import {
  biasCurrent,
  biasFromCurrent,
  decodeCoarseFine,
  decodeShiftedSource,
  decodeVdac,
  encodeBias,
  encodeCoarseFine,
  encodeShiftedSource,
  encodeVdac,
} from '../../src/davis346/biases.js'

const coarseFine = (coarse: number, fine: number) =>
  ({ coarse, fine, enabled: true, type: 'normal', level: 'normal' }) as const

t.test('coarse-fine words', async (t) => {
  t.equal(encodeCoarseFine(coarseFine(5, 255), 'n'), 0x5fff)
  t.equal(encodeCoarseFine(coarseFine(2, 58), 'p'), 0x23ad)
  t.equal(encodeCoarseFine({ ...coarseFine(7, 215), enabled: false }, 'n'), 0x7d7e)
  t.equal(encodeCoarseFine({ ...coarseFine(0, 0), type: 'cascode', level: 'low' }, 'p'), 0x0001)
})

t.test('voltage and shifted-source words', async (t) => {
  t.equal(encodeVdac({ voltage: 27, current: 6 }), 0x019b)
  t.equal(encodeVdac({ voltage: 63, current: 7 }), 0x01ff)
  const source = {
    reference: 1,
    regulator: 33,
    mode: 'shifted-source',
    level: 'split-gate',
  } as const
  t.equal(encodeShiftedSource(source), 0x8410)
  t.equal(encodeShiftedSource({ ...source, mode: 'tied-to-rail', level: 'double-diode' }), 0x841a)
})

t.test('every word of 15, 9 and 16 bits that names a setting reads back', async (t) => {
  for (let word = 0; word < 1 << 15; word += 7) {
    const { kind, ...value } = decodeCoarseFine(word)
    if (encodeCoarseFine(value, kind) !== word) t.fail(`coarse-fine ${word}`)
  }
  for (let word = 0; word < 1 << 9; word++) {
    if (encodeVdac(decodeVdac(word)) !== word) t.fail(`voltage ${word}`)
  }
  for (let word = 0; word < 1 << 16; word++) {
    if ((word & 3) === 3 || (word & 12) === 12) continue
    if (encodeShiftedSource(decodeShiftedSource(word)) !== word) t.fail(`shifted source ${word}`)
  }
  t.pass('all of them')
})

t.test('values out of range are refused by name', async (t) => {
  t.throws(() => encodeBias('n', coarseFine(8, 0)), /coarse is 8, expected an integer from 0 to 7/)
  t.throws(() => encodeBias('p', coarseFine(0, 256)), /fine is 256/)
  t.throws(() => encodeBias('p', coarseFine(0, 1.5)), /fine is 1.5/)
  t.throws(() => encodeBias('vdac', { voltage: -1, current: 0 }), /voltage is -1/)
})

t.test('currents', async (t) => {
  t.equal(Math.round(biasCurrent({ coarse: 4, fine: 255 })), 48_437)
  t.same(biasFromCurrent(48_437), { coarse: 4, fine: 255 }, 'the smallest scale that covers it')
  t.same(biasFromCurrent(48_438), { coarse: 5, fine: 32 })
  t.same(biasFromCurrent(1e9), { coarse: 7, fine: 255 }, 'never beyond the largest')
  t.same(biasFromCurrent(0), { coarse: 0, fine: 0 })
})
