"""The forward pass as ONNX graphs: `FloatGraph` with the checkpoint's folded weights, `IntegerGraph` with the snapped ones.

The integer graph uses the operators that the CPU provider of ONNX Runtime runs fast: QLinearConv with uint8 spikes and
int8 weights, and MatMulIntegerToFloat for tokens. Its increments of eight bits have one step per channel: the
convolution's own scales carry the steps, DequantizeLinear takes them back.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from execute import CELLS, CELLS_Z, SPARE
from layout import CANVAS, HEADS, SEARCH, TEMPLATE
from network import attention_scale, forward

OPSET = 13
IR_VERSION = 7
MICROSOFT = 'com.microsoft'


class FloatGraph:
    """Operations return names of tensors. Spikes are float32 here, whole numbers 0..4."""

    def __init__(self):
        self.nodes, self.constants, self.inputs, self.outputs = [], {}, [], []

    def constant(self, name, value):
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def f32(self, name, value):
        return self.constant(name, np.asarray(value, np.float32))

    def ints(self, *values):
        return self.constant('ints_' + '_'.join(map(str, values)), np.array(values, np.int64))

    def op(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def split(self, x, sizes, *, axis, names):
        self.nodes.append(helper.make_node('Split', [x, self.ints(*sizes)], names, name=f'{names[0]}.split', axis=axis))
        return names

    def input(self, name, dtype, shape):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, ['batch', *shape]))
        return name

    def to_float(self, x, name):
        return self.op('Cast', [x], name, to=TensorProto.FLOAT)

    def as_numbers(self, s, name):
        """Spikes as float32."""
        return s

    def stem(self, z, x, layer):
        pads = [('x', x, [0, 0, 0, 0, 0, 0, CANVAS - SEARCH, CANVAS - SEARCH]), ('z', z, [0, 0, SEARCH, SEARCH, 0, 0, 0, 0])]
        placed = [self.op('Pad', [crop, self.ints(*pad)], f'{n}.placed') for n, crop, pad in pads]
        return self.conv(self.op('Add', placed, 'canvas'), layer)

    def shape_of(self, layer):
        side, pad = layer.weight.shape[2], layer.pad
        return dict(kernel_shape=[side, side], strides=[layer.stride] * 2, pads=[pad] * 4, group=layer.groups)

    def spike(self, u, name):
        y = self.op('Clip', [u, self.f32('none', 0), self.f32('all', 4)], f'{name}.clipped')
        return self.op('Round', [y], self.fresh(name))

    def fresh(self, name):
        """One layer runs on several maps: later nodes of a name are numbered."""
        used = {out for node in self.nodes for out in node.output}
        return name if name not in used else next(f'{name}.{i}' for i in range(2, 100) if f'{name}.{i}' not in used)

    def written(self, y, layer):
        return self.spike(y, layer.name) if layer.writes == 'spikes' else y

    def real(self, layer):
        return layer.weight.astype(np.float32), layer.bias.astype(np.float32)

    def conv(self, s, layer):
        weight, bias = self.real(layer)
        inputs = [s, self.f32(f'{layer.name}.weight', weight), self.f32(f'{layer.name}.bias', bias)]
        return self.written(self.op('Conv', inputs, self.fresh(f'{layer.name}.sum'), **self.shape_of(layer)), layer)

    def linear(self, s, layer):
        weight, bias = self.real(layer)
        matrix = self.f32(f'{layer.name}.weight', weight[:, :, 0, 0].T)
        y = self.op('MatMul', [s, matrix], f'{layer.name}.product')
        return self.written(self.op('Add', [y, self.f32(f'{layer.name}.bias', bias)], f'{layer.name}.sum'), layer)

    def add(self, a, b, name):
        return self.op('Add', [a, b], name)

    def reshape(self, x, shape, name):
        return self.op('Reshape', [x, self.ints(*shape)], self.fresh(name))

    def swap(self, x, name):
        return self.op('Transpose', [x], self.fresh(name), perm=[0, 2, 1])

    def cut(self, u, start, end, name):
        y = self.op('Slice', [u, self.ints(start, start), self.ints(end, end), self.ints(2, 3)], f'{name}.map')
        return self.reshape(y, [0, 0, (end - start) ** 2], f'{name}.tokens')

    def tokens(self, u):
        cells = [self.cut(u, CELLS, CELLS + CELLS_Z, 'template'), self.cut(u, 0, CELLS, 'search')]
        joined = self.op('Concat', cells, 'both.tokens', axis=2)
        padded = self.op('Pad', [joined, self.ints(0, 0, 0, 0, 0, SPARE)], 'all.tokens')
        return self.swap(padded, 'tokens')

    def attention(self, qkv, name):
        c = self.channels[name]
        numbers = self.as_numbers(qkv, f'{name}.qkv.f32')
        parts = self.split(numbers, (c, c, 4 * c), axis=2, names=[f'{name}.{p}' for p in 'qkv'])
        q, k, v = (self.reshape(p, [0, 0, HEADS, -1], f'{p}.heads') for p in parts)
        k = self.op('Transpose', [k], f'{name}.k.rows', perm=[0, 2, 3, 1])
        q, v = (self.op('Transpose', [p], f'{p}.rows', perm=[0, 2, 1, 3]) for p in (q, v))
        o = self.op('MatMul', [q, self.op('MatMul', [k, v], f'{name}.kv')], f'{name}.heads')
        o = self.op('Mul', [o, self.f32(f'scale_{c}', attention_scale(c))], f'{name}.scaled')
        o = self.op('Transpose', [self.spike(o, f'{name}.read')], f'{name}.read.tokens', perm=[0, 2, 1, 3])
        return self.reshape(o, [0, 0, 4 * c], f'{name}.read.flat')

    def maps(self, s):
        names = ['template.wide', 'search.wide', 'spare.wide']
        parts = self.split(self.swap(s, 'wide.rows'), (CELLS_Z**2, CELLS**2, SPARE), axis=2, names=names)
        return [self.reshape(p, [0, 0, side, side], f'{p}.map') for p, side in zip(parts, (CELLS_Z, CELLS, 2))]

    def join(self, maps):
        flat = [self.reshape(m, [0, 0, -1], f'{m}.flat') for m in maps]
        return self.swap(self.op('Concat', flat, 'wide.joined', axis=2), 'wide.tokens')

    def search_map(self, u):
        y = self.op('Slice', [u, self.ints(CELLS_Z**2), self.ints(CELLS_Z**2 + CELLS**2), self.ints(1)], 'found.tokens')
        return self.reshape(self.swap(y, 'found.rows'), [0, 0, CELLS, CELLS], 'found')

    def output(self, y, name):
        self.op('Identity', [y], name)
        return name

    def build(self, layers, widths):
        """-> onnx model: template f32 [B, 3, 128, 128] and crop u8 [B, 3, 256, 256] in, three maps out."""
        self.channels = dict(widths.attention())
        x = self.to_float(self.input('crop', TensorProto.UINT8, [3, SEARCH, SEARCH]), 'crop.f32')
        z = self.input('template', TensorProto.FLOAT, [3, TEMPLATE, TEMPLATE])
        forward(self, layers, z, x)
        for name, maps in (('score', 1), ('size', 2), ('offset', 2)):
            shape = ['batch', maps, CELLS, CELLS]
            self.outputs.append(helper.make_tensor_value_info(f'{name}_logit', TensorProto.FLOAT, shape))
        return self.model('canvas')

    def model(self, name):
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, list(self.constants.values()))
        opsets = [helper.make_opsetid('', OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name='evtrackd')
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return model


class IntegerGraph(FloatGraph):
    """Spikes are uint8. Layers are `Snapped`."""

    def zero(self):
        return self.constant('zero', np.uint8(0))

    def one(self):
        return self.f32('one', 1)

    def clip(self, y, name):
        return self.op('Clip', [y, self.zero(), self.constant('four', np.uint8(4))], self.fresh(name))

    def spike(self, u, name):
        return self.clip(self.op('QuantizeLinear', [u, self.one(), self.zero()], f'{name}.whole'), name)

    def as_numbers(self, s, name):
        return self.to_float(s, name)

    def real(self, layer):
        return layer.real_weight(), layer.real_bias()

    def conv(self, s, layer):
        if layer.reads != 'spikes':
            return super().conv(s, layer)
        name, rounded = layer.name, layer.step is not None
        scale = np.exp2(-layer.exponent + (layer.step if rounded else 0))
        inputs = [
            s, self.one(), self.zero(), self.constant(f'{name}.weight', layer.weight.astype(np.int8)),
            self.f32(f'{name}.scale', scale), self.constant(f'{name}.middle', np.zeros(len(scale), np.int8)), self.one(),
            self.constant('half', np.uint8(128)) if rounded else self.zero(),
            self.constant(f'{name}.bias', layer.bias.astype(np.int32)),
        ]
        y = self.op('QLinearConv', inputs, self.fresh(f'{name}.sum'), **self.shape_of(layer))
        if not rounded:
            return self.clip(y, name)
        steps = self.f32(f'{name}.step', np.exp2(-layer.step))
        halves = self.constant(f'halves_{len(scale)}', np.full(len(scale), 128, np.uint8))
        return self.op('DequantizeLinear', [y, steps, halves], self.fresh(name), axis=1)

    def linear(self, s, layer):
        name = layer.name
        matrix = self.constant(f'{name}.weight', layer.weight[:, :, 0, 0].T.astype(np.int8))
        inputs = [s, matrix, self.one(), self.f32(f'{name}.scale', np.exp2(-layer.exponent)), self.zero(),
                  self.constant(f'{name}.middle', np.zeros(len(layer.bias), np.int8)), self.f32(f'{name}.bias', layer.real_bias())]
        y = self.op('MatMulIntegerToFloat', inputs, f'{name}.sum', domain=MICROSOFT)
        return self.written(y, layer)


def template_graph():
    """The template enters the canvas as it is, so the graph of a template only makes numbers of its bytes."""
    g = FloatGraph()
    g.to_float(g.input('crop', TensorProto.UINT8, [3, TEMPLATE, TEMPLATE]), 'template')
    g.outputs.append(helper.make_tensor_value_info('template', TensorProto.FLOAT, ['batch', 3, TEMPLATE, TEMPLATE]))
    return g.model('template')
