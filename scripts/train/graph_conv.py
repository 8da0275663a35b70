"""The convolution-only tracker for export.py: its integers, the walk that onnx_builder.py and describe.py are told, and
its spike counts.
"""
from types import SimpleNamespace

import torch

import energy
import grid
import net_conv
from graph import CROPS, SIDES
from net import PLANES

TRUNK = ('conv1', 'conv2', 'conv3', 'conv4')
CELLS = SIDES['z'] ** 2
LOGITS = dict(score='conv6', size='conv6', offset='conv5')
DESCRIPTION = 'Spiking single-object tracker of nine convolutions in sequence, for small chips'


def parameters(net):
    """Everything the graphs need, as numpy integers and dyadic floats."""
    def rest(weight, bias, exponent):
        return dict(weight=weight.numpy(), bias=bias.numpy(), exponent=exponent.numpy(), groups=1)

    layers = {crop: {name: dict(rest(*layer.integers(crop)), writes='spike', pads=layer.pads, stride=list(layer.conv.stride))
                     for name, layer in net.layers().items()} for crop in 'zx'}
    logits = {name: dict(rest(*getattr(net, name).integers()), pads=getattr(net, name).padding * 2, stride=[1, 1])
              for name in LOGITS}
    with torch.no_grad():
        bias = grid.odd_bias(net.match_bias, net_conv.MATCH_SHIFT).numpy()
    return dict(layers=layers, logits=logits, match_bias=bias, constant=net.constant.numpy())


def check_grid(p):
    """What exactness and the chips rest on, for every layer; AssertionError names the layer."""
    every = {f'{name} of {crop}': (layer, name == 'conv1') for crop, layers in p['layers'].items() for name, layer in layers.items()}
    every.update({f'{name} logit': (layer, False) for name, layer in p['logits'].items()})
    for where, (layer, reads_bytes) in every.items():
        weight, bias = abs(layer['weight']), layer['bias']
        assert (weight % 2 == 0).all() and (bias % 2 == 1).all(), f'{where}: even weights and odd biases'
        assert weight.max() <= (grid.LIMIT_STEM if reads_bytes else grid.LIMIT), f'{where}: weights in range'
        assert layer['exponent'].min() == layer['exponent'].max() >= grid.MIN_EXPONENT_SPIKE, f'{where}: one exponent'
        largest = weight.reshape(len(weight), -1).sum(1) * (255 if reads_bytes else grid.DEPTH) + abs(bias)
        assert largest.max() <= net_conv.LIMIT_SUM, f'{where}: sums of 16 bits'


def features(g, p, crop):
    x = g.crop([PLANES, CROPS[crop], CROPS[crop]])
    for name in TRUNK:
        x = g.conv(x, p['layers'][crop][name], name)
    return x, len(p['layers'][crop][TRUNK[-1]]['weight'])


def template(g, p):
    """crop u8 [B, 4, 64, 64] -> key [B, 64, C]"""
    x, c = features(g, p, 'z')
    spikes = g.conv(x, p['layers']['z']['key'], 'key_spikes')
    spikes = g.tokens(spikes, [c, SIDES['z'], SIDES['z']], 'key_values')
    key = g.spike(g.offset(spikes, p['constant'], 'key_membrane'), 'key_map')
    g.transpose(g.tokens(key, [c, CELLS], 'key_cells'), 'key', shape=[c, CELLS])
    g.output('key', [CELLS, c])
    return g


def search(g, p):
    """crop u8 [B, 4, 128, 128], key -> score_logit, size_logit, offset_logit [B, 1|2|2, 16, 16]"""
    side = SIDES['x']
    x, c = features(g, p, 'x')
    key = g.state('key', [CELLS, c], kind='spikes', high=grid.DEPTH)
    query = g.tokens(x, [c, side**2], 'query')
    match = g.product(key, query, 'match', rows=CELLS, inner=c, columns=side**2, shift=net_conv.MATCH_SHIFT)
    match = g.spike(g.biased(match, p['match_bias'], 'match_membrane', shape=[CELLS, side, side]), 'match_spikes')
    read = dict(conv5=g.conv(match, p['layers']['x']['conv5'], 'conv5'))
    read['conv6'] = g.conv(read['conv5'], p['layers']['x']['conv6'], 'conv6')
    for name, branch in LOGITS.items():
        g.logits(read[branch], p['logits'][name], f'{name}_logit')
        g.output(f'{name}_logit', [len(p['logits'][name]['weight']), side, side])
    return g


PARTS = dict(template=template, search=search)


def count(net, z, x):
    """Spike counts of each layer, as energy.count: [{name, crop, kind, operations, rate}]."""
    rows, crop, handles = [], ['template'], []

    def row(name, kind, operations, read=None):
        rows.append(dict(name=name, crop=crop[0], kind=kind, operations=round(operations),
                         rate=None if read is None else round(float(read.mean()), 4)))

    def on_layer(name):
        def hook(layer, inputs, output):
            if layer.stem:
                row(name, 'MAC', output[0, 0].numel() * layer.conv.weight.numel())
            else:
                row({'key': 'key_spikes'}.get(name, name), 'AC', energy.reached(layer, inputs[0]), inputs[0])
            if name == TRUNK[-1] and crop[0] == 'search':
                row('match', 'AC', float(output.sum()) / len(output) * CELLS, output)
        return hook

    def on_logits(name):
        return lambda conv, inputs, _: row(f'{name}_logit', 'AC', energy.reached(
            SimpleNamespace(conv=conv, pads=conv.padding * 2), inputs[0]), inputs[0])

    for name, layer in net.layers().items():
        handles.append(layer.register_forward_hook(on_layer(name)))
    for name in LOGITS:
        handles.append(getattr(net, name).register_forward_hook(on_logits(name)))
    with torch.no_grad():
        state = net.template(torch.from_numpy(z).float())
        crop[0] = 'search'
        net.search(torch.from_numpy(x).float(), *state)
    for handle in handles:
        handle.remove()
    return rows
