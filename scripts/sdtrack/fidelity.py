"""How near the integer network is to the checkpoint: layer by layer on the same spikes, and end to end on sample crops."""
import numpy as np
import torch
import torch.nn.functional as F

from execute import FloatOps, IntegerOps
from network import forward
from snap import rounds, snapped_layers

PJ_MAC, PJ_AC = 4.6, 0.9


class Observer:
    """Watches the float network: greatest increments, spike counts, and every layer's numbers if asked."""

    def __init__(self):
        self.largest, self.operations, self.rates, self.crops = {}, {}, {}, 0

    def __call__(self, layer, s, y):
        if rounds(layer):
            top = y.abs().amax((0, 2, 3)).double().numpy()
            self.largest[layer.name] = np.maximum(self.largest.get(layer.name, 0), top)
        if layer.reads == 'bytes':
            self.count(layer.name, y[0, 0].numel() * layer.weight.size * len(y), None)
            return
        if layer.reads == 'membrane':
            return
        # Every spike reaches the accumulators under the kernel, at the true borders of the map.
        taps = F.conv2d(s.sum(1, keepdim=True), torch.ones(1, 1, *layer.weight.shape[2:]), None, layer.stride, layer.pad)
        self.count(layer.name, float(taps.double().sum()) * len(layer.weight) // layer.groups, s)
        if layer.name.endswith('qkv'):
            c = layer.weight.shape[1]
            # Each spike of k adds one row of v to a head's sums, each spike of q one row of those.
            q, k = y[:, :c].clamp(0, 4).round(), y[:, c:2 * c].clamp(0, 4).round()
            for part, spikes in (('keys', k), ('queries', q)):
                self.count(layer.name.replace('qkv', part), float(spikes.double().sum()) * 4 * c // 8, spikes)

    def count(self, name, operations, spikes):
        self.operations[name] = self.operations.get(name, 0) + operations
        if spikes is not None:
            total, number = self.rates.get(name, (0, 0))
            self.rates[name] = (total + float(spikes.double().sum()), number + spikes.numel())

    def energy(self, crops):
        rows = [dict(name=name, crop='search', kind='MAC' if name not in self.rates else 'AC', operations=round(n / crops),
                     rate=None if name not in self.rates else round(self.rates[name][0] / self.rates[name][1], 4))
                for name, n in self.operations.items()]
        return dict(picojoulePerMac=PJ_MAC, picojoulePerAc=PJ_AC, layers=rows)


def run(ops, layers, samples):
    """-> {name: float32 [N, maps, 16, 16]}, one crop at a time."""
    maps = [forward(ops, layers, *(torch.from_numpy(a[i:i + 1]).to(ops.dtype) for a in samples)) for i in range(len(samples[0]))]
    return {name: torch.cat([m[name] for m in maps]).float().numpy() for name in maps[0]}


def calibrated(layers, samples):
    """-> (snapped layers, energy for model.json)"""
    observer = Observer()
    with torch.no_grad():
        run(FloatOps(watch=observer), layers, samples)
    return snapped_layers(layers, observer.largest), observer.energy(len(samples[0]))


class Comparison:
    """Runs every snapped layer on the float network's own spikes, and keeps those spikes as bytes."""

    def __init__(self, snapped):
        self.snapped, self.integers = snapped, IntegerOps()
        self.signal, self.noise, self.local, self.kept = {}, {}, {}, []

    def watch(self, layer, s, y):
        snapped = self.snapped[layer.name]
        got = self.integers.sum(s, snapped)
        self.signal[layer.name] = self.signal.get(layer.name, 0) + float(y.double().square().sum())
        self.noise[layer.name] = self.noise.get(layer.name, 0) + float((got - y).double().square().sum())
        if layer.writes == 'spikes':
            flips, number = self.local.get(layer.name, (0, 0))
            changed = int((got.clamp(0, 4).round() != y.clamp(0, 4).round()).sum())
            self.local[layer.name] = (flips + changed, number + y.numel())

    def keep(self, name, s):
        self.kept.append(s.to(torch.uint8))

    def layers(self):
        rows = []
        for name in self.signal:
            sqnr = 10 * np.log10(self.signal[name] / max(self.noise[name], 1e-30 * self.signal[name], 1e-300))
            row = dict(name=name, sqnrDb=round(min(sqnr, 300.0), 1))
            if name in self.local:
                row['flipped'] = round(self.local[name][0] / self.local[name][1], 6)
            rows.append(row)
        return rows


def measure(layers, snapped, samples):
    """-> (fidelity for model.json, float maps, integer maps); the samples are not those that chose the steps."""
    compare = Comparison(snapped)
    flips, number = {}, {}
    queue = compare.kept

    def against(name, s):
        flips[name] = flips.get(name, 0) + int((queue.pop(0) != s.to(torch.uint8)).sum())
        number[name] = number.get(name, 0) + s.numel()

    float_ops, integer_ops = FloatOps(watch=compare.watch, spikes=compare.keep), IntegerOps(spikes=against)
    pairs = []
    with torch.no_grad():
        for i in range(len(samples[0])):
            one = [a[i:i + 1] for a in samples]
            pairs.append((run(float_ops, layers, one), run(integer_ops, snapped, one)))
    real, whole = ({name: np.concatenate([p[side][name] for p in pairs]) for name in pairs[0][0]} for side in (0, 1))
    maps = []
    for name in real:
        a, b = ((value(real[name]), value(whole[name])) if name != 'offset' else (real[name], whole[name]))
        maps.append(dict(name=name, meanDifference=float(np.abs(a - b).mean()), maxDifference=float(np.abs(a - b).max()),
                         deviation=float(a.std())))
    peaks = [m['score'].reshape(len(m['score']), -1).argmax(1) for m in (real, whole)]
    rows = compare.layers()
    return dict(
        samples=len(pairs), layers=rows, medianSqnrDb=float(np.median([r['sqnrDb'] for r in rows])),
        flippedSameInput=sum(f for f, _ in compare.local.values()) / sum(n for _, n in compare.local.values()),
        flippedEndToEnd=sum(flips.values()) / sum(number.values()),
        samePeak=float((peaks[0] == peaks[1]).mean()), maps=maps,
    ), real, whole


def value(logits):
    """What tracking sees of a score or size."""
    return 1 / (1 + np.exp(-logits.astype(np.float64)))
