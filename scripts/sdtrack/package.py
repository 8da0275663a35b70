"""The files of the package: two graphs, golden vectors, model.json and the model card."""
import hashlib
import json
import os
import shutil

import numpy as np

from graph import FloatGraph, IntegerGraph, template_graph
from layout import CANVAS, SEARCH, STRIDE, TEMPLATE, count_parameters
from samples import AMOUNT, DECAY

SCHEMA_VERSION = 2
GOLDEN = 2
MIN_BOX_PX = 10


def dense_macs(layers):
    """Multiply-accumulates of one search: convolutions at their output sizes, token layers, and reassociated attention."""
    total, side = 0, CANVAS
    for name, layer in layers.items():
        if name.startswith('downsample') and name != 'downsample4':
            side //= layer.stride
        tokens = TEMPLATE**2 // STRIDE**2 + SEARCH**2 // STRIDE**2 + 4
        on_map = name.startswith(('downsample', 'ConvBlock')) and name != 'downsample4'
        places = side**2 if on_map else tokens if name.startswith(('block', 'downsample4')) else (SEARCH // STRIDE) ** 2
        total += places * layer.weight.size
        if name.endswith('qkv'):
            c = layer.weight.shape[1]
            total += 2 * tokens * c * 4 * c // 8
    return total


def golden_tensors(samples, real, whole):
    z, x = (a[:GOLDEN] for a in samples)
    rows = [('template.crop', z), ('search.crop', x), ('template.template', z.astype(np.float32))]
    for name in ('score', 'size', 'offset'):
        rows.append((f'search.{name}_logit', whole[name][:GOLDEN]))
        rows.append((f'float.{name}_logit', real[name][:GOLDEN]))
    return rows


def pack_golden(tensors):
    """-> (bytes, [{name, dtype, shape, offset}]), every tensor at a multiple of 8 bytes, little-endian."""
    content, rows = bytearray(), []
    for name, value in tensors:
        content += b'\0' * (-len(content) % 8)
        dtype = {'uint8': 'uint8', 'float32': 'float32'}[value.dtype.name]
        rows.append(dict(name=name, dtype=dtype, shape=list(value.shape), offset=len(content)))
        content += np.ascontiguousarray(value).tobytes()
    return bytes(content), rows


def build(name, *, origin, state, widths, layers, snapped, energy, fidelity, golden, provenance, window_us):
    """-> {file name: bytes}"""
    files = {
        'template.onnx': template_graph().SerializeToString(),
        'canvas-int8.onnx': IntegerGraph().build(snapped, widths).SerializeToString(),
        'canvas-fp32.onnx': FloatGraph().build(layers, widths).SerializeToString(),
    }
    files['golden.bin'], tensors = pack_golden(golden)
    model = dict(
        schemaVersion=SCHEMA_VERSION,
        kind='canvas',
        name=name,
        description=f'SDTrack-Tiny (1x4) with {origin}, on the upstream canvas',
        license='The terms of whoever made the weights apply.',
        input=dict(planes=['trajectory', 'negative', 'positive'], templateSize=TEMPLATE, searchSize=SEARCH,
                   templateFactor=2, searchFactor=4),
        aggregation=dict(windowUs=window_us, amount=AMOUNT, decay=DECAY),
        decode=dict(offset='raw', windowStrength=0, minBoxPx=MIN_BOX_PX),
        network=dict(neuron='I-LIF', depth=4, mapSize=SEARCH // STRIDE, parameters=count_parameters(state),
                     macs=dict(template=0, search=dense_macs(layers))),
        state=[dict(name='template', shape=[3, TEMPLATE, TEMPLATE])],
        graphs={d: dict(template='template.onnx', search=f'canvas-{d}.onnx') for d in ('int8', 'fp32')},
        integers=None,
        golden=dict(file='golden.bin', tensors=tensors),
        energy=energy,
        fidelity=fidelity,
        provenance=provenance,
        files={f: dict(sha256=hashlib.sha256(b).hexdigest(), bytes=len(b)) for f, b in sorted(files.items())},
    )
    files['model.json'] = (json.dumps(model, indent=2, allow_nan=False) + '\n').encode()
    files['model-card.md'] = card(model).encode()
    return files


def card(model):
    fidelity, energy = model['fidelity'], model['energy']
    each = dict(MAC=energy['picojoulePerMac'], AC=energy['picojoulePerAc'])
    microjoules = sum(r['operations'] * each[r['kind']] for r in energy['layers']) / 1e6
    lines = [
        f"# {model['name']}", '', model['description'] + '.', '', model['license'], '',
        '## Network', '',
        f"* {model['network']['parameters']:,} parameters, {model['network']['macs']['search'] / 1e9:.2f} GMAC a search "
        '(dense, attention reassociated).',
        f'* Energy estimate, 45 nm: {microjoules:.0f} uJ a search ({each["MAC"]} pJ a MAC in the first layer, {each["AC"]} pJ an '
        'accumulate elsewhere, spikes counted on the samples; memory and host not included).',
        '* Template and search region share one canvas, so nothing of a template can be kept between searches.', '',
        '## How near the integers are', '',
        'The fp32 graph has the weights as they came. The int8 graph has them on power-of-two scales, which changes the '
        f"network; measured on {fidelity['samples']} crops ({model['provenance']['samples']}) beside the fp32 network:", '',
        f"* median signal to noise of a layer, same spikes in: {fidelity['medianSqnrDb']:.1f} dB",
        f"* spikes that differ, same spikes in: {100 * fidelity['flippedSameInput']:.2f} %; end to end: "
        f"{100 * fidelity['flippedEndToEnd']:.2f} %",
        f"* same peak cell in {100 * fidelity['samePeak']:.0f} % of the crops", '',
        '| map | mean difference | largest | spread of the map |', '|---|---|---|---|',
    ]
    lines += [f"| {m['name']} | {m['meanDifference']:.4f} | {m['maxDifference']:.4f} | {m['deviation']:.4f} |" for m in fidelity['maps']]
    lines += ['', '## Origin', ''] + [f'* {key}: {value}' for key, value in model['provenance'].items()] + ['']
    return '\n'.join(lines)


def replace_folder(folder, files):
    """Writes a folder beside the old one and swaps them, so that no reader meets half a package."""
    folder = os.path.normpath(folder)
    fresh, old = folder + '.new', folder + '.old'
    for path in (fresh, old):
        shutil.rmtree(path, ignore_errors=True)
    os.makedirs(fresh)
    for name, content in files.items():
        with open(os.path.join(fresh, name), 'wb') as out:
            out.write(content)
    if os.path.exists(folder):
        os.rename(folder, old)
    os.rename(fresh, folder)
    shutil.rmtree(old, ignore_errors=True)
