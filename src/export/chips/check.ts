import { PART_NAMES } from '../../inference/exact/network.js'
import type { CheckTable, ExportNetwork, LayerCheck } from '../target.js'
import { type ConvFacts, factsOf, type PartFacts } from './layer-facts.js'
import { chipOf, readChipLimits } from './limits.js'
import type { ChipLimits, ChipName, Limits } from './limits-schema.js'
import { placeOnCores } from './place.js'
import { convMisfits, type Misfit, partMisfits, residualMisfit } from './rules.js'

/**
 * Holds a network against what is published of a chip: a row for each layer, one more for each further limit that it
 * breaks, and rows for what a part needs in all.
 * @throws EvtrackError CONFIG_INVALID where the file of limits is wrong.
 */
export function checkChip(
  { network }: Pick<ExportNetwork, 'network'>,
  name: ChipName,
  limits: ChipLimits = readChipLimits(),
): CheckTable {
  const { chip, sources } = chipOf(limits, name)
  const facts = PART_NAMES.map((part) => factsOf(network, part))
  const layers = facts.flatMap((each) => {
    const order = network.description.parts[each.part].layers.map((layer) => layer.name)
    return partRows(each, { limits: chip.limits, order })
  })
  return {
    target: name,
    title: chip.name,
    fits: layers.every((row) => row.fits),
    layers,
    notes: [
      ...facts.map(
        ({ part, convs, neurons, synapses, weightBytes }) =>
          `${part}: ${convs.length} convolutions, ${neurons} neurons, ${synapses} synapses, ${weightBytes} bytes of weights.`,
      ),
      'Layers that only cut, reorder or add a constant are not listed: they need nothing of their own.',
      'Bits of sums are bounds proven for every input, not what was seen.',
      `Limits: ${sources.join('; ')}. Nothing was run on the chip.`,
    ],
  }
}

function partRows(
  facts: PartFacts,
  { limits, order }: { readonly limits: Limits; readonly order: readonly string[] },
): LayerCheck[] {
  const { part, convs, residuals, products } = facts
  const rows: LayerCheck[] = []
  const push = (
    of: { readonly layer: string; readonly kind: string; readonly holds: string },
    misfits: readonly Misfit[],
  ) => {
    const { layer, kind } = of
    if (misfits.length === 0) {
      rows.push({ ...FIT, part, layer, kind, needs: of.holds })
    }
    for (const misfit of misfits) {
      rows.push({ part, layer, kind, side: 'chip', fits: false, ...misfit })
    }
  }
  for (const conv of convs) {
    push({ layer: conv.layer.name, kind: 'conv', holds: holds(conv) }, convMisfits(conv, limits))
  }
  for (const { layer, sumBits } of residuals) {
    const misfit = residualMisfit(sumBits, limits)
    push({ layer: layer.name, kind: 'residual', holds: `${sumBits} bits` }, misfit ? [misfit] : [])
  }
  for (const { layer } of products) {
    const { name, kind } = layer
    const host = limits.products?.value === false
    const needs = DOES[kind] ?? ''
    rows.push({ ...FIT, part, layer: name, kind, needs, side: host ? 'host' : 'chip' })
  }
  rows.sort((a, b) => order.indexOf(a.layer) - order.indexOf(b.layer))
  push({ layer: '(all)', kind: 'total', holds: total(facts, limits) }, [
    ...partMisfits(facts, limits),
    ...placing(facts, limits),
  ])
  return rows
}

const DOES: Readonly<Record<string, string>> = {
  matmul: 'two activations multiplied',
  minimum: 'two activations compared',
  add: 'products added',
}

const FIT = { side: 'chip', fits: true, limit: '', over: '', remedy: '' } as const

function holds({ kernel, layer, input, output }: ConvFacts): string {
  const stride = Math.max(...layer.stride)
  const groups = layer.groups > 1 ? `, ${layer.groups} groups` : ''
  return `${kernel.join('x')}/${stride}, ${input[0]} to ${output.join('x')}${groups}`
}

function total({ convs, neurons, weightBytes, stateBytes }: PartFacts, limits: Limits): string {
  const { elements, memoryBytes } = limits
  if (elements !== null && memoryBytes !== null) {
    const each = Math.floor(memoryBytes.value / elements.value)
    const used = Math.ceil((weightBytes + stateBytes) / each)
    return `${neurons} neurons, memory of ${used} of ${elements.value} elements`
  }
  return `${neurons} neurons, ${convs.length} layers`
}

/** Layers may each fit some core and yet want the same one. */
function placing({ convs }: PartFacts, limits: Limits): Misfit[] {
  if (limits.cores === null || convs.length > limits.cores.value.kernelKi.length) return []
  if (convs.some((conv) => convMisfits(conv, limits).length > 0)) return []
  if (placeOnCores(convs, limits.cores.value) !== undefined) return []
  return [
    {
      needs: 'a core for each layer',
      limit: `${limits.cores.value.kernelKi.length} cores`,
      over: 'two layers want the same core',
      remedy: 'fewer channels in the largest layers',
    },
  ]
}
