import { gatherConv } from './gather.js'
import type { NetFile, NetLayer } from './net-file.js'

/**
 * Runs what was read from a file through all of its layers; returns what each of them writes.
 * @throws RangeError where the layers do not belong together.
 */
export function runNet(file: NetFile, input: ArrayLike<number>): Float64Array[] {
  const outputs: Float64Array[] = []
  let shape = file.input
  let values: ArrayLike<number> = input
  for (const layer of file.layers) {
    const sums = gatherConv({ ...layer, input: shape, output: layer.shape }, values)
    const cells = layer.shape[1] * layer.shape[2]
    values = sums.map((sum, i) => fire(layer, sum + layer.bias[Math.floor(i / cells)]!))
    shape = layer.shape
    outputs.push(values as Float64Array)
  }
  return outputs
}

/** Units that a sum holds, the nearest whole number within the neuron's range. */
function fire({ unit, range }: NetLayer, sum: number): number {
  if (range === null) return sum
  return Math.min(Math.max(Math.floor(sum / unit + 0.5), range[0]), range[1])
}
