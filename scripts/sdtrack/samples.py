"""Crops like those of an event camera, for counting spikes and measuring fidelity when no recorded ones are given.

A soft random texture moves over another one. A pixel makes events as its log intensity passes thresholds; planes follow
the Global Trajectory Prompt: 30 an event, trajectory = 0.8 of itself and 30 for each onset.
"""
import numpy as np

from errors import ConvertError
from layout import SEARCH, TEMPLATE

AMOUNT, DECAY = 30, 0.8
THRESHOLD = 0.25
WINDOWS = 6


def texture(rng, side, grain):
    coarse = rng.random((side // grain + 2, side // grain + 2))
    fine = np.kron(coarse, np.ones((grain, grain)))[:side, :side]
    for axis in (0, 1):
        fine = (np.roll(fine, 1, axis) + 2 * fine + np.roll(fine, -1, axis)) / 4
    return 0.1 + fine


def planes(rng):
    """-> windows [WINDOWS, 3, 256, 256] u8 (trajectory, negative, positive), the target in the middle of each."""
    back, thing = texture(rng, SEARCH + 64, int(rng.integers(8, 40))), texture(rng, SEARCH, int(rng.integers(4, 12)))
    yy, xx = np.mgrid[:SEARCH, :SEARCH] - SEARCH / 2
    size = rng.uniform(20, 40, 2)
    inside = (xx / size[0]) ** 2 + (yy / size[1]) ** 2 < 1
    drift, spin = rng.uniform(-3, 3, 2), rng.uniform(-3, 3, 2)
    trajectory, before, log_before, out = np.zeros((SEARCH, SEARCH)), np.zeros((2, SEARCH, SEARCH)), None, []
    for i in range(WINDOWS + 1):
        dy, dx = (32 + drift * i).round().astype(int)
        ty, tx = (spin * i).round().astype(int)
        view = back[dy:dy + SEARCH, dx:dx + SEARCH].copy()
        view[inside] = np.roll(thing, (ty, tx), (0, 1))[inside]
        log_now = np.log(view)
        if log_before is not None:
            change = np.trunc((log_now - log_before) / THRESHOLD)
            noise = rng.random((2, SEARCH, SEARCH)) < 0.002
            now = np.minimum(255, AMOUNT * np.stack([np.maximum(-change, 0) + noise[0], np.maximum(change, 0) + noise[1]]))
            onset = ((before == 0) & (now > 0)).sum(0) if i > 1 else 0
            trajectory = np.clip(DECAY * trajectory + AMOUNT * onset, 0, 255)
            out.append(np.stack([trajectory, *now]).astype(np.uint8))
            before = now
        log_before = log_now
    return np.stack(out)


def make_samples(count, seed):
    """-> z [N, 3, 128, 128], x [N, 3, 256, 256], bytes."""
    rng, z, x = np.random.default_rng(seed), [], []
    edge = (SEARCH - TEMPLATE) // 2
    for _ in range(count):
        windows = planes(rng)
        z.append(windows[2][:, edge:-edge, edge:-edge])
        x.append(np.roll(windows[-1], rng.integers(-30, 31, 2), (1, 2)))
    return np.stack(z), np.stack(x)


def read_samples(path, count):
    """An .npz file with uint8 arrays z [N, 3, 128, 128] and x [N, 3, 256, 256]; the first `count` are taken."""
    try:
        with np.load(path, allow_pickle=False) as file:
            z, x = file['z'], file['x']
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise ConvertError(f'{path} is no .npz file with arrays z and x: {error}.', 'Write one with numpy.savez.') from error
    for name, value, side in (('z', z, TEMPLATE), ('x', x, SEARCH)):
        if value.dtype != np.uint8 or value.ndim != 4 or value.shape[1:] != (3, side, side) or len(value) == 0:
            raise ConvertError(f'Array {name} of {path} is {value.dtype} {list(value.shape)}, expected uint8 [N, 3, {side}, {side}].',
                               'Planes are trajectory, negative, positive.')
    if len(z) != len(x):
        raise ConvertError(f'{path} has {len(z)} templates and {len(x)} search crops.', 'Give one template to each crop.')
    return z[:count], x[:count]
