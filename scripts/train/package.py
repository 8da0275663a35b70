"""model.json, golden.bin and the model card: what a package says of itself."""
import os
import shutil

import numpy as np

import energy
import grid
from net import count_parameters

PJ_MAC, PJ_AC = 4.6, 0.9
METRICS = {
    'iou': 'mean IoU of visible targets',
    'success50': 'share with IoU above 0.5',
    'success75': 'share with IoU above 0.75',
    'near': 'share with the centre within a quarter of the target\'s size',
    'visible_above_hidden': 'chance that a visible target scores above a hidden one',
    'unmoved_box_iou': 'mean IoU of the previous box, unmoved',
    'pairs': 'pairs, hidden targets included',
}


def pack_golden(tensors):
    """-> (bytes, [{name, dtype, shape, offset}]), every tensor at a multiple of 8 bytes, little-endian."""
    content, rows = bytearray(), []
    for name, value in tensors:
        value = np.ascontiguousarray(value)
        content += b'\0' * (-len(content) % 8)
        dtype = {'uint8': 'uint8', 'float32': 'float32'}[value.dtype.name]
        rows.append(dict(name=name, dtype=dtype, shape=list(value.shape), offset=len(content)))
        content += value.tobytes()
    return bytes(content), rows


DESCRIPTION = 'Compact spiking single-object tracker on separate template and search crops'


def model_json(name, net, *, golden, layers, record, description=DESCRIPTION):
    template, search = energy.mmac(net)
    return dict(
        schemaVersion=2,
        name=name,
        description=description,
        license='Apache-2.0',
        input=dict(planes=['trajectory', 'negative', 'positive', 'prior'], templateSize=64, searchSize=128,
                   templateFactor=2, searchFactor=4),
        aggregation=dict(windowUs=30000, amount=30, decay=0.8),
        network=dict(neuron='I-LIF', depth=grid.DEPTH, mapSize=16, parameters=count_parameters(net),
                     macs=dict(template=template * 1e6, search=search * 1e6)),
        state=[dict(name=row['name'].removeprefix('template.'), shape=row['shape'][1:])
               for row in golden if row['name'].startswith('template.') and row['name'] != 'template.crop'],
        graphs={d: dict(template=f'template-{d}.onnx', search=f'search-{d}.onnx') for d in ('int8', 'fp32')},
        integers='network.json',
        golden=dict(file='golden.bin', tensors=golden),
        energy=dict(picojoulePerMac=PJ_MAC, picojoulePerAc=PJ_AC, layers=layers),
        provenance=record,
    )


def picojoules(model, crop):
    each = dict(MAC=PJ_MAC, AC=PJ_AC)
    return sum(r['operations'] * each[r['kind']] for r in model['energy']['layers'] if r['crop'] == crop)


def model_card(model):
    record = model['provenance']
    lines = [
        f"# {model['name']}", '', model['description'] + '.', '',
        '## Network', '',
        f"* {model['network']['parameters']:,} parameters; dense equivalent {model['network']['macs']['search'] / 1e6:.0f} MMAC a "
        f"search region, {model['network']['macs']['template'] / 1e6:.0f} MMAC a template (once a target).",
        '* I-LIF neurons with four levels, int8 weights with power-of-two scales: one exact integer network in every '
        'dialect of its graphs.',
        f"* Energy estimate (45 nm; {PJ_MAC} pJ a MAC in the first layer, {PJ_AC} pJ an accumulate elsewhere, accumulates = spikes x "
        f"fan-out): {picojoules(model, 'search') / 1e6:.1f} uJ a search region, {picojoules(model, 'template') / 1e6:.1f} uJ a template, from spike counts on "
        '64 validation crops. Convolutions, correlation and attention are counted; membranes, memory and the host are not.',
        '', '## Input', '',
        '* Planes trajectory, negative, positive (Global Trajectory Prompt, 30 ms windows, 30 an event, decay 0.8) and the '
        'box mask of the target (template) or of its previous box (search), all 0..255.',
        '* Template 64 x 64 at twice, search region 128 x 128 at four times the square root of the box area.',
        '', '## Training', '']
    lines += [f'* {key}: {value}' for key, value in record.items() if key != 'metrics']
    if 'metrics' in record:
        lines += ['', '## Validation', '',
                  'One look at a search crop of a scene that was never trained on (the same scenes chose among checkpoints), the previous box off as in training:', '',
                  '| metric | |', '|---|---|']
        lines += [f'| {METRICS.get(k, k)} | {v} |' for k, v in record['metrics'].items()]
    lines += ['', '## Limits', '',
              '* Trained on simulated scenes only. A target that does not move makes no events and cannot be seen.',
              '* It follows one target a search; look-alikes that cross the target at close range can take it over.', '']
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
