"""Shards of training pairs, written by the project's own scene, filters, aggregation and crop, read as memory maps."""
import glob
import json
import os

import numpy as np

SHARD_VERSION = 1


class Shard:
    def __init__(self, header_path):
        with open(header_path) as file:
            self.header = json.load(file)
        if self.header.get('version') != SHARD_VERSION:
            raise ValueError(f'{header_path}: version {self.header.get("version")}, expected {SHARD_VERSION}')
        path = header_path[: -len('.json')] + '.bin'
        self.arrays = {}
        for row in self.header['arrays']:
            dtype = np.dtype(row['dtype']).newbyteorder('<')
            need = row['offset'] + int(np.prod(row['shape'])) * dtype.itemsize
            if os.path.getsize(path) < need:
                raise ValueError(f'{path}: {row["name"]} needs {need} bytes, the file has {os.path.getsize(path)}')
            self.arrays[row['name']] = np.memmap(path, dtype, 'r', row['offset'], tuple(row['shape']))
        self.count = self.header['count']


class ShardPool:
    """A folder of shards that may grow while it is read: `refresh` picks up new ones."""

    def __init__(self, folder):
        self.folder, self.shards, self.starts = folder, {}, np.zeros(1, np.int64)
        self.refresh()

    def refresh(self):
        for path in sorted(glob.glob(os.path.join(self.folder, '*.json'))):
            if path not in self.shards:
                self.shards[path] = Shard(path)
        self.starts = np.cumsum([0] + [s.count for s in self.shards.values()])

    def __len__(self):
        return int(self.starts[-1])

    def sample(self, index):
        s = int(np.searchsorted(self.starts, index, 'right')) - 1
        arrays = list(self.shards.values())[s].arrays
        i = index - int(self.starts[s])
        return {name: array[i] for name, array in arrays.items()}


# Share of pairs that get each disturbance; see `disturb`.
FOREIGN, GONE = 0.1, 0.07
LOOKALIKE, STRANGER, OVERLAY, THINNED, SPECKLED, COVERED = 0.15, 0.15, 0.14, 0.25, 0.15, 0.1


def augment(sample, rng):
    """Mirror, transpose, swap polarities: each leaves an event stream of an equally likely world."""
    z, x = sample['z'], sample['x']
    box = np.asarray(sample['box'], np.float32).reshape(2, 2)
    if rng.random() < 0.5:
        z, x = z[:, :, ::-1], x[:, :, ::-1]
        box = np.stack([1 - box[::-1, 0], box[:, 1]], 1)
    if rng.random() < 0.5:
        z, x = z[:, ::-1], x[:, ::-1]
        box = np.stack([box[:, 0], 1 - box[::-1, 1]], 1)
    if rng.random() < 0.5:
        z, x = z.transpose(0, 2, 1), x.transpose(0, 2, 1)
        box = box[:, ::-1]
    if rng.random() < 0.3:
        z, x = z[[0, 2, 1, 3]], x[[0, 2, 1, 3]]
    return z, x, box.reshape(4), float(sample['visible'])


def pixels(box, size):
    """Box in shares of the crop -> whole pixels inside it (left, top, right, bottom)."""
    left, top, right, bottom = np.clip(np.round(box * size), 0, size).astype(int)
    return left, top, right, bottom


