"""Builds ONNX graphs of the tracker's integers, in two dialects of the same numbers.

'int8': QLinearConv with uint8 spikes and int8 weights, the form the CPU provider runs fastest.
'fp32': Conv, Clip and Round on the same integers as float32, for every other provider.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import grid

OPSET = 13


class OnnxBuilder:
    """One graph. Each method adds one step of the network and returns the name of its tensor, as describe.py does."""

    def __init__(self, dialect, part):
        self.dialect, self.part = dialect, part
        self.nodes, self.constants, self.inputs, self.outputs = [], {}, [], []
        self.casts = set()

    def constant(self, name, value):
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def f32(self, name, value):
        return self.constant(name, np.asarray(value, np.float32))

    def op(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def crop(self, shape):
        self.inputs.append(helper.make_tensor_value_info('crop', TensorProto.UINT8, ['batch', *shape]))
        return 'crop' if self.dialect == 'int8' else self.op('Cast', ['crop'], 'crop_f32', to=TensorProto.FLOAT)

    def state(self, name, shape, *, kind, high):
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ['batch', *shape]))
        return name

    def output(self, name, shape, *, of=None):
        if of is not None:
            self.op('Identity', [of], name)
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ['batch', *shape]))

    def to_float(self, x):
        name = f'{x}_f32'
        if self.dialect == 'fp32' or name in self.casts:
            return x if self.dialect == 'fp32' else name
        self.casts.add(name)
        return self.op('Cast', [x], name, to=TensorProto.FLOAT)

    def zero_u8(self):
        return self.constant('zero_u8', np.uint8(0))

    def conv(self, x, layer, name, raw=False):
        """One integer layer on spikes (or bytes) -> spikes, or a float increment of a membrane. raw: without the clip."""
        increment = layer['writes'] == 'increment'
        scale = np.exp2(-layer['exponent']).astype(np.float32)
        left, right, top, bottom = layer['pads']
        common = dict(kernel_shape=list(layer['weight'].shape[2:]), strides=layer['stride'],
                      pads=[top, left, bottom, right], group=layer['groups'])
        weight = self.constant(f'{name}.weight', layer['weight'].astype(np.int8))
        if self.dialect == 'int8':
            y = self.op('QLinearConv', [
                x, self.f32('one', 1), self.zero_u8(), weight, self.f32(f'{name}.scale', scale),
                self.constant(f'{name}.zero', np.zeros(len(scale), np.int8)),
                self.f32('step', 1 / grid.STEP) if increment else 'one',
                self.constant('middle_u8', np.uint8(128)) if increment else 'zero_u8',
                self.constant(f'{name}.bias', layer['bias'].astype(np.int32)),
            ], name if raw else f'{name}.sum', **common)
            if increment:
                return self.op('DequantizeLinear', [y, 'step', 'middle_u8'], name)
            return y if raw else self.op('Clip', [y, 'zero_u8', self.constant('depth_u8', np.uint8(grid.DEPTH))], name)
        unit = grid.STEP if increment else 1
        column = (scale * unit).reshape(-1, 1, 1, 1)
        real = self.op('Cast', [weight], f'{name}.weight_f32', to=TensorProto.FLOAT)
        real = self.op('Mul', [real, self.f32(f'{name}.scale', column)], f'{name}.kernel')
        bias = self.f32(f'{name}.bias', layer['bias'] * scale * unit)
        y = self.op('Conv', [x, real, bias], f'{name}.sum', **common)
        if not increment:
            return self.round_clip(y, name)
        y = self.op('Round', [y], f'{name}.whole')
        y = self.op('Clip', [y, self.f32('low', -128), self.f32('high', 127)], f'{name}.steps')
        return self.op('Mul', [y, self.f32('step', 1 / grid.STEP)], name)

    def round_clip(self, u, name):
        y = self.op('Clip', [u, self.f32('zero', 0), self.f32('depth', grid.DEPTH)], f'{name}.clipped')
        return self.op('Round', [y], name)

    def spike(self, u, name):
        """Membrane (float) -> spikes."""
        if self.dialect == 'fp32':
            return self.round_clip(u, name)
        y = self.op('QuantizeLinear', [u, self.f32('one', 1), self.zero_u8()], f'{name}.sum')
        return self.op('Clip', [y, 'zero_u8', self.constant('depth_u8', np.uint8(grid.DEPTH))], name)

    def add(self, a, b, name):
        return self.op('Add', [a, b], name)

    def offset(self, u, values, name):
        """Adds a constant of the network to a membrane."""
        return self.op('Add', [u, self.f32(f'{name}.constant', values)], name)

    def reshape(self, x, shape, name):
        return self.op('Reshape', [x, self.constant('shape_' + '_'.join(map(str, shape)), np.array(shape, np.int64))], name)

    def heads(self, x, heads, *, shape, name):
        """Spikes of a q, k, v projection -> three tensors [B, heads, shape[0], shape[1]]."""
        y = self.reshape(self.to_float(x), [0, 3 * heads, *shape], f'{name}.heads')
        split = [f'{name}.q', f'{name}.k', f'{name}.v']
        self.nodes.append(helper.make_node(
            'Split', [y, self.constant('split_heads', np.array([heads] * 3, np.int64))], split, name=f'{name}.split', axis=1))
        return split

    def tokens(self, x, shape, name):
        """Spikes of a map as a matrix [B, channels, cells]."""
        return self.reshape(self.to_float(x), [0, *shape], name)

    def transpose(self, x, name, *, shape):
        """[B, channels, cells] of a map -> [B, cells, channels]."""
        return self.op('Transpose', [self.reshape(x, [0, *shape], f'{name}.flat')], name, perm=[0, 2, 1])

    def minimum(self, a, b, name):
        return self.op('Min', [self.to_float(a), self.to_float(b)], name)

    def product(self, a, b, name, *, rows, inner, columns, groups=1, transpose_b=False, shift=0):
        """a b (or a b'), times 2**-shift, exact: integers below 2**24."""
        if transpose_b:
            b = self.op('Transpose', [b], f'{b}_t', perm=[0, 1, 3, 2])
        if shift == 0:
            return self.op('MatMul', [a, b], name)
        y = self.op('MatMul', [a, b], f'{name}.product')
        return self.op('Mul', [y, self.f32(f'two_to_minus_{shift}', 2.0**-shift)], name)

    def biased(self, x, bias, name, *, shape, heads=None):
        """Adds a bias to each row of a product and makes it a map."""
        column = bias.reshape(1, -1, 1) if heads is None else bias.reshape(1, heads, -1, 1)
        y = self.op('Add', [x, self.f32(f'{name}.bias', column)], f'{name}.rows')
        return self.reshape(y, [0, *shape], name)

    def logits(self, x, layer, name):
        scale = np.exp2(-layer['exponent'])
        real = (layer['weight'] * scale.reshape(-1, 1, 1, 1)).astype(np.float32)
        bias = self.f32(f'{name}.bias', layer['bias'] * scale)
        left, right, top, bottom = layer['pads']
        pads = dict(pads=[top, left, bottom, right]) if any(layer['pads']) else {}
        return self.op('Conv', [self.to_float(x), self.f32(f'{name}.weight', real), bias], name,
                       kernel_shape=list(real.shape[2:]), **pads)

    def model(self):
        graph = helper.make_graph(self.nodes, self.part, self.inputs, self.outputs, list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)], producer_name='evtrackd')
        model.ir_version = 7
        onnx.checker.check_model(model, full_check=True)
        return model
