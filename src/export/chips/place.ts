import type { ConvFacts } from './layer-facts.js'
import type { Cores } from './limits-schema.js'
import { coreMemory } from './rules.js'

/**
 * A core for each layer, so that kernels and neurons find room: a matching of layers and cores by augmenting paths.
 * Undefined where there is none.
 */
export function placeOnCores(
  convs: readonly ConvFacts[],
  { kernelKi, neuronKi }: Cores,
): number[] | undefined {
  const rooms = convs.map((conv) => {
    const { kernelWords, neuronWords } = coreMemory(conv)
    return kernelKi.flatMap((ki, core) =>
      kernelWords <= ki * 1024 && neuronWords <= neuronKi[core]! * 1024 ? [core] : [],
    )
  })
  const holder = new Map<number, number>()
  const place = (layer: number, tried: Set<number>): boolean => {
    for (const core of rooms[layer]!) {
      if (tried.has(core)) continue
      tried.add(core)
      const other = holder.get(core)
      if (other !== undefined && !place(other, tried)) continue
      holder.set(core, layer)
      return true
    }
    return false
  }
  for (let layer = 0; layer < convs.length; layer++) {
    if (!place(layer, new Set())) return undefined
  }
  const cores = new Array<number>(convs.length)
  for (const [core, layer] of holder) cores[layer] = core
  return cores
}
