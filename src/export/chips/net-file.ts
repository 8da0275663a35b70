import type { Network, NumberArray } from '../../inference/exact/network.js'
import type { LayerOf } from '../../inference/exact/network-schema.js'
import type { Hdf5Group, Hdf5Read, Hdf5Value } from '../hdf5.js'
import type { Segment } from './segments.js'

/**
 * The layout of `.net` files, which Lava's netx reads: `/layer/<i>/…`, an input first, then convolutions in sequence.
 * Weights are whole numbers on one scale for all channels of a layer; `neuron/vThMant` is what one unit of output is
 * worth on that scale. `neuron/low`, `neuron/high` and `neuron/readout` are this program's own and say what an exact
 * neuron does: netx ignores fields that it does not know.
 */

/** A layer as it was read back. */
export interface NetLayer {
  readonly shape: readonly [number, number, number]
  readonly weight: { readonly shape: readonly number[]; readonly data: ArrayLike<number> }
  readonly bias: ArrayLike<number>
  readonly stride: readonly [number, number]
  readonly padding: readonly [number, number]
  readonly groups: number
  /** Worth of one unit of output; a neuron that is read out passes its sum on. */
  readonly unit: number
  readonly range: readonly [number, number] | null
}

export interface NetFile {
  readonly input: readonly [number, number, number]
  readonly layers: readonly NetLayer[]
}

/** Largest threshold that the chip holds (17 bits): a neuron that is only read out never reaches it. */
const NEVER = (1 << 17) - 1

const text = (value: string): Hdf5Value => ({ text: value })
const scalar = (value: number): Hdf5Value => ({ data: Int32Array.of(value), shape: [] })
const list = (values: readonly number[]): Hdf5Value => ({
  data: Int32Array.from(values),
  shape: [values.length],
})

export function netGroup({ numbers }: Network, segment: Segment, input: readonly number[]) {
  const layers: Record<string, Hdf5Group> = {
    0: { type: text('input'), shape: list(input), neuron: neuron({ threshold: NEVER }) },
  }
  let channels = input[0]!
  for (const [i, conv] of segment.convs.entries()) {
    layers[i + 1] = convGroup(conv, channels, (name) => numbers.get(name)!)
    channels = conv.output.shape[0]!
  }
  return { layer: layers } satisfies Hdf5Group
}

function convGroup(
  conv: LayerOf<'conv'>,
  channels: number,
  array: (name: string) => NumberArray,
): Hdf5Group {
  const { weight, pad } = symmetric(array(conv.weight), conv.pads)
  const aligned = alignment(array(conv.exponents).data)
  const each = weight.data.length / aligned.shifts.length
  const { output } = conv
  return {
    type: text('conv'),
    shape: list(output.shape),
    inChannels: scalar(channels),
    outChannels: scalar(output.shape[0]!),
    kernelSize: list(weight.shape.slice(2)),
    stride: list(conv.stride),
    padding: list(pad),
    dilation: list([1, 1]),
    groups: scalar(conv.groups),
    weight: {
      data: Int32Array.from(weight.data, (w, i) => w << aligned.shifts[Math.floor(i / each)]!),
      shape: weight.shape,
    },
    bias: {
      data: Int32Array.from(array(conv.bias).data, (b, o) => b << aligned.shifts[o]!),
      shape: [aligned.shifts.length],
    },
    neuron:
      output.exponent === null
        ? { ...neuron({ threshold: NEVER }), readout: scalar(1) }
        : {
            ...neuron({ threshold: 2 ** (aligned.exponent - output.exponent) }),
            low: scalar(output.low ?? 0),
            high: scalar(output.high!),
          },
  }
}

/** Current that lasts one step, no leak, one step of refraction. */
function neuron({ threshold }: { readonly threshold: number }): Hdf5Group {
  return {
    type: text('CUBA'),
    iDecay: scalar(4096),
    vDecay: scalar(0),
    vThMant: scalar(threshold),
    refDelay: scalar(1),
    wgtExp: scalar(0),
  }
}

/** The finest exponent of a layer, and by how much each channel is shifted to get there. */
export function alignment(exponents: ArrayLike<number>): {
  readonly exponent: number
  readonly shifts: readonly number[]
} {
  const all = Array.from(exponents)
  const exponent = Math.max(...all)
  return { exponent, shifts: all.map((each) => exponent - each) }
}

/** Padding is the same on both sides there: where it is not, the kernel grows by rows and columns of zeros. */
function symmetric(
  { shape, data }: NumberArray,
  [top, left, bottom, right]: readonly [number, number, number, number],
): {
  readonly weight: { readonly shape: readonly number[]; readonly data: Int32Array }
  readonly pad: readonly [number, number]
} {
  const pad = [Math.max(top, bottom), Math.max(left, right)] as const
  const [outputs, inputs, rows, columns] = shape as [number, number, number, number]
  const above = pad[0] - top
  const before = pad[1] - left
  const tall = rows + 2 * pad[0] - top - bottom
  const wide = columns + 2 * pad[1] - left - right
  const grown = new Int32Array(outputs * inputs * tall * wide)
  for (let k = 0; k < outputs * inputs; k++) {
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        grown[(k * tall + y + above) * wide + x + before] = data[(k * rows + y) * columns + x]!
      }
    }
  }
  return { weight: { shape: [outputs, inputs, tall, wide], data: grown }, pad }
}

/** @throws RangeError naming the path that is missing or of another form. */
export function parseNet(datasets: ReadonlyMap<string, Hdf5Read>): NetFile {
  const read = (path: string) => {
    const found = datasets.get(path)
    if (found === undefined) throw new RangeError(`${path} is missing`)
    return found
  }
  const numbersAt = (path: string) => {
    const { values, shape } = read(path)
    const numbers = Array.from(values as ArrayLike<number | bigint>, Number)
    if (numbers.some((each) => !Number.isInteger(each))) {
      throw new RangeError(`${path} holds other values than whole numbers`)
    }
    return { shape, data: numbers }
  }
  const listAt = <T>(path: string, length: number) => {
    const { data } = numbersAt(path)
    if (data.length === length) return data as T
    throw new RangeError(`${path} has ${data.length} numbers, expected ${length}`)
  }
  const numberAt = (path: string) => listAt<[number]>(path, 1)[0]
  const typeAt = (path: string, expected: string) => {
    const [type] = read(path).values as readonly string[]
    if (type !== expected) throw new RangeError(`${path} is ${type}, expected ${expected}`)
  }
  typeAt('/layer/0/type', 'input')
  const layers: NetLayer[] = []
  for (let i = 1; datasets.has(`/layer/${i}/type`); i++) {
    const at = `/layer/${i}`
    typeAt(`${at}/type`, 'conv')
    const weight = numbersAt(`${at}/weight`)
    if (weight.shape.length !== 4) throw new RangeError(`${at}/weight has no four dimensions`)
    const readout = datasets.has(`${at}/neuron/readout`)
    layers.push({
      shape: listAt(`${at}/shape`, 3),
      weight,
      bias: listAt<number[]>(`${at}/bias`, weight.shape[0]!),
      stride: listAt(`${at}/stride`, 2),
      padding: listAt(`${at}/padding`, 2),
      groups: numberAt(`${at}/groups`),
      unit: readout ? 1 : numberAt(`${at}/neuron/vThMant`),
      range: readout ? null : [numberAt(`${at}/neuron/low`), numberAt(`${at}/neuron/high`)],
    })
  }
  if (layers.length === 0) throw new RangeError('/layer/1/type is missing')
  return { input: listAt('/layer/0/shape', 3), layers }
}
