"""Names and shapes of the SDTrack-Tiny state (one time step, four levels), and the check of a checkpoint against them."""
from dataclasses import dataclass

import numpy as np

from checkpoint import Tensor
from errors import ConvertError

HEADS = 8
TEMPLATE, SEARCH, CANVAS = 128, 256, 384
STRIDE = 16
EPS = 1e-5
TOWERS = (('ctr', 1), ('offset', 2), ('size', 2))


@dataclass(frozen=True)
class Widths:
    """Channels of the stages. Only `TINY` is an official network; others of the same build serve tests."""

    stem: int = 32
    stage1: int = 64
    stage2: int = 128
    tokens: int = 256
    wide: int = 360
    head: tuple = (256, 128, 64, 32)

    def conv_blocks(self):
        return [('ConvBlock1_1', self.stem), ('ConvBlock1_2', self.stage1), ('ConvBlock2_1', self.stage2),
                ('ConvBlock2_2', self.stage2)]

    def attention(self):
        return [(f'block3.{i}', self.tokens) for i in range(6)] + [(f'block4.{i}', self.wide) for i in range(2)]


TINY = Widths()


def norm(name, channels):
    per_channel = {f'{name}.{part}': (channels,) for part in ('weight', 'bias', 'running_mean', 'running_var')}
    return {**per_channel, f'{name}.num_batches_tracked': ()}


def biased(name, out, rest):
    return {f'{name}.weight': (out, *rest), f'{name}.bias': (out,)}


def down(name, kernel, channels):
    came, out = channels
    name = f'backbone.{name}'
    return {**biased(f'{name}.encode_conv', out, (came, kernel, kernel)), **norm(f'{name}.encode_bn', out)}


def conv_block(name, c):
    name = f'backbone.{name}.0'
    shapes = {}
    for part, out, came, kernel in (('pwconv1', 2 * c, c, 1), ('dwconv', 2 * c, 1, 7), ('pwconv2', c, 2 * c, 1)):
        shapes[f'{name}.Conv.{part}.0.weight'] = (out, came, kernel, kernel)
        shapes.update(norm(f'{name}.Conv.{part}.1', out))
    for i, out, came in ((1, 4 * c, c), (2, c, 4 * c)):
        shapes[f'{name}.conv{i}.weight'] = (out, came, 3, 3)
        shapes.update(norm(f'{name}.bn{i}', out))
    return shapes


def attention_block(name, c):
    name = f'backbone.{name}'
    shapes = {}
    for part, out, came in (('q', c, c), ('k', c, c), ('v', 4 * c, c), ('proj', c, 4 * c)):
        shapes[f'{name}.attn.{part}_conv.0.weight'] = (out, came, 1, 1)
        shapes.update(norm(f'{name}.attn.{part}_conv.1', out))
    for i, out, came in ((1, 4 * c, c), (2, c, 4 * c)):
        shapes.update(biased(f'{name}.mlp.fc{i}_conv', out, (came, 1)))
        shapes.update(norm(f'{name}.mlp.fc{i}_bn', out))
    return shapes


def expected_shapes(widths=TINY):
    """{name: shape} of the whole state."""
    w, shapes = widths, {}
    for name, kernel, channels in (('downsample1_1', 7, (3, w.stem)), ('downsample1_2', 3, (w.stem, w.stage1)),
                                   ('downsample2', 3, (w.stage1, w.stage2)), ('downsample3', 3, (w.stage2, w.tokens)),
                                   ('downsample4', 3, (w.tokens, w.wide))):
        shapes.update(down(name, kernel, channels))
    for name, c in w.conv_blocks():
        shapes.update(conv_block(name, c))
    for name, c in w.attention():
        shapes.update(attention_block(name, c))
    for tower, outputs in TOWERS:
        came = w.wide
        for i, out in enumerate(w.head, 1):
            shapes.update(biased(f'box_head.conv{i}_{tower}.1', out, (came, 3, 3)))
            shapes.update(norm(f'box_head.conv{i}_{tower}.2', out))
            came = out
        shapes.update(biased(f'box_head.conv5_{tower}', outputs, (came, 1, 1)))
    return shapes


def checked_state(saved, widths=TINY):
    """What a checkpoint holds -> ({name: float64 array}, names that the network has no use for)."""
    if not isinstance(saved, dict) or not isinstance(saved.get('net'), dict):
        keys = ', '.join(str(k) for k in saved)[:200] if isinstance(saved, dict) else type(saved).__name__
        raise ConvertError(f'The checkpoint has no state dictionary under "net"; it holds: {keys}.')
    found, state = saved['net'], {}
    for name, shape in expected_shapes(widths).items():
        tensor = found.get(name)
        if tensor is None:
            raise ConvertError(f'Tensor {name} is missing, expected shape {list(shape)}.')
        if not isinstance(tensor, Tensor):
            raise ConvertError(f'{name} is no tensor, expected one of shape {list(shape)}.')
        if tensor.shape != shape:
            raise ConvertError(f'Tensor {name} has shape {list(tensor.shape)}, expected {list(shape)}.')
        value = tensor.numpy().astype(np.float64)
        if not np.isfinite(value).all():
            raise ConvertError(f'Tensor {name} holds a number that is not finite.')
        if name.endswith('running_var') and (value < 0).any():
            raise ConvertError(f'Tensor {name} holds a negative variance.')
        state[name] = value
    return state, sorted(str(k) for k in found if k not in state)


def count_parameters(state):
    return sum(v.size for k, v in state.items() if not k.endswith(('running_mean', 'running_var', 'num_batches_tracked')))
