import t from 'tap'
import { execute } from '../../../src/inference/exact/executor.js'
import type { Network, NumberArray } from '../../../src/inference/exact/network.js'
import { openNetwork } from '../../../src/inference/exact/network.js'
import type {
  LayerOf,
  NetworkDescription,
  NetworkInput,
  NetworkLayer,
  NetworkTensor,
} from '../../../src/inference/exact/network-schema.js'
import { proveExact } from '../../../src/inference/exact/prove.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { createSpikeCounter, microjoules } from '../../../src/inference/spike-energy.js'
import { createRng } from '../../../src/sources/scene/rng.js'
import { PACKAGE_DIR } from '../packages.js'

const SPIKES: NetworkTensor = { type: 'spikes', shape: [], exponent: 0, low: 0, high: 4 }
const INCREMENT: NetworkTensor = { type: 'increment', shape: [], exponent: 5, low: -128, high: 127 }

/** A network of one layer, in both parts. */
function network(
  inputs: readonly NetworkInput[],
  layer: NetworkLayer,
  arrays: Readonly<Record<string, NumberArray>> = {},
): Network {
  const part = {
    inputs: [...inputs],
    layers: [layer],
    outputs: [{ name: 'out', layer: layer.name }],
  }
  const description: NetworkDescription = {
    format: 'evtrackd-network',
    version: 1,
    depth: 4,
    data: 'network.bin',
    tensors: Object.entries(arrays).map(([name, { dtype, shape }]) => ({
      name,
      dtype,
      shape: [...shape],
      offset: 0,
    })),
    parts: { template: part, search: part },
  }
  return { description, numbers: new Map(Object.entries(arrays)) }
}

const input = (name: string, as: NetworkTensor): NetworkInput => ({
  ...as,
  name,
  low: as.low ?? -1000,
  high: as.high ?? 1000,
})
const onnx = { int8: 'x', fp32: 'x' }
const run = (net: Network, inputs: Record<string, ArrayLike<number>>) =>
  execute(net, 'search', inputs)

/** The textbook form: every output sums its window. Real numbers and Math.round, which rounds half up. */
function textbookConv(
  layer: LayerOf<'conv'>,
  x: { readonly data: ArrayLike<number>; readonly shape: readonly number[] },
  arrays: { weight: NumberArray; bias: NumberArray; exponents: NumberArray },
): { readonly out: number[]; readonly reachedBySpikes: number } {
  const [, h, w] = x.shape as [number, number, number]
  const [outputs, oh, ow] = layer.output.shape as [number, number, number]
  const [, inGroup, rows, columns] = arrays.weight.shape as [number, number, number, number]
  const outGroup = outputs / layer.groups
  const out: number[] = []
  let reachedBySpikes = 0
  for (let o = 0; o < outputs; o++) {
    for (let y = 0; y < oh; y++) {
      for (let xx = 0; xx < ow; xx++) {
        let sum = arrays.bias.data[o]!
        for (let i = 0; i < inGroup; i++) {
          const c = Math.floor(o / outGroup) * inGroup + i
          for (let ky = 0; ky < rows; ky++) {
            for (let kx = 0; kx < columns; kx++) {
              const iy = y * layer.stride[0] + ky - layer.pads[0]
              const ix = xx * layer.stride[1] + kx - layer.pads[1]
              if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue
              const value = x.data[(c * h + iy) * w + ix]!
              sum += value * arrays.weight.data[((o * inGroup + i) * rows + ky) * columns + kx]!
              reachedBySpikes += value
            }
          }
        }
        const real = sum * 2 ** -arrays.exponents.data[o]!
        const { exponent, low, high } = layer.output
        out.push(
          exponent === null
            ? sum
            : Math.min(Math.max(Math.round(real * 2 ** exponent), low!), high!),
        )
      }
    }
  }
  return { out, reachedBySpikes }
}

