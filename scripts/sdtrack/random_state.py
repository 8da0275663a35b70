"""A checkpoint of the official layout with random weights and living activity, for tests and timing."""
import argparse

import torch

from eager import Eager
from layout import TINY, expected_shapes
from samples import make_samples


def random_state(seed, widths=TINY):
    """{name: float32 tensor}: batch-norm statistics are those of the network's own activity on sample crops."""
    rng = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in expected_shapes(widths).items():
        if name.endswith('num_batches_tracked'):
            state[name] = torch.tensor(1000)
        elif name.endswith('running_var'):
            state[name] = torch.ones(shape)
        elif name.endswith('running_mean'):
            state[name] = torch.zeros(shape)
        elif len(shape) > 1:
            fan_in = torch.Size(shape[1:]).numel()
            state[name] = torch.randn(shape, generator=rng) * fan_in**-0.5
        elif name.endswith('weight'):
            state[name] = 0.5 + torch.rand(shape, generator=rng)
        else:
            # Sparse queries, keys and values: their product over 324 tokens would saturate otherwise.
            middle = -0.6 if name.endswith(('q_conv.1.bias', 'k_conv.1.bias', 'v_conv.1.bias')) else 0.3
            state[name] = middle + 0.5 * torch.randn(shape, generator=rng)
    z, x = (torch.from_numpy(a).float() for a in make_samples(1, seed))
    network = Eager(state, widths)
    network.calibrate = True
    with torch.no_grad():
        network(z, x)
    return state


def checkpoint(state):
    """As the official file holds it: training state beside the network, settings in an object of argparse."""
    settings = argparse.Namespace(lr=0.0004, script='sdtrack', save_dir='.')
    return dict(net=state, epoch=300, settings=settings, optimizer=dict(param_groups=[dict(lr=0.0)]), stats=None)
