"""Float layers -> integers: per output channel a power-of-two scale, weights and bias whole numbers on it.

Every sum stays below 2**24, so int32, float32 and float64 arithmetic give the same number. Where two roundings are
equally near, the even one is taken, on every backend.
"""
from dataclasses import dataclass

import numpy as np

from fold import Layer

LIMIT = 127
# Layers whose products a float32 convolution sums: any whole number that keeps the sum below 2**24 will do.
LIMIT_WIDE = 2**11
SUM_LIMIT = 2**24
INPUT_MAX = {'bytes': 255, 'spikes': 4, 'membrane': 128}
MIN_EXPONENT, MAX_EXPONENT = -8, 24
MIN_STEP, MAX_STEP = -8, 20
# The largest increment seen on the samples takes at most this share of the eight bits.
HEADROOM = 127 / 1.1


@dataclass(frozen=True)
class Snapped:
    """value = integer * 2**-exponent, per output channel; `step`: an increment is a multiple of 2**-step."""

    layer: Layer
    weight: np.ndarray  # integers, [O, I / groups, k, k]
    bias: np.ndarray  # integers, [O]
    exponent: np.ndarray  # [O]
    step: np.ndarray | None  # [O], None where nothing is rounded to eight bits
    grid: np.ndarray | None = None  # [I], exponents of an input that is a membrane

    def __getattr__(self, name):
        return getattr(self.layer, name)

    def real_weight(self):
        """The weights as float32 numbers that a convolution of the real input takes; exact."""
        column = np.exp2(-self.exponent).reshape(-1, 1, 1, 1)
        row = 1 if self.grid is None else np.exp2(self.grid).reshape(1, -1, 1, 1)
        return (self.weight * column * row).astype(np.float32)

    def real_bias(self):
        return (self.bias * np.exp2(-self.exponent)).astype(np.float32)


def snap(layer, *, largest=None, grid=None):
    """largest [O]: greatest magnitudes that a convolution's increment took on the samples; grid [I]: see Snapped."""
    wide = layer.reads != 'spikes'
    weight = layer.weight if grid is None else layer.weight * np.exp2(-grid).reshape(1, -1, 1, 1)
    flat = np.abs(weight).reshape(len(weight), -1)
    limit = LIMIT_WIDE if wide else LIMIT
    exponent = np.floor(np.log2(limit / np.maximum(flat.max(1), 1e-12))).clip(MIN_EXPONENT, MAX_EXPONENT)
    while True:
        scale = np.exp2(exponent)
        whole = np.round(weight * scale.reshape(-1, 1, 1, 1)).clip(-limit, limit)
        bias = np.round(layer.bias * scale)
        sums = np.abs(whole).reshape(len(whole), -1).sum(1) * INPUT_MAX[layer.reads] + np.abs(bias)
        too_large = sums >= SUM_LIMIT
        if not too_large.any():
            break
        exponent = exponent - too_large
    step = None
    if largest is not None:
        step = np.floor(np.log2(HEADROOM / np.maximum(largest, 1e-12))).clip(MIN_STEP, MAX_STEP)
        step = np.minimum(step, exponent)
    return Snapped(layer, whole, bias, exponent, step, grid)


def snapped_layers(layers, largest):
    """largest: {name: [O]} for every convolution that writes a membrane of eight bits (see `rounds`)."""
    out = {}
    for name, layer in layers.items():
        grid = out[name.replace('conv5', 'conv4')].step if layer.reads == 'membrane' else None
        out[name] = snap(layer, largest=largest[name] if rounds(layer) else None, grid=grid)
    return out


def rounds(layer):
    """Whether the integer graph rounds what this layer adds to a membrane: convolutions do, token layers keep 32 bits."""
    return layer.writes == 'membrane' and layer.reads == 'spikes' and not is_linear(layer)


def is_linear(layer):
    return layer.name.endswith(('.proj', '.fc2', '.qkv', '.fc1'))
