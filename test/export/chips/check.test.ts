import t from 'tap'
import { checkChip } from '../../../src/export/chips/check.js'
import { readChipLimits } from '../../../src/export/chips/limits.js'
import type { ChipName } from '../../../src/export/chips/limits-schema.js'
import { openForExport } from '../../../src/export/open.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { PACKAGE_DIR } from '../../inference/packages.js'
import { type SmallConv, smallNetwork } from './small-network.js'

type Options = Parameters<typeof smallNetwork>[1]

/** Rows of the search that do not fit. */
function misfits(chip: ChipName, convs: readonly SmallConv[], options?: Options) {
  const table = checkChip({ network: smallNetwork(convs, options) }, chip)
  const rows = table.layers.filter((row) => !row.fits && row.part === 'search')
  t.equal(table.fits, rows.length === 0)
  return rows.map(({ layer, needs, limit, over }) => ({ layer, needs, limit, over }))
}

const CHAIN: SmallConv[] = [
  { outputs: 8, stride: 2, most: 10 },
  { outputs: 8 },
  { outputs: 1, kernel: 1, writes: 'logit' },
]

t.test('three small layers in sequence fit', (t) => {
  for (const chip of ['lynxi', 'loihi2', 'akida2', 'speck', 'spinnaker2'] as const) {
    t.same(misfits(chip, CHAIN), [], chip)
  }
  t.end()
})

const BREAKS: readonly [
  string,
  ChipName,
  SmallConv[],
  { readonly layer: string; readonly needs: string; readonly limit: string; readonly over: string },
  Options?,
][] = [
  [
    'an even kernel on Akida',
    'akida2',
    [{ outputs: 2 }, { outputs: 2, kernel: 4 }],
    { layer: 'conv2', needs: 'kernel 4x4', limit: '1, 3, 5, 7', over: 'not odd' },
  ],
  [
    'a kernel larger than Speck has',
    'speck',
    [
      { outputs: 1, most: 2 },
      { outputs: 1, kernel: 17, most: 2 },
    ],
    { layer: 'conv2', needs: 'kernel 17x17', limit: '16', over: '+1' },
  ],
  [
    'a stride that is not built',
    'akida2',
    [{ outputs: 2, stride: 4 }],
    { layer: 'conv1', needs: 'stride 4', limit: '1, 2', over: '2.0 x' },
  ],
  [
    'stride 2 without kernel 3 on Akida 1',
    'akida1',
    [
      { outputs: 2, most: 6 },
      { outputs: 2, kernel: 1, stride: 2, most: 6 },
    ],
    { layer: 'conv2', needs: 'stride 2 with kernel 1', limit: 'kernel 3', over: 'not built' },
    { input: [1, 16, 16] },
  ],
  [
    'planes that Akida 1 cannot read',
    'akida1',
    [{ outputs: 2, most: 6 }],
    { layer: 'conv1', needs: '4 planes in', limit: '1 or 3', over: '+1' },
    { input: [4, 16, 16] },
  ],
  [
    'a crop that is too large',
    'speck',
    [{ outputs: 1, stride: 4, most: 2 }],
    { layer: 'conv1', needs: 'reads 256x256', limit: '128', over: '2.0 x' },
    { input: [1, 256, 256] },
  ],
  [
    'a map that is too large',
    'speck',
    [{ outputs: 1, most: 2 }],
    { layer: 'conv1', needs: 'writes 128x128', limit: '64', over: '2.0 x' },
    { input: [1, 128, 128] },
  ],
  [
    'too many channels',
    'akida2',
    [{ outputs: 4096, kernel: 1 }],
    { layer: 'conv1', needs: '4096 channels', limit: '2048', over: '2.0 x' },
    { input: [1, 2, 2] },
  ],
  [
    // 126 << 3 is 504 times the common factor of two: nine bits and a sign.
    'channels whose scales lie too far apart for one exponent',
    'loihi2',
    [{ outputs: 2, most: 126, exponents: [8, 11] }],
    { layer: 'conv1', needs: 'weights of 10 bits', limit: '8, one exponent', over: '+2 bits' },
  ],
  [
    'weights of more bits than there are',
    'innatera',
    [{ outputs: 1, most: 126 }],
    { layer: 'conv1', needs: 'weights of 8 bits', limit: '6', over: '+2 bits' },
    { input: [1, 4, 4] },
  ],
  [
    'increments of more bits than are passed on',
    'akida1',
    [
      { outputs: 2, most: 6 },
      { outputs: 2, most: 6, writes: 'increment' },
    ],
    { layer: 'conv2', needs: 'writes 8 bits', limit: '4', over: '+4 bits' },
    { input: [1, 8, 8] },
  ],
  [
    'neurons',
    'innatera',
    [{ outputs: 4, kernel: 1, most: 6 }],
    { layer: '(all)', needs: '1024 neurons', limit: '500', over: '2.0 x' },
    { input: [1, 16, 16] },
  ],
  [
    'more layers than cores',
    'speck',
    Array.from({ length: 10 }, () => ({ outputs: 1, most: 2 })),
    { layer: '(all)', needs: '10 layers', limit: '9', over: '1.1 x' },
    { input: [1, 8, 8] },
  ],
  [
    'more readers than a core can send to',
    'speck',
    [
      { outputs: 2, most: 2 },
      { outputs: 1, most: 2 },
      { outputs: 1, most: 2, from: 'conv1' },
      { outputs: 1, most: 2, from: 'conv1' },
    ],
    { layer: 'conv1', needs: '3 readers', limit: '2', over: '+1' },
    { input: [1, 8, 8] },
  ],
]

