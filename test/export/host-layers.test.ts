import t from 'tap'
import { goldenRuns } from '../../src/export/golden.js'
import { hostLayers, networkFiles } from '../../src/export/host-layers.js'
import { openForExport } from '../../src/export/open.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { PACKAGE_DIR } from '../inference/packages.js'

const network = openForExport(await loadModelPackage(PACKAGE_DIR))
const [golden] = goldenRuns(network, 1)
const host = hostLayers(network, () => true)

interface Given {
  readonly map: number
  readonly length: number
  readonly read: (name: string) => ArrayLike<number>
}
type Rule = (does: string, given: Given) => (index: number) => number

/** "2 x stem + template.membrane0.constant" */
const sum: Rule = (does, { length, read }) => {
  const terms = does.split(' + ').map((term) => {
    const [, factor = '1', name = ''] = /^(?:(\d+) x )?(\S+)$/.exec(term) ?? []
    const values = read(name)
    // A constant may be one number, or one for each channel.
    return { factor: Number(factor), values, each: length / values.length }
  })
  return (i) =>
    terms.reduce(
      (total, { factor, values, each }) => total + factor * values[Math.floor(i / each)]!,
      0,
    )
}

/** "membrane0 / 64, rounded, within 0 and 4" */
const rounded: Rule = (does, { read }) => {
  const [, name = '', unit, low, high] =
    /^(\S+) \/ (\d+), rounded, within (-?\d+) and (\d+)$/.exec(does) ?? []
  const values = read(name)
  return (i) => Math.min(Math.max(Math.round(values[i]! / Number(unit)), Number(low)), Number(high))
}

/** "channels 96 to 191 of block0.qkv" */
const channels: Rule = (does, { map, length, read }) => {
  const [, first, last, name = ''] = /^channels (\d+) to (\d+) of (\S+)$/.exec(does) ?? []
  if ((Number(last) - Number(first) + 1) * map !== length) return () => Number.NaN
  const values = read(name)
  return (i) => values[Number(first) * map + i]!
}

t.test('who does what the words say gets the golden numbers', async (t) => {
  const seen = new Set<string>()
  for (const { part, layer, kind, does } of host) {
    const { tensors } = golden!.runs[part]
    const expected = tensors.get(layer)!
    const follow = { add: sum, spike: rounded, slice: channels }[kind]
    if (follow === undefined) continue
    seen.add(kind)
    const shape = network.network.description.parts[part].layers.find((l) => l.name === layer)!
      .output.shape
    const found = follow(does, {
      map: expected.length / shape[0]!,
      length: expected.length,
      read: (name) => tensors.get(name) ?? network.network.numbers.get(name)!.data,
    })
    if (!expected.every((value, i) => value === found(i))) t.fail(`${part} ${layer}: ${does}`)
  }
  t.same([...seen].sort(), ['add', 'slice', 'spike'])
})

t.test('convolutions and products in words name what is needed', async (t) => {
  const words = (name: string) => host.find(({ layer }) => layer === name)?.does
  t.equal(
    words('stem'),
    'crop convolved with template.stem.weight, plus template.stem.bias (stride 4, 4; zeros at top, left, bottom, right 2, 2, 2, 2; groups 1), divided by 2^(template.stem.exponents - 5), rounded, within -128 and 127',
  )
  t.match(words('score_logit'), /; worth 2\^-search\.score_logit\.exponents$/)
  t.match(words('block0.own'), /^4 products of \[24, 64\] of block0\.v by/)
  t.same(Object.keys(networkFiles(network)), ['network.json', 'network.bin'])
})
