/**
 * As much of the ONNX file format (protocol buffers) as it takes to look inside a graph: which tensors it has, and the
 * same graph with some of them as further outputs. Field numbers from onnx.proto: ModelProto.graph 7; GraphProto.node 1,
 * .output 12; NodeProto.output 2; ValueInfoProto.name 1.
 */
const MODEL_GRAPH = 7
const GRAPH_NODE = 1
const GRAPH_OUTPUT = 12
const NODE_OUTPUT = 2
const VALUE_NAME = 1

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** Names of all tensors that the nodes of a graph write. Throws RangeError where the bytes are no such file. */
export function onnxTensors(model: Uint8Array): Set<string> {
  const names = new Set<string>()
  const text = new TextDecoder()
  for (const graph of messages(model, MODEL_GRAPH)) {
    for (const node of messages(graph, GRAPH_NODE)) {
      for (const output of messages(node, NODE_OUTPUT)) names.add(text.decode(output))
    }
  }
  return names
}

/**
 * The model with more outputs. A message field that occurs twice is merged by every reader of protocol buffers, so the
 * shipped bytes stay as they are and a second, small graph message with nothing but outputs follows them.
 */
export function withOutputs(model: Uint8Array, names: readonly string[]): Uint8Array {
  const text = new TextEncoder()
  const outputs = names.map((name) =>
    field(GRAPH_OUTPUT, field(VALUE_NAME, Buffer.from(text.encode(name)))),
  )
  return new Uint8Array(Buffer.concat([model, field(MODEL_GRAPH, Buffer.concat(outputs))]))
}

function field(number: number, content: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | BYTES), varint(content.length), content])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest >>>= 7) bytes.push((rest & 127) | 128)
  bytes.push(rest)
  return Buffer.from(bytes)
}

/** The contents of every field of one number; all others are stepped over. */
function* messages(message: Uint8Array, wanted: number): Generator<Uint8Array> {
  let at = 0
  const number = (): number => {
    let value = 0
    for (let power = 1; ; power *= 128) {
      const byte = message[at++]
      if (byte === undefined || power > 2 ** 63) throw new RangeError('the file is cut short')
      value += (byte & 127) * power
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const tag = number()
    const kind = tag & 7
    if (kind === VARINT) number()
    else if (kind === FIXED64) at += 8
    else if (kind === FIXED32) at += 4
    else if (kind === BYTES) {
      const end = number() + at
      if (end > message.length) throw new RangeError('the file is cut short')
      if (Math.floor(tag / 8) === wanted) yield message.subarray(at, end)
      at = end
    } else throw new RangeError(`the file has a field of unknown kind ${kind}`)
  }
}