t.test(
  'a convolution of spikes is the textbook sum, and counts what its spikes reach',
  async (t) => {
    const rng = createRng(11)
    for (const of of [
      { inputs: 3, outputs: 4, kernel: [3, 3], stride: [1, 1], pads: [1, 1, 1, 1], groups: 1 },
      { inputs: 4, outputs: 6, kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1], groups: 2 },
      { inputs: 5, outputs: 5, kernel: [4, 4], stride: [1, 1], pads: [2, 2, 1, 1], groups: 5 },
      { inputs: 2, outputs: 3, kernel: [4, 2], stride: [4, 2], pads: [1, 0, 2, 1], groups: 1 },
      { inputs: 7, outputs: 2, kernel: [1, 1], stride: [1, 1], pads: [0, 0, 0, 0], groups: 1 },
    ] as const) {
      for (const as of [SPIKES, INCREMENT, { type: 'logit', shape: [], exponent: null } as const]) {
        const [h, w] = [7, 6]
        const [top, left, bottom, right] = of.pads
        const shape = [
          of.outputs,
          Math.floor((h + top + bottom - of.kernel[0]) / of.stride[0]) + 1,
          Math.floor((w + left + right - of.kernel[1]) / of.stride[1]) + 1,
        ]
        const size = [of.outputs, of.inputs / of.groups, ...of.kernel]
        const weights = size.reduce((a, b) => a * b, 1)
        const arrays = {
          weight: {
            dtype: 'int8',
            shape: size,
            data: Int8Array.from({ length: weights }, () => 2 * (rng.int(127) - 63)),
          },
          bias: {
            dtype: 'int32',
            shape: [of.outputs],
            data: Int32Array.from({ length: of.outputs }, () => 2 * rng.int(200) - 199),
          },
          exponents: {
            dtype: 'uint8',
            shape: [of.outputs],
            data: Uint8Array.from({ length: of.outputs }, () => 7 + rng.int(3)),
          },
        } as const
        const layer: LayerOf<'conv'> = {
          kind: 'conv',
          name: 'conv',
          inputs: ['x'],
          output: { ...as, shape },
          onnx,
          weight: 'weight',
          bias: 'bias',
          exponents: 'exponents',
          stride: [...of.stride],
          pads: [...of.pads],
          groups: of.groups,
        }
        const from = { ...SPIKES, shape: [of.inputs, h, w] }
        const net = network([input('x', from)], layer, arrays)
        const data = Int32Array.from({ length: of.inputs * h * w }, () =>
          rng.chance(0.4) ? rng.int(5) : 0,
        )
        const { outputs, operations } = run(net, { x: data })
        const expected = textbookConv(layer, { data, shape: from.shape }, arrays)
        t.same([...outputs['out']!], expected.out)
        t.equal(operations.get('conv'), expected.reachedBySpikes)
        const [counted] = createSpikeCounter(net.description, 'search').count(
          new Map([['x', data]]),
        )
        t.equal(
          counted!.operations,
          expected.reachedBySpikes,
          'fan-out, counted ahead, is the same',
        )
      }
    }
  },
)

t.test('where bytes come in, every multiplication counts', async (t) => {
  const layer: LayerOf<'conv'> = {
    kind: 'conv',
    name: 'stem',
    inputs: ['x'],
    output: { ...INCREMENT, shape: [2, 2, 2] },
    onnx,
    weight: 'w',
    bias: 'b',
    exponents: 'e',
    stride: [2, 2],
    pads: [0, 0, 0, 0],
    groups: 1,
  }
  const net = network(
    [input('x', { type: 'bytes', shape: [1, 4, 4], exponent: 0, low: 0, high: 255 })],
    layer,
    {
      w: { dtype: 'int8', shape: [2, 1, 2, 2], data: new Int8Array(8).fill(2) },
      b: { dtype: 'int32', shape: [2], data: Int32Array.of(1, 1) },
      e: { dtype: 'uint8', shape: [2], data: Uint8Array.of(7, 9) },
    },
  )
  const { operations } = run(net, { x: new Uint8Array(16) })
  t.equal(operations.get('stem'), 2 * 4 * 4)
  const [counted] = createSpikeCounter(net.description, 'search').count(new Map())
  t.match(counted, { kind: 'MAC', operations: 32, denseMacs: 32, spikes: null })
  t.equal(microjoules([counted!], { picojoulePerMac: 5, picojoulePerAc: 1 }), 160e-6)
  t.same(proveExact(net).problems, [])
})

