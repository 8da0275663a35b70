import t from 'tap'
import {
  type ConfigStep,
  encodeMultiple,
  planChange,
  planConfiguration,
  producerWrites,
} from '../../src/davis346/configure.js'
import { loadPreset } from '../../src/davis346/presets.js'
import { BIASES } from '../../src/davis346/registers.js'
import { ALL_FEATURES } from './camera-helpers.js'
import { ROTATED, UPRIGHT } from './decoder-helpers.js'

const preset = await loadPreset('default')
const clocks = { logicMHz: 90.72, adcMHz: 30.24, usbMHz: 80.64 }
const info = { dvs: UPRIGHT.dvs, clocks, has: ALL_FEATURES }

const text = (steps: readonly ConfigStep[]) =>
  steps.map((step) => {
    const one = ({
      module,
      parameter,
      value,
    }: {
      module: number
      parameter: number
      value: number
    }) => `${module}/${parameter}=${value}`
    return step.kind === 'write' ? one(step.write) : `[${step.writes.map(one).join(' ')}]`
  })
const change = (next: typeof preset, running = true) =>
  text(planChange({ previous: preset, next, info, running }))

t.test('the whole plan: biases, chip, then module by module', async (t) => {
  const plan = text(planConfiguration(preset, info))
  const biases = BIASES.map(({ parameter }) => `5/${parameter}`)
  t.same(
    plan.slice(0, biases.length).map((s) => s.split('=')[0]),
    biases,
  )
  t.same(plan.slice(biases.length), [
    ...['128=0', '129=0', '130=0', '131=0', '132=0', '133=0', '134=0', '135=0'].map(
      (s) => `5/${s}`,
    ),
    ...['136=1', '137=0', '138=1', '140=0', '141=0', '142=1', '143=1', '144=0'].map(
      (s) => `5/${s}`,
    ),
    '0/4=1',
    '0/5=1',
    '1/4=0',
    '1/5=0',
    // Slots that are off point outside of the array.
    ...[11, 13, 15, 17, 19, 21, 23, 25].flatMap((p) => [`1/${p}=260`, `1/${p + 1}=346`]),
    // The host filters instead: the tracker was trained behind its filter.
    '1/31=0',
    '1/32=8',
    '1/33=0',
    '1/34=1',
    '1/41=0',
    '1/42=0',
    '1/43=345',
    '1/44=259',
    '1/51=0',
    '1/52=5',
    '1/61=0',
    '1/62=0',
    '1/63=0',
    '2/5=1',
    '5/142=1',
    '2/7=1',
    '[2/4=0 2/8=0 2/9=0 2/10=345 2/11=259]',
    // 4 ms and 40 ms at 30.24 cycles a microsecond.
    '2/12=120960',
    '2/13=1209600',
    '3/5=0',
    '3/6=1',
    '3/7=1',
    '3/9=1',
    '3/10=1',
    // 10 and 5 us at 90.72 cycles.
    '4/1=0',
    '4/2=0',
    '4/3=1',
    '4/4=1',
    '4/5=907',
    '4/11=0',
    '4/12=1',
    '4/13=907',
    '4/14=454',
    '4/15=0',
    '4/16=0',
    '9/1=80640',
  ])
})

t.test('what the logic lacks is not written', async (t) => {
  const has = Object.fromEntries(Object.keys(ALL_FEATURES).map((name) => [name, false]))
  const plan = text(
    planConfiguration(preset, { ...info, has: has as unknown as typeof ALL_FEATURES }),
  )
  const touched = (pattern: RegExp) => plan.filter((step) => pattern.test(step))
  t.same(touched(/^1\//), ['1/4=0', '1/5=0'])
  t.same(touched(/^4\/1[1-6]=/), [])
  t.same(touched(/^5\/142=|^2\/7=/), ['5/142=0', '5/142=0', '2/7=0'], 'no global shutter')
})

t.test('silenced pixels are given in raw addresses', async (t) => {
  const hot = { ...preset, dvs: { ...preset.dvs, pixelFilter: [{ x: 300, y: 20 }] } }
  const slots = (dvs: typeof info.dvs) =>
    text(planConfiguration(hot, { ...info, dvs })).filter((s) => /^1\/1[1-4]=/.test(s))
  t.same(slots(UPRIGHT.dvs), ['1/11=20', '1/12=300', '1/13=260', '1/14=346'])
  t.same(slots(ROTATED.dvs), ['1/11=300', '1/12=20', '1/13=346', '1/14=260'])
})

t.test('producers go on in their order', async (t) => {
  t.same(
    producerWrites(preset).map(({ module, parameter, value }) => `${module}/${parameter}=${value}`),
    ['1/3=1', '2/4=1', '3/2=1', '3/3=1', '3/4=1', '4/0=1'],
  )
})

t.test('a change writes only what changed', async (t) => {
  t.same(change(preset), [])
  t.same(change({ ...preset, description: 'other words' }), [])
  t.same(change({ ...preset, aps: { ...preset.aps, exposureUs: 1000 } }), ['2/12=30240'])
  t.same(
    change({
      ...preset,
      biases: { ...preset.biases, OnBn: { ...preset.biases.OnBn, fine: 254 } },
      usb: { earlyPacketDelayUs: 500 },
    }),
    ['5/11=24559', '9/1=40320'],
  )
})

t.test('the picture region changes in one request, with the pictures off', async (t) => {
  const aps = { ...preset.aps, startColumn: 100 }
  t.same(change({ ...preset, aps }), ['[2/4=0 2/8=100 2/9=0 2/10=345 2/11=259 2/4=1]'])
  t.same(change({ ...preset, aps }, false), ['[2/4=0 2/8=100 2/9=0 2/10=345 2/11=259]'])
  t.same(change({ ...preset, aps: { ...aps, run: false } }), [
    '2/4=0',
    '[2/4=0 2/8=100 2/9=0 2/10=345 2/11=259]',
  ])
})

t.test('the shutter changes in both places, the chip first', async (t) => {
  t.same(change({ ...preset, aps: { ...preset.aps, globalShutter: false } }), ['5/142=0', '2/7=0'])
})

t.test(
  'producers that go off stop first, those that go on start last, a stopped camera waits',
  async (t) => {
    const off = { ...preset, aps: { ...preset.aps, run: false, exposureUs: 1000 } }
    t.same(change(off), ['2/4=0', '2/12=30240'])
    t.same(text(planChange({ previous: off, next: preset, info, running: true })), [
      '2/12=120960',
      '2/4=1',
    ])
    t.same(change(off, false), ['2/12=30240'])
  },
)

t.test('a multiple request is six bytes an entry, value big-endian', async (t) => {
  const writes = [
    { module: 2, parameter: 12, value: 0x01020304 },
    { module: 0, parameter: 2, value: 1 },
  ]
  t.same([...encodeMultiple(writes)], [2, 12, 1, 2, 3, 4, 0, 2, 0, 0, 0, 1])
  t.throws(() => encodeMultiple(Array(683).fill(writes[0])), /683 entries/)
})
