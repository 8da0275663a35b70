"""The network as integers and nothing else: network.json (what is connected to what) and network.bin (the numbers).

Every tensor is integers with one exponent: value = integer * 2**-exponent. A layer's name is the name of the tensor that
it writes, here and in both ONNX graphs. This is what the exact executor runs, what energy is counted on and what an
export for a chip starts from; docs/exactness.md explains the kinds of layers.
"""
import json

import numpy as np

import graph
import grid

FORMAT, VERSION = 'evtrackd-network', 1
STEP_BITS = int(np.log2(grid.STEP))
MEMBRANE_BITS = int(-np.log2(grid.HALF_STEP))
SPIKES = dict(type='spikes', exponent=0, low=0, high=grid.DEPTH)
INCREMENT = dict(type='increment', exponent=STEP_BITS, low=-128, high=127)


class Numbers:
    """network.bin: arrays one after another, each at a multiple of 8 bytes, little-endian."""

    def __init__(self):
        self.content, self.rows = bytearray(), []

    def put(self, name, value, dtype):
        whole = np.ascontiguousarray(value, np.dtype(dtype).newbyteorder('<'))
        assert (whole == value).all(), f'{name} does not fit {dtype}'
        self.content += b'\0' * (-len(self.content) % 8)
        self.rows.append(dict(name=name, dtype=dtype, shape=list(whole.shape), offset=len(self.content)))
        self.content += whole.tobytes()
        return name


class Description:
    """One part (template or search). Each method adds one layer and returns its name, as onnx_builder.py does."""

    def __init__(self, part, numbers):
        self.part, self.numbers = part, numbers
        self.tensors, self.inputs, self.layers, self.outputs = {}, [], [], []

    def put(self, name, value, dtype):
        return self.numbers.put(f'{self.part}.{name}', value, dtype)

    def layer(self, kind, inputs, name, *, shape, as_, **rest):
        output = dict(shape=[int(n) for n in shape], **as_)
        self.tensors[name] = output
        self.layers.append(dict(name=name, kind=kind, inputs=list(inputs), **rest, output=output,
                                onnx=dict(int8=name, fp32=name)))
        return name

    def shape(self, name):
        return self.tensors[name]['shape']

    def crop(self, shape):
        return self.take('crop', shape, dict(type='bytes', exponent=0, low=0, high=255))

    def state(self, name, shape, *, kind, high):
        return self.take(name, shape, dict(type=kind, exponent=0, low=0, high=high))

    def take(self, name, shape, as_):
        self.tensors[name] = dict(shape=list(shape), **as_)
        self.inputs.append(dict(name=name, **self.tensors[name]))
        return name

    def output(self, name, shape, *, of=None):
        self.outputs.append(dict(name=name, layer=of or name))

    def conv(self, x, layer, name, raw=False, as_=None):
        left, right, top, bottom = layer['pads']
        (_, height, width), (outputs, _, rows, columns) = self.shape(x), layer['weight'].shape
        down, across = layer['stride']
        shape = [outputs, (height + top + bottom - rows) // down + 1, (width + left + right - columns) // across + 1]
        return self.layer(
            'conv', [x], name, shape=shape,
            as_=as_ or (INCREMENT if layer['writes'] == 'increment' else SPIKES),
            weight=self.put(f'{name}.weight', layer['weight'], 'int8'), bias=self.put(f'{name}.bias', layer['bias'], 'int32'),
            exponents=self.put(f'{name}.exponents', layer['exponent'], 'uint8'), stride=[int(down), int(across)],
            pads=[int(n) for n in (top, left, bottom, right)], groups=int(layer['groups']))

    def spike(self, u, name):
        return self.layer('spike', [u], name, shape=self.shape(u), as_=SPIKES)

    def add(self, a, b, name):
        types = {self.tensors[a]['type'], self.tensors[b]['type']}
        kind = 'membrane' if 'membrane' in types else 'product'
        exponent = max(self.tensors[t]['exponent'] for t in (a, b))
        return self.layer('add', [a, b], name, shape=self.shape(a), as_=dict(type=kind, exponent=exponent))

    def offset(self, u, values, name):
        values = np.asarray(values, np.float64)
        values = values.reshape(values.shape[1:]) if values.ndim == 4 else values.reshape(1, 1, 1)
        constant = self.put(f'{name}.constant', values * 2.0**MEMBRANE_BITS, 'int32')
        return self.layer('add', [u], name, shape=self.shape(u), constant=constant,
                          as_=dict(type='membrane', exponent=MEMBRANE_BITS))

    def heads(self, x, heads, *, shape, name):
        each = self.shape(x)[0] // 3
        return [self.layer('slice', [x], f'{name}.{part}', shape=[each, *self.shape(x)[1:]], first=i * each, as_=SPIKES)
                for i, part in enumerate('qkv')]

    def tokens(self, x, shape, name):
        return x

    def transpose(self, x, name, *, shape):
        return self.layer('transpose', [x], name, shape=shape[::-1], as_=SPIKES)

    def minimum(self, a, b, name):
        return self.layer('minimum', [a, b], name, shape=self.shape(a), as_=SPIKES)

    def product(self, a, b, name, *, groups=1, rows, inner, columns, transpose_b=False, shift=0):
        """Matrices lie in memory as the maps do: `groups` of rows x inner times inner x columns (or its transpose)."""
        return self.layer('matmul', [a, b], name, shape=[groups, rows, columns], as_=dict(type='product', exponent=shift),
                          groups=groups, rows=rows, inner=inner, columns=columns, transposeB=transpose_b)

    def biased(self, x, bias, name, *, shape, heads=None):
        exponent = self.tensors[x]['exponent'] + 1
        constant = self.put(f'{name}.constant', np.asarray(bias, np.float64).reshape(-1, 1, 1) * 2.0**exponent, 'int32')
        return self.layer('add', [x], name, shape=shape, constant=constant, as_=dict(type='membrane', exponent=exponent))

    def logits(self, x, layer, name):
        return self.conv(x, layer, name, as_=dict(type='logit', exponent=None))


def files(p, walks=graph.PARTS):
    """-> {'network.json': bytes, 'network.bin': bytes}"""
    numbers, parts = Numbers(), {}
    for part, tell in walks.items():
        told = tell(Description(part, numbers), p)
        parts[part] = dict(inputs=told.inputs, layers=told.layers, outputs=told.outputs)
    network = dict(format=FORMAT, version=VERSION, depth=grid.DEPTH, data='network.bin', tensors=numbers.rows, parts=parts)
    return {'network.json': (json.dumps(network, indent=1) + '\n').encode(), 'network.bin': bytes(numbers.content)}
