import t from 'tap'
import { OnnxGraphWriter } from '../../../src/export/onnx/graph.js'
import { openGraph } from '../../../src/inference/onnx.js'

t.test('a written graph runs: every kind of attribute and constant', async (t) => {
  const writer = new OnnxGraphWriter()
  const weight = writer.constant('w', Float32Array.of(1, 2, 3, 4), [1, 1, 2, 2])
  const pads = { pads: [0, 0, 1, 1], strides: [2, 2], kernel_shape: [2, 2], group: 1 }
  writer.node({ op: 'Conv', inputs: ['x', weight], outputs: ['sum'], attributes: pads })
  const limits = [
    writer.constant('low', Float32Array.of(-4)),
    writer.constant('high', Float32Array.of(9)),
  ]
  writer.node({ op: 'Clip', inputs: ['sum', ...limits], outputs: ['clipped'] })
  writer.node({
    op: 'LeakyRelu',
    inputs: ['clipped'],
    outputs: ['leaky'],
    attributes: { alpha: { float: 0.5 } },
  })
  const shape = writer.constant('shape', BigInt64Array.of(1n, -1n), [2])
  writer.node({ op: 'Reshape', inputs: ['leaky', shape], outputs: ['y'] })
  const bytes = writer.model({
    name: 'test',
    opset: 11,
    irVersion: 6,
    doc: 'words',
    inputs: [{ name: 'x', shape: [1, 1, 3, 3] }],
    outputs: [{ name: 'y', shape: [1, 4] }],
  })
  t.same(writer.operators, ['Clip', 'Conv', 'LeakyRelu', 'Reshape'])
  t.equal(writer.constantBytes, 16 + 4 + 4 + 16)
  const graph = await openGraph(bytes, { name: 'test.onnx', threads: 1 })
  t.teardown(() => graph.close())
  t.same(graph.inputs, [{ name: 'x', dtype: 'float32', shape: [1, 1, 3, 3] }])
  const data = Float32Array.of(1, 0, -1, 0, 1, 0, -9, 0, 2)
  const { y } = await graph.run({ x: { data, dims: [1, 1, 3, 3] } })
  // Windows [1 0; 0 1], [-1 _; 0 _], [-9 0; _ _], [2 _; _ _]: sums 5, -1, -9 and 2, clipped, then halved below zero.
  t.same([...y!], [5, -0.5, -2, 2])
})

t.test('names and sizes that contradict themselves are refused', (t) => {
  const writer = new OnnxGraphWriter()
  writer.constant('a', Float32Array.of(1, 2), [2])
  t.throws(() => writer.constant('a', Float32Array.of(1)), /a is written twice/)
  t.throws(() => writer.constant('b', Float32Array.of(1, 2), [3]), /2 values, expected 3/)
  t.throws(() => writer.node({ op: 'Relu', inputs: ['a'], outputs: ['a'] }), /written twice/)
  t.throws(
    () => writer.node({ op: 'X', inputs: [], outputs: ['z'], attributes: { to: 1.5 } }),
    /no whole number/,
  )
  t.end()
})
