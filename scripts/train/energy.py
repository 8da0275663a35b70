"""Spike counts per layer, for the energy figure in model.json.

An accumulate (AC) is one spike reaching one accumulator: AC = sum of spikes x fan-out, counted at the true borders of
the maps. Only what reads the bytes of a crop multiplies (MAC, dense): the stem, and the box mask of a template. Rows have
the names of network.json; `evtrackd model energy` counts the same from its own spikes. In attention and correlation each spike of
the key, query or q side adds one row of the other operand.
"""
import torch
import torch.nn.functional as F

import net as tracker_net


def reached(layer, spikes):
    """Accumulates caused by `spikes` [B, C, H, W] in a convolution, mean over the batch."""
    weight = layer.conv.weight
    per_group = weight.shape[0] // layer.conv.groups
    total = spikes.sum(1, keepdim=True)
    kernel = torch.ones(1, 1, *weight.shape[2:])
    left, right, top, bottom = layer.pads
    taps = F.conv2d(F.pad(total, (left, right, top, bottom)), kernel, stride=layer.conv.stride)
    return float(taps.sum()) * per_group / len(spikes)


def count(net, z, x):
    """[{name, crop, kind, operations, inputs, rate}]: operations an inference, and mean spikes per input neuron."""
    rows, handles, crop = [], [], ['z']

    def row(name, kind, operations, spikes=None):
        rows.append(dict(name=name, crop='template' if crop[0] == 'z' else 'search', kind=kind,
                         operations=round(operations), rate=None if spikes is None else round(float(spikes.mean()), 4)))

    def hook(name):
        told = {'key': 'key_spikes', 'query': 'query_spikes'}.get(name, name.replace('blocks.', 'block'))

        def on_forward(layer, inputs, output):
            each = float(output.sum()) / len(output)
            if layer.stem:
                row(told, 'MAC', output[0, 0].numel() * layer.conv.weight.numel())
            else:
                row(told, 'AC', reached(layer, inputs[0]), inputs[0])
            if name == 'key':
                row('mask', 'MAC', 64 * tracker_net.PLANES * output[0, 0].numel())
            if name.endswith('qkv'):
                d = output.shape[1] // 3 // 4
                q, k, _ = output.chunk(3, 1)
                row(told.replace('qkv', 'own'), 'AC', float(k.sum()) * d / len(k), k)
                row(told.replace('qkv', 'read'), 'AC', float(q.sum()) * d / len(q), q)
            if name == 'query':
                row('match', 'AC', each * 64, output)
            if name == 'head_score':
                row('score_logit', 'AC', each, output)
            if name == 'head_box':
                row('size_logit', 'AC', each * 2, output)
                row('offset_logit', 'AC', each * 2, output)
        return on_forward

    for name, layer in net.layers().items():
        handles.append(layer.register_forward_hook(hook(name)))
    with torch.no_grad():
        state = net.template(torch.from_numpy(z).float())
        crop[0] = 'x'
        net.search(torch.from_numpy(x).float(), *state)
    for handle in handles:
        handle.remove()
    # The template's last block only contributes its sums: its query is never read.
    last = f'block{len(net.blocks) - 1}.read'
    return [r for r in rows if not (r['crop'] == 'template' and r['name'] == last)]


def mmac(net):
    """Dense multiply-accumulates in millions (template, search), for comparison with other networks."""
    totals = dict(z=0, x=0)
    crop = ['z']
    handles = [layer.register_forward_hook(lambda m, i, o: totals.__setitem__(
        crop[0], totals[crop[0]] + o[0, 0].numel() * m.conv.weight.numel())) for layer in net.layers().values()]
    with torch.no_grad():
        state = net.template(torch.zeros(1, tracker_net.PLANES, 64, 64))
        crop[0] = 'x'
        net.search(torch.zeros(1, tracker_net.PLANES, 128, 128), *state)
    for handle in handles:
        handle.remove()
    return round(totals['z'] / 1e6, 1), round(totals['x'] / 1e6, 1)