t.test('a neuron rounds its membrane half up, within 0 and its depth', async (t) => {
  const membrane: NetworkTensor = { type: 'membrane', shape: [1, 1, 7], exponent: 6 }
  const layer: NetworkLayer = {
    kind: 'spike',
    name: 's',
    inputs: ['u'],
    output: { ...SPIKES, shape: [1, 1, 7] },
    onnx,
  }
  const { outputs } = run(network([input('u', membrane)], layer), {
    u: [-65, 31, 32, 33, 95, 4 * 64 - 1, 9 * 64],
  })
  t.same([...outputs['out']!], [0, 0, 1, 1, 1, 4, 4])
})

t.test('sums are made on the finer grid; constants by map, by channel or alone', async (t) => {
  const inputs = [
    input('u', { type: 'membrane', shape: [2, 1, 2], exponent: 6 }),
    input('du', { ...INCREMENT, shape: [2, 1, 2] }),
  ]
  for (const [shape, constant, expected] of [
    [
      [2, 1, 2],
      [1, 2, 3, 4],
      [1 + 2 + 1, 3 + 4 + 2, 5 - 6 + 3, 7 + 8 + 4],
    ],
    [
      [2, 1, 1],
      [10, 20],
      [13, 17, 19, 35],
    ],
    [[1, 1, 1], [100], [103, 107, 99, 115]],
  ] as const) {
    const layer: NetworkLayer = {
      kind: 'add',
      name: 'sum',
      inputs: ['u', 'du'],
      output: { type: 'membrane', shape: [2, 1, 2], exponent: 6 },
      onnx,
      constant: 'c',
    }
    const net = network(inputs, layer, {
      c: { dtype: 'int32', shape, data: Int32Array.from(constant) },
    })
    const { outputs } = run(net, { u: [1, 3, 5, 7], du: [1, 2, -3, 4] })
    t.same([...outputs['out']!], expected)
  }
})

t.test('products of spikes: grouped, the second factor as it lies or transposed', async (t) => {
  const product = { groups: 2, rows: 2, inner: 3, columns: 2 }
  for (const transposeB of [false, true]) {
    const layer: NetworkLayer = {
      kind: 'matmul',
      name: 'p',
      inputs: ['a', 'b'],
      output: { type: 'product', shape: [2, 2, 2], exponent: 3 },
      onnx,
      ...product,
      transposeB,
    }
    const shape = [4, 1, 3]
    const net = network([input('a', { ...SPIKES, shape }), input('b', { ...SPIKES, shape })], layer)
    const a = [1, 2, 3, 4, 0, 1, 2, 2, 0, 1, 3, 1]
    const b = [1, 0, 2, 1, 4, 3, 0, 1, 2, 2, 1, 0]
    const { outputs, operations } = run(net, { a, b })
    const expected: number[] = []
    for (let g = 0; g < 2; g++) {
      for (let m = 0; m < 2; m++) {
        for (let n = 0; n < 2; n++) {
          let sum = 0
          for (let k = 0; k < 3; k++) {
            sum += a[g * 6 + m * 3 + k]! * b[g * 6 + (transposeB ? n * 3 + k : k * 2 + n)]!
          }
          expected.push(sum)
        }
      }
    }
    t.same([...outputs['out']!], expected)
    t.equal(operations.get('p'), 2 * b.reduce((x, y) => x + y), 'two rows for every spike')
  }
})

t.test('slices, comparisons and transposes move integers and nothing else', async (t) => {
  const shape = [2, 1, 3]
  const x = input('x', { ...SPIKES, shape })
  const data = { x: [1, 2, 3, 4, 0, 1] }
  const slice = run(
    network([x], {
      kind: 'slice',
      name: 's',
      inputs: ['x'],
      output: { ...SPIKES, shape: [1, 1, 3] },
      onnx,
      first: 1,
    }),
    data,
  )
  t.same([...slice.outputs['out']!], [4, 0, 1])
  const transpose = run(
    network([x], {
      kind: 'transpose',
      name: 't',
      inputs: ['x'],
      output: { ...SPIKES, shape: [3, 2] },
      onnx,
    }),
    data,
  )
  t.same([...transpose.outputs['out']!], [1, 4, 2, 0, 3, 1])
  const mask = input('m', { ...SPIKES, shape: [1, 1, 3] })
  const minimum = run(
    network([x, mask], {
      kind: 'minimum',
      name: 'g',
      inputs: ['x', 'm'],
      output: { ...SPIKES, shape },
      onnx,
    }),
    { ...data, m: [0, 2, 4] },
  )
  t.same([...minimum.outputs['out']!], [0, 2, 3, 0, 0, 1])
})

