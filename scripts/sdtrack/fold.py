"""State -> layers: batch-norm folded into the convolution before it, the quarter of a spike folded into the next weights.

Between layers a spike is a whole number 0..4 here (upstream: 0, 1/4 .. 1), so a layer that reads spikes carries a factor
of 1/4, which is exact. Everything is float64.
"""
from dataclasses import dataclass

import numpy as np

from layout import EPS, TINY, TOWERS


@dataclass(frozen=True)
class Layer:
    """y = conv(x) + bias, then rounded to spikes when `writes` says so. A token layer has a 1x1 kernel."""

    name: str
    weight: np.ndarray  # [O, I / groups, k, k]
    bias: np.ndarray  # [O]
    reads: str = 'spikes'  # 'bytes' | 'spikes' | 'membrane'
    writes: str = 'membrane'  # 'membrane' | 'spikes'
    stride: int = 1
    groups: int = 1

    @property
    def pad(self):
        return (self.weight.shape[2] - 1) // 2


def fold(state, conv, norm):
    """-> (weight [O, I, k, k], bias [O]) of the convolution `conv` and the batch-norm `norm` after it."""
    weight = state[f'{conv}.weight']
    weight = weight.reshape(*weight.shape[:2], *(weight.shape[2:] if weight.ndim == 4 else (1, 1)))
    bias = state.get(f'{conv}.bias', np.zeros(len(weight)))
    gain = state[f'{norm}.weight'] / np.sqrt(state[f'{norm}.running_var'] + EPS)
    return weight * gain.reshape(-1, 1, 1, 1), state[f'{norm}.bias'] + (bias - state[f'{norm}.running_mean']) * gain


def folded_layers(state, widths=TINY):
    """{name: Layer} in the order of the network."""
    layers = {}

    def put(name, weight, bias, **how):
        quarter = 4 if how.get('reads', 'spikes') == 'spikes' else 1
        layers[name] = Layer(name, weight / quarter, bias, **how)

    def down(name, **how):
        put(name, *fold(state, f'backbone.{name}.encode_conv', f'backbone.{name}.encode_bn'), **how)

    def conv_block(name):
        path = f'backbone.{name}.0'
        for part, how in (('pwconv1', dict(writes='spikes')), ('dwconv', dict(writes='spikes')), ('pwconv2', {})):
            weight, bias = fold(state, f'{path}.Conv.{part}.0', f'{path}.Conv.{part}.1')
            put(f'{name}.{part}', weight, bias, groups=len(weight) if part == 'dwconv' else 1, **how)
        put(f'{name}.conv1', *fold(state, f'{path}.conv1', f'{path}.bn1'), writes='spikes')
        put(f'{name}.conv2', *fold(state, f'{path}.conv2', f'{path}.bn2'))

    def attention(name):
        path = f'backbone.{name}'
        parts = [fold(state, f'{path}.attn.{p}_conv.0', f'{path}.attn.{p}_conv.1') for p in 'qkv']
        put(f'{name}.qkv', *(np.concatenate(both) for both in zip(*parts)), writes='spikes')
        put(f'{name}.proj', *fold(state, f'{path}.attn.proj_conv.0', f'{path}.attn.proj_conv.1'))
        put(f'{name}.fc1', *fold(state, f'{path}.mlp.fc1_conv', f'{path}.mlp.fc1_bn'), writes='spikes')
        put(f'{name}.fc2', *fold(state, f'{path}.mlp.fc2_conv', f'{path}.mlp.fc2_bn'))

    down('downsample1_1', reads='bytes', stride=2)
    conv_block('ConvBlock1_1')
    down('downsample1_2', stride=2)
    conv_block('ConvBlock1_2')
    down('downsample2', stride=2)
    conv_block('ConvBlock2_1')
    conv_block('ConvBlock2_2')
    down('downsample3', stride=2)
    for name, _ in widths.attention():
        if name == 'block4.0':
            down('downsample4')
        attention(name)
    for tower, _ in TOWERS:
        for i in range(1, 5):
            writes = 'spikes' if i < 4 else 'membrane'
            put(f'{tower}.conv{i}', *fold(state, f'box_head.conv{i}_{tower}.1', f'box_head.conv{i}_{tower}.2'), writes=writes)
        last = f'box_head.conv5_{tower}'
        put(f'{tower}.conv5', state[f'{last}.weight'], state[f'{last}.bias'], reads='membrane')
    return layers