def paste(x, patch, keep_off, rng):
    """Draws a patch of events over the crop at a place that does not touch the box `keep_off`, if one is found."""
    size = x.shape[1]
    height, width = patch.shape[1:]
    if min(height, width) < 4 or max(height, width) > 0.6 * size:
        return
    for _ in range(4):
        left, top = (int(rng.integers(-side // 3, size - side + side // 3 + 1)) for side in (width, height))
        right, bottom = left + width, top + height
        if left < keep_off[2] and right > keep_off[0] and top < keep_off[3] and bottom > keep_off[1]:
            continue
        l, t, r, b = max(left, 0), max(top, 0), min(right, size), min(bottom, size)
        place = x[:3, t:b, l:r]
        np.maximum(place, patch[:, t - top:b - top, l - left:r - left], out=place)
        return


def disturb(z, x, box, visible, other, rng):
    """What a simulated scene has too little of: look-alikes, other things near by, crowded and thin streams, cover.

    A look-alike is a copy of the target, so only its place beside the prior tells which is meant; it is pasted where the
    prior is not. `other` is another augmented pair.
    """
    z, x = z.copy(), x.copy()
    size = x.shape[1]
    own = pixels(box, size)
    chance = rng.random()
    if chance < FOREIGN:
        # What moves here is not what was shown.
        z, visible = other[0].copy(), 0.0
    elif visible and chance < FOREIGN + GONE:
        # What is shown was here, and now there is only what is also found beside it.
        left, top, right, bottom = own
        high, wide = bottom - top, right - left
        if high < size and wide < size:
            at_x, at_y = int(rng.integers(size - wide + 1)), int(rng.integers(size - high + 1))
            beside = x[:3, at_y:at_y + high, at_x:at_x + wide]
            if abs(at_x - left) > 0.7 * wide or abs(at_y - top) > 0.7 * high:
                x[:3, top:bottom, left:right] = beside.copy()
                box, visible = np.zeros(4, np.float32), 0.0
    believed = np.argwhere(x[3] > 127)
    prior = (*believed.min(0)[::-1], *(believed.max(0)[::-1] + 1)) if len(believed) else own
    off = [abs(own[i] + own[i + 2] - prior[i] - prior[i + 2]) / 2 for i in (0, 1)]
    near = visible and max(off) < 0.35 * np.sqrt(max(1, (own[2] - own[0]) * (own[3] - own[1])))
    keep_off = (*np.minimum(own[:2], prior[:2]), *np.maximum(own[2:], prior[2:])) if visible else prior
    if near and rng.random() < LOOKALIKE:
        patch = x[:3, own[1]:own[3], own[0]:own[2]].copy()
        if rng.random() < 0.5:
            patch = patch[:, :, ::-1]
        for _ in range(1 + int(rng.integers(2))):
            paste(x, patch, keep_off, rng)
    if other[3] and rng.random() < STRANGER:
        left, top, right, bottom = pixels(other[2], size)
        paste(x, other[1][:3, top:bottom, left:right], keep_off, rng)
    if near and rng.random() < OVERLAY:
        np.maximum(x[:3], other[1][:3] >> int(rng.integers(2)), out=x[:3])
    if rng.random() < THINNED:
        # The three planes of a pixel go together, as they come from the same events.
        for crop, share in ((x, rng.uniform(0.2, 0.6)), (z, rng.uniform(0, 0.4))):
            crop[:3] *= (rng.random(crop.shape[1:], np.float32) > share).astype(np.uint8)
    if rng.random() < SPECKLED:
        lit = rng.random(x.shape[1:], np.float32) < rng.uniform(0.002, 0.03)
        x[1 + int(rng.integers(2))][lit] = 30
        x[0][lit] = np.maximum(x[0][lit], 30)
    if visible and rng.random() < COVERED:
        # A still thing in front: no events from a part of the target, no more than a third of it.
        left, top, right, bottom = own
        if rng.random() < 0.5:
            wide = max(1, int((right - left) * rng.uniform(0.1, 0.35)))
            at = int(rng.integers(left, max(left + 1, right - wide + 1)))
            x[:3, :, at:at + wide] = 0
        else:
            high = max(1, int((bottom - top) * rng.uniform(0.1, 0.35)))
            at = int(rng.integers(top, max(top + 1, bottom - high + 1)))
            x[:3, at:at + high, :] = 0
    return z, x, box, visible


def batch(pool, size, rng):
    """-> z [B, 4, 64, 64] u8, x [B, 4, 128, 128] u8, box [B, 4] (left, top, right, bottom, share of the crop), visible [B]"""
    rows = [augment(pool.sample(int(rng.integers(len(pool)))), rng) for _ in range(size)]
    rows = [disturb(*row, rows[i - 1], rng) for i, row in enumerate(rows)]
    z, x, box, visible = zip(*rows)
    return np.stack(z), np.stack(x), np.stack(box).astype(np.float32), np.array(visible, np.float32)
