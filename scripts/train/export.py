#!/usr/bin/python3
"""Turns a checkpoint into a model package: graphs in two dialects, the integers they hold, golden vectors, model.json and
a model card.

    export.py --checkpoint work/run/best.pt --shards work/shards/val --out ../../models/evt-compact

--random SEED makes a package of random weights in place of a checkpoint (for tests of the runtime).
"""
import argparse
import copy
import hashlib
import json
import os

import numpy as np
import torch

import describe
import energy
import graph
import graph_conv
import grid
import net as tracker_net
import package
from data import ShardPool
from net_conv import ConvTracker
from onnx_builder import OnnxBuilder


def numpy_layer(layer, crop):
    with torch.no_grad():
        weight, bias, exponent = grid.to_integers(*layer.folded(crop), *layer.limits())
    return dict(weight=weight.numpy(), bias=bias.numpy(), exponent=exponent.numpy(), writes=layer.writes,
                pads=layer.pads, stride=list(layer.conv.stride), groups=layer.conv.groups)


def parameters(net):
    """Everything the graphs need, as numpy integers and dyadic floats."""
    c, blocks = net.sizes['channels'], net.sizes['blocks']
    p = dict(channels=c, blocks=blocks, heads=net.blocks[0].heads, tokens=dict(z=64, x=256), sides=dict(z=8, x=16))
    p['layers'] = {crop: {n: numpy_layer(m, crop) for n, m in net.layers().items()} for crop in 'zx'}
    weight = np.zeros((1, tracker_net.PLANES, 8, 8))
    weight[0, 3] = 2
    p['mask'] = dict(weight=weight, bias=np.array([1.0]), exponent=np.array([float(tracker_net.MASK_SHIFT)]),
                     writes='spike', pads=(0, 0, 0, 0), stride=[8, 8], groups=1)
    with torch.no_grad():
        for crop in 'zx':
            p[f'place_{crop}'] = grid.offsets_to_grid(getattr(net, f'place_{crop}')).numpy()
        p['match_bias'] = grid.odd_bias(net.match_bias, tracker_net.CORRELATION_SHIFT).numpy()
        shifts = dict(z=tracker_net.ATTENTION_SHIFT_Z, x=tracker_net.ATTENTION_SHIFT_X)
        p['attention_bias'] = {k: [grid.odd_bias(b.bias, s).numpy() for b in net.blocks] for k, s in shifts.items()}
    p['logits'] = {name: numpy_logits(getattr(net, branch), first, last)
                   for name, branch, first, last in (('score', 'score', 0, 1), ('size', 'box', 0, 2), ('offset', 'box', 2, 4))}
    return p


def numpy_logits(conv, first, last):
    with torch.no_grad():
        integers = grid.to_integers(conv.weight, conv.bias, grid.LIMIT, grid.MIN_EXPONENT_SPIKE)
    weight, bias, exponent = (values.numpy()[first:last] for values in integers)
    return dict(weight=weight, bias=bias, exponent=exponent, pads=(0, 0, 0, 0), stride=[1, 1], groups=1)


def check_grid(p):
    """The rules that exactness rests on (see grid.py), for every layer; AssertionError names the layer."""
    for crop, layers in p['layers'].items():
        for name, layer in layers.items():
            where = f'{name} of {crop}'
            weight, bias = layer['weight'], layer['bias']
            stem = name == 'stem'
            assert (weight % 2 == 0).all() and (bias % 2 == 1).all(), f'{where}: even weights and odd biases'
            assert np.abs(weight).max() <= (grid.LIMIT_STEM if stem else grid.LIMIT), f'{where}: weights in range'
            least = grid.MIN_EXPONENT_INCREMENT if layer['writes'] == 'increment' else grid.MIN_EXPONENT_SPIKE
            assert layer['exponent'].min() >= least, f'{where}: fraction bits'
            largest = np.abs(weight).reshape(len(weight), -1).sum(1) * (255 if stem else grid.DEPTH) + np.abs(bias)
            assert largest.max() < 2**24, f'{where}: sums fit float32'


