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


def batch(pool, size, rng):
    """-> z [B, 4, 64, 64] u8, x [B, 4, 128, 128] u8, box [B, 4] (left, top, right, bottom, share of the crop), visible [B]"""
    rows = [augment(pool.sample(int(rng.integers(len(pool)))), rng) for _ in range(size)]
    z, x, box, visible = zip(*rows)
    return np.stack(z), np.stack(x), np.stack(box).astype(np.float32), np.array(visible, np.float32)
