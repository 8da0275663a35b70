import { join } from 'node:path'
import t from 'tap'
import { netGroup, parseNet } from '../../../src/export/chips/net-file.js'
import { runNet } from '../../../src/export/chips/net-run.js'
import { segmentsOf } from '../../../src/export/chips/segments.js'
import { readHdf5, writeHdf5 } from '../../../src/export/hdf5.js'
import { openForExport } from '../../../src/export/open.js'
import { execute } from '../../../src/inference/exact/executor.js'
import { elements } from '../../../src/inference/exact/network.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { PACKAGE_DIR } from '../../inference/packages.js'
import { numbers, type SmallConv, smallNetwork } from './small-network.js'

/** Sums of the search's layers by name, once by the executor and once from the file. */
async function both(dir: string, convs: readonly SmallConv[], seed: number) {
  const network = smallNetwork(convs, { seed })
  const random = numbers(seed + 77)
  const crop = Uint8Array.from({ length: elements([2, 16, 16]) }, () => {
    const value = random.next().value as number
    return value % 3 === 0 ? value % 256 : 0
  })
  const { tensors } = execute(network, 'search', { crop })
  const [segment, ...others] = segmentsOf(network.description).filter((s) => s.part === 'search')
  t.same(others, [], 'one sequence')
  const file = join(dir, `${seed}.net`)
  await writeHdf5(file, netGroup(network, segment!, [2, 16, 16]))
  const read = parseNet(await readHdf5(file))
  return { network, tensors, read, written: runNet(read, crop), segment: segment! }
}

/** Small scales, so that spikes of every height come out of spikes. */
const LATER: SmallConv = { outputs: 4, exponents: [6], most: 60 }

const SEQUENCES: readonly [string, SmallConv[]][] = [
  ['channels of different scales', [{ outputs: 6, exponents: [8, 10, 11], most: 60 }, LATER]],
  [
    'strides',
    [
      { outputs: 4, stride: 2 },
      { ...LATER, stride: 2, kernel: 5 },
    ],
  ],
  ['padding on two sides only', [{ outputs: 4, kernel: 4, pads: [2, 2, 1, 1] }, LATER]],
  ['padding at the end', [{ outputs: 4, kernel: 4, pads: [1, 0, 2, 3] }, LATER]],
  ['groups', [{ outputs: 4 }, { ...LATER, outputs: 8, groups: 4 }, { ...LATER, groups: 2 }]],
  ['increments at the end', [LATER, { ...LATER, writes: 'increment', exponents: [7, 9] }]],
]

for (const [i, [what, convs]] of SEQUENCES.entries()) {
  t.test(`the file says what the network does: ${what}`, async (t) => {
    const { tensors, written } = await both(t.testdir(), convs, i + 1)
    for (const [k, values] of written.entries()) {
      const expected = tensors.get(`conv${k + 1}`)!
      t.ok(
        expected.some((value) => value !== expected[0]),
        'an answer that could be wrong',
      )
      t.same([...values], [...expected], `conv${k + 1}`)
    }
  })
}

t.test('logits are sums on the finest scale of the layer', async (t) => {
  const convs: SmallConv[] = [{ outputs: 4 }, { outputs: 2, writes: 'logit', exponents: [8, 10] }]
  const { tensors, written } = await both(t.testdir(), convs, 9)
  const [coarse, fine] = [tensors.get('conv2')!.slice(0, 256), tensors.get('conv2')!.slice(256)]
  t.same([...written[1]!], [...coarse.map((value) => value * 4), ...fine])
})

t.test('weights are whole numbers, and padding is the same on both sides', async (t) => {
  const convs: SmallConv[] = [{ outputs: 2, kernel: 4, pads: [2, 2, 1, 1], exponents: [8, 9] }]
  const { network, read } = await both(t.testdir(), convs, 3)
  const [layer] = read.layers
  t.same(layer?.weight.shape, [2, 2, 5, 5])
  t.same(layer?.padding, [2, 2])
  const own = network.numbers.get('conv1.weight')!.data
  t.equal(layer?.weight.data[0], own[0]! * 2, 'a coarser channel counts twice')
  t.equal(layer?.weight.data[4], 0, 'the fifth column is zero')
  t.equal(layer?.unit, 2 ** 9)
})

t.test('the shipped network is cut where membranes are carried, and nowhere else', async (t) => {
  const { network } = openForExport(await loadModelPackage(PACKAGE_DIR))
  const names = segmentsOf(network.description)
    .filter(({ part }) => part === 'search')
    .map(({ convs }) => convs.map(({ name }) => name).join(' '))
  t.ok(names.includes('gather merge'))
  t.ok(names.includes('head_score score_logit'))
  t.ok(names.includes('head_box'), 'two layers read it')
  t.ok(names.includes('block0.expand block0.reduce'))
  t.equal(names.join(' ').split(' ').length, 23, 'every convolution once')
})

t.test('a file that is damaged is refused by path', async (t) => {
  const network = smallNetwork([{ outputs: 2 }])
  const [segment] = segmentsOf(network.description)
  const file = join(t.testdir(), 'a.net')
  await writeHdf5(file, netGroup(network, segment!, [2, 16, 16]))
  const whole = await readHdf5(file)
  const without = (path: string) => new Map([...whole].filter(([key]) => key !== path))
  const instead = (path: string, values: Float64Array | string[], shape: number[]) =>
    new Map([...whole, [path, { shape, values }]])
  t.throws(() => parseNet(without('/layer/1/weight')), /\/layer\/1\/weight is missing/)
  t.throws(() => parseNet(without('/layer/1/type')), /\/layer\/1\/type is missing/)
  t.throws(() => parseNet(without('/layer/1/neuron/low')), /\/layer\/1\/neuron\/low is missing/)
  t.throws(
    () => parseNet(instead('/layer/1/type', ['pool'], [])),
    /\/layer\/1\/type is pool, expected conv/,
  )
  t.throws(
    () => parseNet(instead('/layer/1/bias', Float64Array.of(1), [1])),
    /\/layer\/1\/bias has 1 numbers, expected 2/,
  )
  t.throws(
    () => parseNet(instead('/layer/1/bias', Float64Array.of(0.5, 1), [2])),
    /\/layer\/1\/bias holds other values than whole numbers/,
  )
  const wrong = parseNet(instead('/layer/0/shape', Float64Array.of(3, 16, 16), [3]))
  t.throws(() => runNet(wrong, new Uint8Array(3 * 256)), /weights for 2 channels, 3 come in/)
})
