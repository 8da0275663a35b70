import type { Numbers } from './network.js'
import type {
  LayerOf,
  NetworkDescription,
  NetworkLayer,
  NetworkPart,
  NetworkTensor,
} from './network-schema.js'

interface Context {
  readonly part: string
  readonly numbers: Numbers
  readonly refuse: (what: string) => never
}

/** Every layer of a part reads what was written before it, and its shapes and arrays are what its kind wants. */
export function checkPart(
  { inputs, layers, outputs }: NetworkPart,
  { part, numbers, refuse }: Context,
): void {
  const tensors = new Map<string, NetworkTensor>(inputs.map((input) => [input.name, input]))
  for (const layer of layers) {
    const where = `layer ${layer.name} of the ${part}`
    const read = layer.inputs.map(
      (name) =>
        tensors.get(name) ?? refuse(`${where} reads ${name}, which nothing before it writes`),
    )
    if (tensors.has(layer.name)) refuse(`the ${part} has two tensors ${layer.name}`)
    const problem = problemOf(layer, read, numbers)
    if (problem !== undefined) refuse(`${where} ${problem}`)
    tensors.set(layer.name, layer.output)
  }
  for (const { name, layer } of outputs) {
    if (!tensors.has(layer)) refuse(`output ${name} of the ${part} is ${layer}, which is no layer`)
  }
}

/** Everything that the search takes from the template is there, in the same shape. */
export function expectHandOver({ parts }: NetworkDescription, refuse: Context['refuse']): void {
  for (const { name, shape } of parts.search.inputs) {
    if (name === 'crop') continue
    const from = parts.template.outputs.find((output) => output.name === name)?.layer
    const given = parts.template.layers.find((layer) => layer.name === from)?.output.shape
    if (given?.join() === shape.join()) continue
    refuse(
      `the search takes ${name} [${shape.join()}], the template gives ${given ? `[${given.join()}]` : 'nothing'}`,
    )
  }
}

function problemOf(
  layer: NetworkLayer,
  read: readonly NetworkTensor[],
  numbers: Numbers,
): string | undefined {
  const { output } = layer
  const [a, b] = read
  const from = a!.shape
  const expectShape = (shape: readonly number[]) =>
    output.shape.join() === shape.join()
      ? undefined
      : `writes [${output.shape.join()}], expected [${shape.join()}]`
  switch (layer.kind) {
    case 'conv':
      return convProblem(layer, from, numbers)
    case 'spike':
      return a!.exponent === null ? 'reads logits, expected a membrane' : expectShape(from)
    case 'minimum': {
      const other = [1, ...from.slice(1)].join()
      if (b!.shape.join() === other) return expectShape(from)
      return `reads ${layer.inputs[1]} [${b!.shape.join()}], expected [${other}]`
    }
    case 'add':
      return addProblem(layer, read, numbers)
    case 'slice':
      if (layer.first + output.shape[0]! <= from[0]!) {
        return expectShape([output.shape[0]!, ...from.slice(1)])
      }
      return `takes channels from ${layer.first} to ${layer.first + output.shape[0]! - 1} of ${from[0]}`
    case 'transpose':
      return expectShape([size(from.slice(1)), from[0]!])
    case 'matmul': {
      const { groups, rows, inner, columns } = layer
      const want = [groups * rows * inner, groups * inner * columns]
      const have = [size(from), size(b!.shape)]
      if (want.join() === have.join()) return expectShape([groups, rows, columns])
      return `multiplies ${have.join(' by ')} integers, expected ${want.join(' by ')}`
    }
  }
}

function addProblem(
  { inputs, output, constant }: LayerOf<'add'>,
  read: readonly NetworkTensor[],
  numbers: Numbers,
): string | undefined {
  for (const [i, { shape, exponent }] of read.entries()) {
    if (size(shape) !== size(output.shape)) {
      return `adds ${inputs[i]} [${shape.join()}] to [${output.shape.join()}]`
    }
    if (exponent === null || output.exponent === null || exponent > output.exponent) {
      return `adds ${inputs[i]} with exponent ${exponent}, expected at most ${output.exponent}`
    }
  }
  if (constant === undefined) return undefined
  const [c, ...rest] = output.shape
  const ones = rest.map(() => 1)
  const shapes = [
    [c, ...rest],
    [c, ...ones],
    [1, ...ones],
  ]
  const array = numbers.get(constant)
  if (array?.dtype === 'int32' && shapes.some((s) => s.join() === array.shape.join())) {
    return undefined
  }
  return `adds array ${constant}, ${typeOf(numbers, constant)}, expected int32 [${shapes.map((s) => s.join()).join('] or [')}]`
}

function convProblem(
  layer: LayerOf<'conv'>,
  from: readonly number[],
  numbers: Numbers,
): string | undefined {
  const { groups, output, pads, stride } = layer
  if (from.length !== 3) return `reads [${from.join()}], expected [channels, height, width]`
  const outputs = output.shape[0]!
  const [, , rows, columns] = numbers.get(layer.weight)?.shape ?? []
  const wanted = [
    [layer.weight, `int8 [${[outputs, from[0]! / groups, rows, columns].join()}]`],
    [layer.bias, `int32 [${outputs}]`],
    [layer.exponents, `uint8 [${outputs}]`],
  ] as const
  for (const [name, expected] of wanted) {
    const have = typeOf(numbers, name)
    if (have !== expected) return `uses array ${name}, ${have}, expected ${expected}`
  }
  const finest = output.exponent ?? 0
  const coarse = numbers.get(layer.exponents)!.data.findIndex((e) => e < finest || e > 24)
  if (coarse >= 0) {
    return `uses array ${layer.exponents}, ${numbers.get(layer.exponents)!.data[coarse]} at ${coarse}, expected ${finest} to 24`
  }
  if (outputs % groups !== 0) return `parts ${outputs} outputs into ${groups} groups`
  const [top, left, bottom, right] = pads
  const shape = [
    outputs,
    Math.floor((from[1]! + top + bottom - rows!) / stride[0]) + 1,
    Math.floor((from[2]! + left + right - columns!) / stride[1]) + 1,
  ]
  if (output.shape.join() === shape.join()) return undefined
  return `writes [${output.shape.join()}], expected [${shape.join()}]`
}

function typeOf(numbers: Numbers, name: string): string {
  const array = numbers.get(name)
  return array === undefined ? 'missing' : `${array.dtype} [${array.shape.join()}]`
}

function size(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1)
}
