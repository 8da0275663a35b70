import t from 'tap'
import type { NirNode } from '../../src/export/nir/read-graph.js'
import { NirInterpreter } from '../../src/export/nir-interpreter.js'

type Shape = readonly [number, number, number]

const input = (shape: Shape): NirNode => ({ type: 'Input', shape, inputs: [] })
const output = (shape: Shape, ...inputs: string[]): NirNode => ({ type: 'Output', shape, inputs })
const neuron = (threshold: number, ...inputs: string[]): NirNode => ({
  type: 'IF',
  shape: [1, 1, 1],
  inputs,
  r: Float32Array.of(1),
  threshold: Float32Array.of(threshold),
})
const point = (weight: number, ...inputs: string[]): NirNode => ({
  type: 'Conv2d',
  shape: [1, 1, 1],
  input: [1, 1, 1],
  inputs,
  weight: Float32Array.of(weight),
  kernel: [1, 1],
  stride: [1, 1],
  padding: [0, 0],
  bias: Float32Array.of(0),
})

/** Steps in which a node fires, of `steps`, on currents of input `in` by step. */
function spikesOf(
  interpreter: NirInterpreter,
  node: string,
  { currents, steps }: { readonly currents: readonly number[]; readonly steps: number },
): number[] {
  const fired: number[] = []
  for (let step = 0; step < steps; step++) {
    if (currents[step] !== undefined) interpreter.present('in', [currents[step]!])
    interpreter.step((name) => {
      if (name === node) fired.push(step)
    })
  }
  return fired
}

t.test('a neuron fires above its threshold, once a step, and subtracts or forgets', (t) => {
  const graph = new Map([
    ['in', input([1, 1, 1])],
    ['n', neuron(2, 'in')],
  ])
  const run = (reset: 'subtract' | 'hard', currents: number[]) =>
    spikesOf(new NirInterpreter(graph, { reset }), 'n', { currents, steps: 6 })
  t.same(run('subtract', [2]), [], 'not at its threshold')
  t.same(run('subtract', [7]), [0, 1, 2], '7, 5 and 3 are above 2; 1 is not')
  t.same(run('hard', [7]), [0])
  t.same(run('subtract', [1, 1, 1]), [2])
  t.same(run('subtract', [5, -4, 4]), [0, 2], 'inhibition holds what is left')
  t.end()
})

t.test('spikes arrive at once or a step later; a loop always takes a step', (t) => {
  const graph = new Map([
    ['in', input([1, 1, 1])],
    ['a', neuron(0, 'in', 'back')],
    ['back', point(-3, 'a')],
    ['forward', point(5, 'a')],
    ['b', neuron(4, 'forward')],
    ['out', output([1, 1, 1], 'b')],
  ])
  const run = (node: string, delay: 'none' | 'one') => {
    const interpreter = new NirInterpreter(graph, { reset: 'subtract', delay })
    const fired = spikesOf(interpreter, node, { currents: [3, 1], steps: 5 })
    return { fired, arrived: interpreter.arrived('out')[0] }
  }
  // Step 0: 3 > 0. Step 1: 3 + 1 - 3 = 1 > 0. Step 2: 1 - 3 = -2.
  t.same(run('a', 'none').fired, [0, 1])
  t.same(run('a', 'one').fired, [0, 1])
  // 5, then 5 - 4 + 5, then 2: above 4 in two steps.
  t.same(run('b', 'none'), { fired: [0, 1], arrived: 2 })
  t.same(run('b', 'one'), { fired: [1, 2], arrived: 2 })
  t.end()
})

t.test('a loop without a neuron, unknown names and wrong sizes are refused', (t) => {
  const loop = new Map([
    ['in', input([1, 1, 1])],
    ['a', point(1, 'in', 'b')],
    ['b', point(1, 'a')],
  ])
  t.throws(() => new NirInterpreter(loop, { reset: 'subtract' }), /a loop that no neuron closes/)
  const graph = new Map([
    ['in', input([1, 1, 1])],
    ['n', neuron(1, 'in')],
  ])
  const interpreter = new NirInterpreter(graph, { reset: 'subtract' })
  t.throws(() => interpreter.present('n', [1]), /n is no input/)
  t.throws(() => interpreter.present('in', [1, 2]), /takes 1 values, not 2/)
  t.throws(() => interpreter.arrived('n'), /n is no output/)
  t.end()
})

t.test('convolutions: stride, padding, channels and sums of in-edges, as by definition', (t) => {
  const shape: Shape = [2, 5, 6]
  const kernel = 3
  const [stride, padding] = [[2, 1] as const, [1, 2] as const]
  const to: Shape = [3, 3, 8]
  const weight = Float32Array.from({ length: 3 * 2 * 9 }, (_, i) => ((i * 7) % 11) - 5)
  const values = Float32Array.from({ length: 60 }, (_, i) => ((i * 5) % 9) - 4)
  const bias = Float32Array.of(1, 0, -2)
  const graph = new Map<string, NirNode>([
    ['in', input(shape)],
    ['in2', input(shape)],
    [
      'c',
      {
        type: 'Conv2d',
        shape: to,
        input: shape,
        inputs: ['in', 'in2'],
        weight,
        kernel: [kernel, kernel],
        stride,
        padding,
        bias,
      },
    ],
    ['s', { type: 'Scale', shape: to, inputs: ['c'], scale: new Float32Array(72).fill(2) }],
    ['out', output(to, 's')],
  ])
  const interpreter = new NirInterpreter(graph, { reset: 'subtract' })
  interpreter.present('in', values)
  interpreter.present('in2', values)
  interpreter.step()
  const expected = Array.from({ length: 72 }, (_, i) => {
    const [o, y, x] = [Math.floor(i / 24), Math.floor(i / 8) % 3, i % 8]
    let sum = bias[o]!
    for (let c = 0; c < 2; c++) {
      for (let ky = 0; ky < kernel; ky++) {
        for (let kx = 0; kx < kernel; kx++) {
          const [iy, ix] = [y * stride[0] + ky - padding[0], x * stride[1] + kx - padding[1]]
          if (iy < 0 || iy >= 5 || ix < 0 || ix >= 6) continue
          sum += weight[((o * 2 + c) * 3 + ky) * 3 + kx]! * 2 * values[(c * 5 + iy) * 6 + ix]!
        }
      }
    }
    return 2 * sum
  })
  t.same([...interpreter.arrived('out')], expected)
  t.end()
})
