"""Writes what the converter's test needs into FOLDER: checkpoints in both formats of torch.save, samples, expected maps.

One spike that rounds the other way changes all after it, so two right programs may disagree wholly. The weights are
therefore put on a grid where float32 sums are exact and none comes near a tie; batch-norm still has work to do.
"""
import os
import sys

import numpy as np
import torch

HERE = os.path.dirname(os.path.realpath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, '..', '..', 'scripts', 'sdtrack')]

from layout import Widths
from random_state import checkpoint, random_state
from samples import make_samples
from sdtrack_independent import EPS, Network

# Heads of 8 and 10 channels: the attention's factor is irrational, so it makes no ties.
WIDTHS = Widths(8, 16, 32, 64, 80, (64, 32, 16, 8))


def conv_of(norm):
    for ending, conv in (('encode_bn', 'encode_conv'), ('bn1', 'conv1'), ('bn2', 'conv2'), ('fc1_bn', 'fc1_conv'),
                         ('fc2_bn', 'fc2_conv')):
        if norm.endswith(ending):
            return norm[:-len(ending)] + conv
    stem, number = norm.rsplit('.', 1)
    return f'{stem}.{int(number) - 1}'


def put_on_grid(state):
    rng = np.random.default_rng(7)
    for norm in [n[:-len('.running_var')] for n in state if n.endswith('.running_var')]:
        conv = conv_of(norm)
        weight, gain, shift, mean, var = (state[n].double().numpy() for n in (
            f'{conv}.weight', *(f'{norm}.{p}' for p in ('weight', 'bias', 'running_mean', 'running_var'))))
        bias = state[f'{conv}.bias'].double().numpy() if f'{conv}.bias' in state else np.zeros(len(weight))
        factor = gain / np.sqrt(var + EPS)
        column = (-1, *[1] * (weight.ndim - 1))
        unit = 2.0**-12 if 'downsample1_1' in conv else 2.0**-5
        folded = np.round(weight * factor.reshape(column) / unit) * unit
        wanted = np.round((shift + (bias - mean) * factor) * 2**7) / 2**7 + 2.0**-14
        deviation = 2.0 ** rng.integers(-1, 2, len(weight))
        mean, bias = (rng.integers(-64, 65, len(weight)) / 64 * deviation for _ in range(2))
        if f'{conv}.bias' not in state:
            bias = np.zeros(len(weight))
        new = {f'{conv}.weight': folded * deviation.reshape(column), f'{norm}.weight': np.ones(len(weight)),
               f'{norm}.running_var': deviation**2 - EPS, f'{norm}.running_mean': mean,
               f'{norm}.bias': wanted + (mean - bias) / deviation}
        if f'{conv}.bias' in state:
            new[f'{conv}.bias'] = bias
        for name, value in new.items():
            state[name] = torch.from_numpy(value).float()
    return state


def main(folder):
    torch.set_num_threads(1)
    state = put_on_grid(random_state(3, WIDTHS))
    saved = checkpoint(state)
    # As in a training run: parameters that want gradients, a view of a larger storage, half precision.
    saved['optimizer'] = dict(momentum=torch.arange(12.0).reshape(3, 4)[:, 1:3].half())
    saved['net'] = torch.nn.Module.state_dict(torch.nn.ModuleList())
    saved['net'].update({k: torch.nn.Parameter(v) if v.is_floating_point() else v for k, v in state.items()})
    torch.save(saved, os.path.join(folder, 'zip.pth'))
    torch.save(saved, os.path.join(folder, 'legacy.pth'), _use_new_zipfile_serialization=False)
    z, x = make_samples(2, 11)
    np.savez(os.path.join(folder, 'samples.npz'), z=z, x=x)
    maps = Network({k: v.double().numpy() for k, v in state.items()})(z[1], x[1])
    for name, value in zip(('score', 'size', 'offset'), maps):
        value.astype('<f8').tofile(os.path.join(folder, f'{name}.f64'))


main(sys.argv[1])
