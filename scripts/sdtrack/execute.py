"""The forward pass in torch: `FloatOps` as the checkpoint says, `IntegerOps` as the integer graph says, bit for bit."""
import numpy as np
import torch
import torch.nn.functional as F

from layout import CANVAS, HEADS, SEARCH, STRIDE
from network import attention_scale

CELLS = SEARCH // STRIDE
CELLS_Z = (CANVAS - SEARCH) // STRIDE
SPARE = 4


def canvas(z, x):
    out = torch.zeros(len(x), 3, CANVAS, CANVAS, dtype=x.dtype)
    out[:, :, :SEARCH, :SEARCH] = x
    out[:, :, SEARCH:, SEARCH:] = z
    return out


def round_clip(u):
    return u.clamp(0, 4).round_()


class FloatOps:
    """watch(layer, inputs, outputs before rounding) sees every layer; spikes(name, s) every layer's spikes."""

    def __init__(self, dtype=torch.float32, watch=None, spikes=None):
        self.dtype, self.watch, self.spikes, self.parameters = dtype, watch, spikes, {}

    def kernel(self, layer):
        if layer.name not in self.parameters:
            self.parameters[layer.name] = tuple(torch.from_numpy(p).to(self.dtype) for p in (layer.weight, layer.bias))
        return self.parameters[layer.name]

    def stem(self, z, x, layer):
        return self.conv(canvas(z, x).to(self.dtype), layer)

    def seen(self, s, name):
        if self.spikes is not None:
            self.spikes(name, s)
        return s

    def spike(self, u, name):
        return self.seen(round_clip(u), name)

    def sum(self, s, layer):
        weight, bias = self.kernel(layer)
        return F.conv2d(s, weight, bias, layer.stride, layer.pad, 1, layer.groups)

    def conv(self, s, layer):
        y = self.sum(s, layer)
        if self.watch is not None:
            self.watch(layer, s, y)
        return self.seen(round_clip(y), layer.name) if layer.writes == 'spikes' else y

    def linear(self, s, layer):
        y = self.conv(s.transpose(1, 2).unsqueeze(-1), layer)
        return y.squeeze(-1).transpose(1, 2)

    def add(self, a, b, name):
        return a + b

    def tokens(self, u):
        z = u[:, :, CELLS:, CELLS:].flatten(2)
        x = u[:, :, :CELLS, :CELLS].flatten(2)
        spare = u.new_zeros(len(u), u.shape[1], SPARE)
        return torch.cat([z, x, spare], 2).transpose(1, 2)

    def attention(self, qkv, name):
        b, t, six = qkv.shape
        c = six // 6
        q, k, v = qkv.split([c, c, 4 * c], 2)
        q, k, v = (p.reshape(b, t, HEADS, -1).transpose(1, 2) for p in (q, k, v))
        o = self.scaled(q @ (k.transpose(2, 3) @ v), c).transpose(1, 2).reshape(b, t, 4 * c)
        return self.spike(o, f'{name}.read').to(self.dtype)

    def scaled(self, o, channels):
        return o * attention_scale(channels)

    def maps(self, s):
        s = s.transpose(1, 2)
        cut = s.split([CELLS_Z**2, CELLS**2, SPARE], 2)
        return [p.reshape(*s.shape[:2], side, side) for p, side in zip(cut, (CELLS_Z, CELLS, 2))]

    def join(self, maps):
        return torch.cat([m.flatten(2) for m in maps], 2).transpose(1, 2)

    def search_map(self, u):
        return u[:, CELLS_Z**2:CELLS_Z**2 + CELLS**2].transpose(1, 2).reshape(len(u), -1, CELLS, CELLS)

    def output(self, y, name):
        return y


class IntegerOps(FloatOps):
    """Layers are `Snapped`. Sums are whole numbers below 2**24; a membrane is a float32 and added as one."""

    def kernel(self, layer):
        if layer.name not in self.parameters:
            # A layer that reads a membrane takes real numbers on a common grid, every other one integers.
            weight, bias = (layer.real_weight(), layer.real_bias()) if layer.reads == 'membrane' else (layer.weight, layer.bias)
            column = torch.from_numpy(np.exp2(-layer.exponent)).to(self.dtype).view(-1, 1, 1)
            self.parameters[layer.name] = (torch.from_numpy(weight).to(self.dtype), torch.from_numpy(bias).to(self.dtype), column)
        return self.parameters[layer.name]

    def sum(self, s, layer):
        weight, bias, column = self.kernel(layer)
        y = F.conv2d(s, weight, bias, layer.stride, layer.pad, 1, layer.groups)
        if layer.reads == 'membrane':
            return y
        if not torch.equal(y, y.round()):
            raise AssertionError(f'{layer.name}: this torch does not sum whole numbers exactly')
        y = y * column
        if layer.step is None:
            return y
        step = torch.from_numpy(np.exp2(layer.step)).to(self.dtype).view(-1, 1, 1)
        return (y * step).round_().clamp_(-128, 127) / step

    def add(self, a, b, name):
        return (a + b).float().to(self.dtype)

    def scaled(self, o, channels):
        # The one factor that is no power of two: a single float32 product of a whole number, then the rounding.
        return o.float() * torch.tensor(attention_scale(channels), dtype=torch.float32)