def golden_vectors(net, z, x):
    """Inputs and every boundary tensor, computed in float64 (the training graph, not the exported ones)."""
    reference = copy.deepcopy(net).double()
    with torch.no_grad():
        key, sums = reference.template(torch.from_numpy(z).double())
        score, box = reference.search(torch.from_numpy(x).double(), key, sums)
    tensors = [('template.crop', z), ('search.crop', x), ('template.key', key.numpy().astype(np.uint8))]
    tensors += [(f'template.sums{i}', s.numpy().astype(np.float32)) for i, s in enumerate(sums)]
    for name, value in (('score', score), ('size', box[:, :2]), ('offset', box[:, 2:])):
        exact = value.numpy().astype(np.float32)
        assert (exact.astype(np.float64) == value.numpy()).all(), f'{name} does not fit float32'
        tensors.append((f'search.{name}_logit', exact))
    return tensors


def load(args):
    if args.random is not None:
        torch.manual_seed(args.random)
        net = ConvTracker() if args.network == 'conv' else tracker_net.Tracker(*args.sizes)
        return net, dict(note=f'random weights, seed {args.random}')
    state = torch.load(args.checkpoint, map_location='cpu')
    net = (ConvTracker if 'widths' in state['sizes'] else tracker_net.Tracker)(**state['sizes'])
    net.load_state_dict(state['average'])
    return net, state['record']


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--checkpoint')
    parser.add_argument('--random', type=int)
    parser.add_argument('--sizes', type=lambda text: [int(n) for n in text.split(',')], default=[32, 96, 2],
                        help='with --random: stem channels, channels, blocks')
    parser.add_argument('--network', choices=['compact', 'conv'], default='compact', help='with --random')
    parser.add_argument('--shards', help='folder of validation shards: golden vectors and spike counts')
    parser.add_argument('--golden', type=int, default=4, help='golden vectors, at most 64')
    parser.add_argument('--out', required=True)
    parser.add_argument('--name')
    parser.add_argument('--note', help='anything else that the model card must say of the training')
    parser.add_argument('--pictures', help='what the scenes showed beside procedural textures, for the model card')
    args = parser.parse_args()
    torch.set_num_threads(1)
    net, record = load(args)
    record = dict(record, pictures=args.pictures or 'none: procedural textures and silhouettes only')
    if args.note:
        record['note'] = args.note
    if args.shards:
        pool = ShardPool(args.shards)
        chosen = [pool.sample(i * (len(pool) // 64)) for i in range(64)]
        z, x = (np.stack([s[k] for s in chosen]) for k in ('z', 'x'))
    else:
        rng = np.random.default_rng(1)
        z, x = (np.where(rng.random((64, 4, n, n)) < 0.8, 0, rng.integers(0, 256, (64, 4, n, n))).astype(np.uint8)
                for n in (64, 128))
    if args.random is not None:
        net.train()
        with torch.no_grad():
            for _ in range(40):
                net(torch.from_numpy(z[:16]).float(), torch.from_numpy(x[:16]).float())
    net.eval()
    net.set_exact()
    conv = isinstance(net, ConvTracker)
    parts = graph_conv.PARTS if conv else graph.PARTS
    p = graph_conv.parameters(net) if conv else parameters(net)
    (graph_conv.check_grid if conv else check_grid)(p)
    files = {}
    for dialect in ('int8', 'fp32'):
        for part, tell in parts.items():
            files[f'{part}-{dialect}.onnx'] = tell(OnnxBuilder(dialect, part), p).model().SerializeToString()
    files.update(describe.files(p, parts))
    tensors = golden_vectors(net, z[:args.golden], x[:args.golden])
    files['golden.bin'], golden = package.pack_golden(tensors)
    layers = (graph_conv if conv else energy).count(net, z, x)
    name = args.name or os.path.basename(os.path.normpath(args.out))
    model = package.model_json(name, net, golden=golden, layers=layers, record=record,
                               description=graph_conv.DESCRIPTION if conv else package.DESCRIPTION)
    model['files'] = {f: dict(sha256=hashlib.sha256(b).hexdigest(), bytes=len(b)) for f, b in sorted(files.items())}
    files['model.json'] = (json.dumps(model, indent=2, allow_nan=False) + '\n').encode()
    files['model-card.md'] = package.model_card(model).encode()
    package.replace_folder(args.out, files)
    print(json.dumps({f: len(b) for f, b in files.items()}))


if __name__ == '__main__':
    main()
