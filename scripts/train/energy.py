"""Spike counts per layer, for the energy figure in model.json.

An accumulate (AC) is one spike reaching one accumulator: AC = sum of spikes x fan-out, counted at the true borders of
the maps. Only the first layer, which reads bytes, multiplies (MAC, dense). In attention and correlation each spike of
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
        def on_forward(layer, inputs, output):
            if layer.stem:
                row(name, 'MAC', output[0, 0].numel() * layer.conv.weight.numel())
            else:
                row(name, 'AC', reached(layer, inputs[0]), inputs[0])
            if name.endswith('qkv'):
                d = output.shape[1] // 3 // 4
                q, k, _ = output.chunk(3, 1)
                row(name.replace('qkv', 'sums'), 'AC', float(k.sum()) * d / len(k), k)
                row(name.replace('qkv', 'read'), 'AC', float(q.sum()) * d / len(q), q)
            if name == 'query':
                row('match', 'AC', float(output.sum()) * 64 / len(output), output)
            if name in ('head_score', 'head_box'):
                row(name.replace('head_', ''), 'AC', float(output.sum()) * (1 if name == 'head_score' else 4) / len(output),
                    output)
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
    last = f'blocks.{len(net.blocks) - 1}.read'
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
