"""Writes the tracker's integers as ONNX graphs, in two dialects of the same numbers.

'int8': QLinearConv with uint8 spikes and int8 weights, the form the CPU provider runs fastest.
'fp32': Conv, Clip and Round on the same integers as float32, for every other provider.
Template and search graphs take the raw uint8 crop and agree bit by bit between dialects.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import grid
import net as tracker_net

OPSET = 13


class Graph:
    def __init__(self, dialect, crop):
        self.dialect, self.crop = dialect, crop
        self.nodes, self.constants, self.inputs, self.outputs = [], {}, [], []

    def constant(self, name, value):
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def op(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def input(self, name, dtype, shape):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, ['batch', *shape]))
        return name

    def output(self, name, shape):
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ['batch', *shape]))

    def f32(self, name, value):
        return self.constant(name, np.asarray(value, np.float32))

    def zero_u8(self):
        return self.constant('zero_u8', np.uint8(0))

    def start(self, crop):
        return crop if self.dialect == 'int8' else self.op('Cast', [crop], 'crop_f32', to=TensorProto.FLOAT)

    def to_float(self, x, name):
        return x if self.dialect == 'fp32' else self.op('Cast', [x], name, to=TensorProto.FLOAT)

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
            ], f'{name}.sum', **common)
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

    def reshape(self, x, shape, name):
        return self.op('Reshape', [x, self.constant('shape_' + '_'.join(map(str, shape)), np.array(shape, np.int64))], name)

    def scaled_spike(self, x, shift, *, bias, name, shape):
        """spike(x * 2**-shift + bias), reshaped to a map."""
        y = self.op('Mul', [x, self.f32(f'two_to_minus_{shift}', 2.0**-shift)], f'{name}.scaled')
        y = self.reshape(self.add(y, bias, f'{name}.biased'), shape, f'{name}.map')
        return self.spike(y, name)

    def model(self, name):
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)], producer_name='evtrackd')
        model.ir_version = 7
        onnx.checker.check_model(model, full_check=True)
        return model


def features(g, p, crop_input):
    c = g.crop
    layer = p['layers'][c]
    u = g.conv(g.start(crop_input), layer['stem'], 'stem')
    u = g.add(u, g.f32('half_step', grid.HALF_STEP), 'membrane0')
    u = g.add(u, g.conv(g.spike(u, 'spikes0'), layer['res1'], 'res1'), 'membrane1')
    u = g.add(u, g.conv(g.spike(u, 'spikes1'), layer['res2'], 'res2'), 'membrane2')
    u = g.conv(g.spike(u, 'spikes2'), layer['down'], 'down')
    u = g.add(u, g.f32('place', p[f'place_{c}']), 'membrane3')
    u = g.add(u, g.conv(g.spike(u, 'spikes3'), layer['res3'], 'res3'), 'membrane4')
    return g.add(u, g.conv(g.spike(u, 'spikes4'), layer['res4'], 'res4'), 'membrane5')


def project_qkv(g, p, u, i):
    """-> q [B, H, d, T] and v k' [B, H, d, d], floats."""
    c, heads, tokens = p['channels'], p['heads'], p['tokens'][g.crop]
    n = f'block{i}'
    a = g.conv(g.spike(u, f'{n}.in'), p['layers'][g.crop][f'blocks.{i}.qkv'], f'{n}.qkv')
    a = g.reshape(g.to_float(a, f'{n}.qkv_f32'), [0, 3 * heads, c // heads, tokens], f'{n}.heads')
    split = [f'{n}.q', f'{n}.k', f'{n}.v']
    g.nodes.append(helper.make_node(
        'Split', [a, g.constant('split_heads', np.array([heads] * 3, np.int64))], split, name=f'{n}.split', axis=1))
    k = g.op('Transpose', [split[1]], f'{n}.k_t', perm=[0, 1, 3, 2])
    return split[0], g.op('MatMul', [split[2], k], f'{n}.own')


def update(g, p, u, i, *, q, sums, shift):
    c, side = p['channels'], p['sides'][g.crop]
    n, layer = f'block{i}', p['layers'][g.crop]
    o = g.op('MatMul', [sums, q], f'{n}.read')
    bias = g.f32(f'{n}.bias', p['attention_bias'][g.crop][i].reshape(1, p['heads'], c // p['heads'], 1))
    o = g.scaled_spike(o, shift, bias=bias, name=f'{n}.out', shape=[0, c, side, side])
    u = g.add(u, g.conv(o, layer[f'blocks.{i}.project'], f'{n}.project'), f'{n}.attended')
    h = g.conv(g.spike(u, f'{n}.mlp'), layer[f'blocks.{i}.expand'], f'{n}.expand')
    return g.add(u, g.conv(h, layer[f'blocks.{i}.reduce'], f'{n}.reduce'), f'{n}.done')


def template_graph(p, dialect):
    """crop u8 [B, 4, 64, 64] -> key [B, 64, C], sums0.. [B, H, d, d]"""
    g = Graph(dialect, 'z')
    c, d = p['channels'], p['channels'] // p['heads']
    crop = g.input('crop', TensorProto.UINT8, [tracker_net.PLANES, 64, 64])
    u = features(g, p, crop)
    k = g.conv(g.spike(u, 'spikes5'), p['layers']['z']['key'], 'key_spikes')
    mask = g.conv(crop if dialect == 'int8' else 'crop_f32', p['mask'], 'mask', raw=True)
    gated = g.op('Min', [g.to_float(k, 'key_f32'), g.to_float(mask, 'mask_f32')], 'key_gated')
    flat = g.reshape(gated, [0, c, 64], 'key_flat')
    g.op('Transpose', [flat], 'key', perm=[0, 2, 1])
    g.output('key', [64, c])
    for i in range(p['blocks']):
        q, own = project_qkv(g, p, u, i)
        g.op('Identity', [own], f'sums{i}')
        g.output(f'sums{i}', [p['heads'], d, d])
        if i + 1 < p['blocks']:
            u = update(g, p, u, i, q=q, sums=own, shift=tracker_net.ATTENTION_SHIFT_Z)
    return g.model('template')


def search_graph(p, dialect):
    """crop u8 [B, 4, 128, 128], key, sums0.. -> score_logit, size_logit, offset_logit [B, 1|2|2, 16, 16]"""
    g = Graph(dialect, 'x')
    c, d, layer = p['channels'], p['channels'] // p['heads'], p['layers']['x']
    crop = g.input('crop', TensorProto.UINT8, [tracker_net.PLANES, 128, 128])
    key = g.input('key', TensorProto.FLOAT, [64, c])
    sums = [g.input(f'sums{i}', TensorProto.FLOAT, [p['heads'], d, d]) for i in range(p['blocks'])]
    u = features(g, p, crop)
    query = g.conv(g.spike(u, 'spikes5'), layer['query'], 'query_spikes')
    query = g.reshape(g.to_float(query, 'query_f32'), [0, c, 256], 'query')
    match = g.op('MatMul', [key, query], 'match')
    match = g.scaled_spike(match, tracker_net.CORRELATION_SHIFT, name='match_spikes', shape=[0, 64, 16, 16],
                           bias=g.f32('match.bias', p['match_bias'].reshape(1, 64, 1)))
    moved = g.conv(match, layer['gather'], 'gather')
    u = g.add(u, g.conv(moved, layer['merge'], 'merge'), 'membrane6')
    for i in range(p['blocks']):
        q, own = project_qkv(g, p, u, i)
        total = g.add(own, sums[i], f'block{i}.total')
        u = update(g, p, u, i, q=q, sums=total, shift=tracker_net.ATTENTION_SHIFT_X)
    u = g.add(u, g.conv(g.spike(u, 'head.in'), layer['head'], 'head'), 'membrane7')
    h = g.spike(u, 'spikes7')
    for branch, outputs in (('score', [('score', 0, 1)]), ('box', [('size', 0, 2), ('offset', 2, 4)])):
        s = g.to_float(g.conv(h, layer[f'head_{branch}'], f'head_{branch}'), f'head_{branch}_f32')
        for name, first, last in outputs:
            weight, bias = (p[f'{branch}_{part}'][first:last] for part in ('weight', 'bias'))
            g.op('Conv', [s, g.f32(f'{name}.weight', weight), g.f32(f'{name}.bias', bias)], f'{name}_logit',
                 kernel_shape=[1, 1])
            g.output(f'{name}_logit', [last - first, 16, 16])
    return g.model('search')