for (const [what, chip, convs, expected, options] of BREAKS) {
  t.test(what, (t) => {
    t.same(misfits(chip, convs, options), [expected])
    t.end()
  })
}

t.test('sums: the bound is that of the saturated input', (t) => {
  // One weight of 126 on each of 9 bytes of one plane, all 255: 126 * 9 * 255 at most, 19 bits and a sign.
  const [row] = misfits('speck', [{ outputs: 1, most: 126, exponents: [10] }], {
    input: [1, 8, 8],
  })
  t.match(row?.needs, /^sums of (1[89]|20) bits$/)
  t.match(row?.over, /^\+[234] bits$/)
  t.end()
})

t.test('a residual sum: refused in sequence, by bits where it can be added', (t) => {
  const residual: Options = {
    edit: (layers) => {
      const [, second] = layers
      const { output } = second as { output: { shape: number[] } }
      const onnx = { int8: 'sum', fp32: 'sum' }
      const membrane = { type: 'membrane', shape: output.shape, exponent: 6 } as const
      const inputs = ['conv2', 'conv3']
      layers.push({ kind: 'add', name: 'sum', inputs, onnx, output: membrane })
    },
  }
  const convs: SmallConv[] = [
    { outputs: 2, most: 2 },
    { outputs: 2, most: 2, writes: 'increment' },
    { outputs: 2, most: 2, writes: 'increment', from: 'conv1' },
  ]
  t.same(misfits('loihi2', convs, residual), [
    {
      layer: 'sum',
      needs: 'a membrane past a layer',
      limit: 'layers in sequence',
      over: 'not built',
    },
  ])
  // Two increments of at most 128 on a grid twice as fine: 512, ten bits and a sign.
  t.same(misfits('akida2', convs, residual), [
    { layer: 'sum', needs: 'sums of 11 bits', limit: '8', over: '+3 bits' },
  ])
  t.same(misfits('spinnaker2', convs, residual), [])
  t.end()
})

t.test('cores: dimensions count as powers of two', (t) => {
  // 24 * 2^(4 + 7) = 48 Ki words of kernel; 128 maps of 16 x 16 = 32 Ki of neurons: only a core with both would do.
  const convs: SmallConv[] = [
    { outputs: 24, most: 2, kernel: 1 },
    { outputs: 100, most: 2 },
  ]
  const [row, ...others] = misfits('speck', convs, { input: [1, 16, 16] })
  t.same(others, [])
  t.equal(row?.needs, 'kernel 48 Ki, neurons 25 Ki')
  t.equal(row?.over, 'in no one core')
  // 16 * 2^(4 + 7) words are the 32 Ki of core 3, which has neurons for 70 maps; 17 channels are too many.
  const { layers } = checkChip({ network: smallNetwork(convs, { input: [1, 16, 16] }) }, 'speck')
  t.equal(
    layers.find(({ fits }) => !fits)?.remedy,
    '16 to 70 channels instead of 24 to 100, or a smaller crop',
  )
  t.end()
})

t.test('cores: layers that each fit may want the same ones', (t) => {
  // 32 * 2^(4 + 7) = 64 Ki of kernel: two cores have them, three layers ask.
  const wide = { outputs: 128, most: 2 }
  const narrow = { outputs: 32, most: 2, kernel: 1 }
  const rows = misfits('speck', [narrow, wide, narrow, wide, narrow, wide], { input: [1, 4, 4] })
  t.match(rows, [{ layer: '(all)', over: 'two layers want the same core' }])
  t.same(misfits('speck', [narrow, wide, narrow, wide, narrow], { input: [1, 4, 4] }), [])
  t.end()
})

t.test('the shipped network', async (t) => {
  const network = openForExport(await loadModelPackage(PACKAGE_DIR))
  const fitting = (Object.keys(readChipLimits().chips) as ChipName[]).filter(
    (name) => checkChip(network, name).fits,
  )
  t.same(fitting, ['lynxi', 'spinnaker2'])
  const { layers } = checkChip(network, 'akida2')
  const conv = (name: string) => layers.filter((l) => l.part === 'search' && l.layer === name)
  t.same(
    conv('stem').map(({ over }) => over),
    ['+1', '2.0 x'],
    'the 8 x 8 kernel and the stride of 4',
  )
  t.same(
    layers.filter(({ side }) => side === 'host').map(({ kind }) => kind),
    [
      'minimum',
      ...Array(3).fill('matmul'),
      'matmul',
      ...Array(2).fill(['matmul', 'add', 'matmul']).flat(),
    ],
    'products are planned for the host',
  )
  t.ok(
    layers.every(({ fits, over, remedy, limit }) => (fits ? over === '' : over && remedy && limit)),
    'what does not fit says by how much and what would help',
  )
  const listed = new Set(layers.map(({ part, layer }) => `${part}.${layer}`))
  for (const part of ['template', 'search'] as const) {
    for (const { kind, name } of network.network.description.parts[part].layers) {
      if (kind === 'conv' || kind === 'matmul') t.ok(listed.has(`${part}.${name}`), name)
    }
  }
})
