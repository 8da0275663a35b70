import type { ModelManifest } from './schema.js'

/**
 * Shapes, without the batch, of what enters and leaves the two parts of a network by 'template.' or 'search.' and name, as
 * model.json has them. Graphs, golden vectors and network.json must all agree with this.
 */
export function boundaryOf(manifest: ModelManifest): Map<string, readonly number[]> {
  const { input, network, state, fidelity } = manifest
  const square = (channels: number, side: number) => [channels, side, side]
  const maps = [
    ['score_logit', square(1, network.mapSize)],
    ['size_logit', square(2, network.mapSize)],
    ['offset_logit', square(2, network.mapSize)],
  ] as const
  // A float graph that is another network has numbers of its own to be held against.
  const parts = fidelity === null ? ['search'] : ['search', 'float']
  return new Map([
    ['template.crop', square(input.planes.length, input.templateSize)],
    ['search.crop', square(input.planes.length, input.searchSize)],
    ...parts.flatMap((part) => maps.map(([name, shape]) => [`${part}.${name}`, shape] as const)),
    ...state.map(({ name, shape }) => [`template.${name}`, shape] as const),
  ])
}
