import type { Network } from '../../inference/exact/network.js'
import type { LayerOf } from '../../inference/exact/network-schema.js'
import { OnnxGraphWriter } from '../onnx/graph.js'
import type { ChipLayer, Piece } from './pieces.js'

const OPSET = 11
const IR_VERSION = 6

/**
 * A piece as ONNX with nothing but Conv, Add and Clip, batch 1, float32: what the quantiser reads. The clipped tensor of a
 * layer has the layer's name; rounding it is the quantiser's part.
 */
export function pieceGraph(network: Network, piece: Piece): Uint8Array {
  const writer = new OnnxGraphWriter()
  for (const layer of piece.layers) writeLayer(writer, network, layer)
  const shapes = new Map(piece.layers.map(({ name, output }) => [name, output.shape]))
  return writer.model({
    name: piece.name,
    opset: OPSET,
    irVersion: IR_VERSION,
    doc: 'Activations are to be rounded to the units that manifest.json names.',
    inputs: piece.inputs.map(({ name, shape }) => ({ name, shape: [1, ...shape] })),
    outputs: piece.outputs.map((name) => ({ name, shape: [1, ...shapes.get(name)!] })),
  })
}

function writeLayer(writer: OnnxGraphWriter, network: Network, layer: ChipLayer): void {
  if (layer.kind === 'conv') writeConv(writer, network, layer)
  else if (layer.kind === 'add') writeAdd(writer, network, layer)
  else clip(writer, layer, layer.inputs[0])
}

function writeConv(writer: OnnxGraphWriter, { numbers }: Network, layer: LayerOf<'conv'>): void {
  const { name, stride, pads, groups, output } = layer
  const weight = numbers.get(layer.weight)!
  const bias = numbers.get(layer.bias)!.data
  const exponents = numbers.get(layer.exponents)!.data
  const each = weight.data.length / bias.length
  const real = Float32Array.from(
    weight.data,
    (value, i) => value * 2 ** -exponents[Math.floor(i / each)]!,
  )
  const sum = output.type === 'logit' ? name : `${name}.sum`
  writer.node({
    op: 'Conv',
    inputs: [
      layer.inputs[0],
      writer.constant(`${name}.weight`, real, weight.shape),
      writer.constant(
        `${name}.bias`,
        Float32Array.from(bias, (value, o) => value * 2 ** -exponents[o]!),
        [bias.length],
      ),
    ],
    outputs: [sum],
    attributes: {
      kernel_shape: weight.shape.slice(2),
      strides: stride,
      pads,
      dilations: [1, 1],
      group: groups,
    },
  })
  if (sum !== name) clip(writer, layer, sum)
}

function clip(writer: OnnxGraphWriter, { name, output }: ChipLayer, input: string): void {
  const unit = 2 ** -output.exponent!
  const bound = (end: string, value: number) =>
    writer.constant(`${name}.${end}`, Float32Array.of(value * unit))
  const inputs = [input, bound('low', output.low ?? 0), bound('high', output.high!)]
  writer.node({ op: 'Clip', inputs, outputs: [name] })
}

function writeAdd(writer: OnnxGraphWriter, { numbers }: Network, layer: LayerOf<'add'>): void {
  const { name, output, constant } = layer
  const terms: string[] = [...layer.inputs]
  if (constant !== undefined) {
    const { shape, data } = numbers.get(constant)!
    const real = Float32Array.from(data, (value) => value * 2 ** -output.exponent!)
    terms.push(writer.constant(`${name}.constant`, real, [1, ...shape]))
  }
  if (terms.length === 1) writer.node({ op: 'Identity', inputs: terms, outputs: [name] })
  terms.slice(1).reduce((sum, term, i) => {
    const to = i === terms.length - 2 ? name : `${name}.sum${i}`
    return writer.node({ op: 'Add', inputs: [sum, term], outputs: [to] })
  }, terms[0]!)
}