t.test('an input of the wrong size is named', async (t) => {
  const net = network([input('x', { ...SPIKES, shape: [1, 1, 3] })], {
    kind: 'transpose',
    name: 't',
    inputs: ['x'],
    output: { ...SPIKES, shape: [3, 1] },
    onnx,
  })
  t.throws(() => run(net, { x: [1, 2] }), { message: 'x holds 2 integers, expected 3' })
  t.throws(() => run(net, {}), { message: 'x holds no integers, expected 3' })
})

t.test('the shipped network counts as it runs what the energy figure counts ahead', async (t) => {
  const pkg = await loadModelPackage(PACKAGE_DIR)
  const net = openNetwork(pkg.network!, pkg.files['network.bin']!)
  const rng = createRng(5)
  const crop = (side: number) =>
    Uint8Array.from({ length: 4 * side * side }, () => (rng.chance(0.1) ? rng.int(256) : 0))
  const template = execute(net, 'template', { crop: crop(64) })
  const search = execute(net, 'search', { crop: crop(128), ...template.outputs })
  for (const [part, { tensors, operations }] of Object.entries({ template, search })) {
    const counted = createSpikeCounter(net.description, part as 'template' | 'search').count(
      tensors,
    )
    t.same(new Map(counted.map((row) => [row.name, row.operations])), operations)
  }
})

t.test('the proof: largest sums, and ties that could be', async (t) => {
  const conv = (weight: number[], bias: number, exponent: number): Network =>
    network(
      [input('x', { ...SPIKES, shape: [2, 1, 1] })],
      {
        kind: 'conv',
        name: 'c',
        inputs: ['x'],
        output: { ...SPIKES, shape: [1, 1, 1] },
        onnx,
        weight: 'w',
        bias: 'b',
        exponents: 'e',
        stride: [1, 1],
        pads: [0, 0, 0, 0],
        groups: 1,
      },
      {
        w: { dtype: 'int8', shape: [1, 2, 1, 1], data: Int8Array.from(weight) },
        b: { dtype: 'int32', shape: [1], data: Int32Array.of(bias) },
        e: { dtype: 'uint8', shape: [1], data: Uint8Array.of(exponent) },
      },
    )
  t.match(proveExact(conv([126, -126], 7, 2)), { largestSum: 126 * 8 + 7, problems: [] })
  for (const [why, net] of [
    ['an odd weight', conv([125, 2], 7, 2)],
    ['an even bias', conv([126, 2], 8, 2)],
    ['one fraction bit', conv([126, 2], 7, 1)],
  ] as const) {
    t.match(proveExact(net).problems, [/halfway/, /halfway/], why)
  }
  t.match(proveExact(conv([2, 2], 2 ** 24 + 1, 4)).problems, [/may reach/, /may reach/])
  const membrane = (exponent: number, constant: number): Network => {
    const net = network(
      [input('x', { ...INCREMENT, shape: [1, 1, 1] })],
      {
        kind: 'add',
        name: 'u',
        inputs: ['x'],
        output: { type: 'membrane', shape: [1, 1, 1], exponent },
        onnx,
        constant: 'c',
      },
      { c: { dtype: 'int32', shape: [1, 1, 1], data: Int32Array.of(constant) } },
    )
    for (const part of Object.values(net.description.parts)) {
      if (part.layers.length > 1) continue
      part.layers.push({
        kind: 'spike',
        name: 's',
        inputs: ['u'],
        output: { ...SPIKES, shape: [1, 1, 1] },
        onnx,
      })
    }
    return net
  }
  t.same(proveExact(membrane(6, 1)).problems, [], 'half a step off the grid of increments')
  t.match(proveExact(membrane(6, 2)).problems, [/^s of the template.*halfway/, /^s of the search/])
  t.match(proveExact(membrane(5, 1)).problems, [/halfway/, /halfway/], 'on the grid of increments')
})
