import t from 'tap'
import { openNetwork } from '../../../src/inference/exact/network.js'
import type { NetworkDescription } from '../../../src/inference/exact/network-schema.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { PACKAGE_DIR } from '../packages.js'

const pkg = await loadModelPackage(PACKAGE_DIR)
const data = pkg.files['network.bin']!

// biome-ignore lint/suspicious/noExplicitAny: tests reach into any part of the description to damage it
type Json = any

function damaged(edit: (network: Json) => void): NetworkDescription {
  const copy: Json = structuredClone(pkg.network)
  edit(copy)
  return copy
}
const layer = (network: Json, name: string, part = 'search') =>
  network.parts[part].layers.find((each: { name: string }) => each.name === name)

t.test('the shipped description fits its arrays', async (t) => {
  const { numbers } = openNetwork(pkg.network!, data)
  t.equal(numbers.get('search.res1.weight')?.data.length, 32 * 32 * 9)
})

const refusals: readonly [name: string, edit: (network: Json) => void, message: RegExp][] = [
  [
    'a layer that reads what nothing writes',
    (n) => (layer(n, 'res1').inputs = ['spikes9']),
    /layer res1 of the search reads spikes9, which nothing before it writes/,
  ],
  ['a layer before its input', (n) => n.parts.search.layers.reverse(), /nothing before it writes/],
  [
    'two tensors of a name',
    (n) => (layer(n, 'res2').name = 'res1'),
    /the search has two tensors res1/,
  ],
  [
    'a convolution of another shape',
    (n) => (layer(n, 'down').output.shape = [96, 15, 16]),
    /layer down of the search writes \[96,15,16\], expected \[96,16,16\]/,
  ],
  [
    'weights of another shape',
    (n) => (layer(n, 'res1').weight = 'search.res3.weight'),
    /uses array search\.res3\.weight, int8 \[96,96,3,3\], expected int8 \[32,32,3,3\]/,
  ],
  [
    'a bias that is missing',
    (n) => (layer(n, 'res1').bias = 'gone'),
    /uses array gone, missing, expected int32 \[32\]/,
  ],
  [
    'an exponent coarser than what is written',
    (n) => (layer(n, 'stem').output.exponent = 20),
    /layer stem of the search uses array search\.stem\.exponents, \d+ at \d+, expected 20 to 24/,
  ],
  [
    'a constant of another shape',
    (n) => (layer(n, 'membrane3').constant = 'search.match_membrane.constant'),
    /adds array search\.match_membrane\.constant, int32 \[64,1,1\], expected int32 \[96,16,16\]/,
  ],
  [
    'a sum of different maps',
    (n) => (layer(n, 'membrane1').inputs = ['membrane0', 'crop']),
    /adds crop \[4,128,128\] to \[32,32,32\]/,
  ],
  [
    'a slice beyond the end',
    (n) => (layer(n, 'block0.v').first = 200),
    /takes channels from 200 to 295 of 288/,
  ],
  [
    'a product of other sizes',
    (n) => (layer(n, 'match').inner = 95),
    /multiplies 6144 by 24576 integers, expected 6080 by 24320/,
  ],
  [
    'a mask of another size',
    (n) => (layer(n, 'key_gated', 'template').inputs = ['key_spikes', 'key_spikes']),
    /reads key_spikes \[96,8,8\], expected \[1,8,8\]/,
  ],
  [
    'spikes of logits',
    (n) => {
      n.parts.search.layers.push({
        ...layer(n, 'spikes7'),
        name: 'late',
        inputs: ['score_logit'],
      })
    },
    /layer late of the search reads logits/,
  ],
  [
    'an output that is no layer',
    (n) => (n.parts.search.outputs[0].layer = 'gone'),
    /output score_logit of the search is gone/,
  ],
  [
    'a state that the template does not give',
    (n) => (n.parts.template.outputs[0].name = 'lock'),
    /the search takes key \[64,96\], the template gives nothing/,
  ],
  ['an array that is not aligned', (n) => (n.tensors[1].offset += 4), /a multiple of 8/],
  ['two arrays of a name', (n) => (n.tensors[1].name = n.tensors[0].name), /two arrays/],
]
for (const [name, edit, message] of refusals) {
  t.test(`refused: ${name}`, async (t) => {
    t.throws(() => openNetwork(damaged(edit), data), { message })
  })
}
