"""Damages FOLDER/zip.pth in every way that has an answer of its own, and prints those answers as JSON."""
import io
import json
import os
import pickle
import sys
import zipfile

import torch

HERE = os.path.dirname(os.path.realpath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(HERE, '..', '..', 'scripts', 'sdtrack')]

from checkpoint import read_checkpoint
from errors import ConvertError
from layout import Widths, checked_state

WIDTHS = Widths(8, 16, 32, 64, 80, (64, 32, 16, 8))
FOLDER = sys.argv[1]
SIZE = 'box_head.conv5_size.weight'
answers = {}


def at(name):
    return os.path.join(FOLDER, name)


def ask(case, path):
    try:
        _, unused = checked_state(read_checkpoint(path), WIDTHS)
        answers[case] = dict(read=True, unused=unused)
    except ConvertError as error:
        answers[case] = dict(read=False, message=str(error), then=error.then)


def saved(case, edit, legacy=False):
    whole = torch.load(at('zip.pth'), map_location='cpu')
    whole['net'] = {name: value.detach() for name, value in whole['net'].items()}
    whole = edit(whole) or whole
    torch.save(whole, at(f'{case}.pth'), _use_new_zipfile_serialization=not legacy)
    ask(case, at(f'{case}.pth'))


def change(name, value):
    return lambda whole: whole['net'].__setitem__(name, value)


def rezipped(case, edit, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(at('zip.pth')) as old, zipfile.ZipFile(at(f'{case}.pth'), 'w', compression) as new:
        for info in old.infolist():
            content = edit(info.filename.split('/', 1)[1], old.read(info))
            if content is not None:
                new.writestr(info.filename, content)
    ask(case, at(f'{case}.pth'))


def raw(case, content):
    with open(at(f'{case}.pth'), 'wb') as out:
        out.write(content)
    ask(case, at(f'{case}.pth'))


class Runs:
    """Unpickled by anything that obeys, it makes a file."""

    def __init__(self, call, marker):
        self.call, self.marker = call, marker

    def __reduce__(self):
        if self.call == 'system':
            return os.system, (f'touch {self.marker}',)
        return eval, (f'open({self.marker!r}, "w").close()',)


class Reaches:
    """A tensor that claims more numbers than its storage has."""

    def __init__(self, size, stride):
        self.size, self.stride = size, stride

    def __reduce__(self):
        storage = torch.zeros(4).storage()
        return torch._utils._rebuild_tensor_v2, (storage, 0, self.size, self.stride, False, {})


same = [checked_state(read_checkpoint(at(f'{name}.pth')), WIDTHS)[0] for name in ('zip', 'legacy')]
official = {name: value.detach().double().numpy() for name, value in torch.load(at('zip.pth'))['net'].items()}
answers['formats'] = all((same[0][n] == official[n]).all() and (same[1][n] == official[n]).all() for n in official)
answers['tensors'] = len(same[0])
half = torch.load(at('zip.pth'))['optimizer']['momentum']
read = [read_checkpoint(at(f'{name}.pth'))['optimizer']['momentum'].numpy().tolist() for name in ('zip', 'legacy')]
answers['views'] = all(r == half.tolist() for r in read)

saved('missing', lambda whole: whole['net'].__delitem__('backbone.block4.1.mlp.fc2_bn.running_var'))
saved('shape', change(SIZE, torch.zeros(2, 9, 1, 1)))
saved('nan', change('box_head.conv5_ctr.bias', torch.tensor([float('nan')])))
saved('variance', change('backbone.downsample2.encode_bn.running_var', torch.full((32,), -1.0)))
saved('noTensor', change(SIZE, 'a string'))
saved('noNet', lambda whole: dict(model=whole['net'], epoch=1))
saved('notADict', lambda whole: [1, 2])
saved('extra', change('box_head.conv6.weight', torch.zeros(1)))
saved('bfloat16', change('box_head.conv5_ctr.bias', torch.tensor([1.5], dtype=torch.bfloat16)))
saved('reaches', change(SIZE, Reaches((2, 8, 1, 1), (8, 1, 1, 1))))
saved('repeats', change(SIZE, Reaches((10**12,), (0,))))
saved('backwards', change(SIZE, Reaches((2,), (-1,))))
for call in ('system', 'eval'):
    for legacy in (False, True):
        case = f'{call}{"Legacy" if legacy else "Zip"}'
        saved(case, lambda whole: dict(whole, settings=Runs(call, at(f'{case}.ran'))), legacy)
        answers[case]['ran'] = os.path.exists(at(f'{case}.ran'))
saved('inNet', change(SIZE, Runs('eval', at('inNet.ran'))))
answers['inNet']['ran'] = os.path.exists(at('inNet.ran'))
# The same bytes do run where a pickle is obeyed.
torch.load(at('evalZip.pth'), map_location='cpu')
answers['control'] = os.path.exists(at('evalZip.ran'))

rezipped('version', lambda name, content: b'9\n' if name == 'version' else content)
rezipped('storageLacks', lambda name, content: None if name == 'data/3' else content)
rezipped('storageShort', lambda name, content: content[:-4] if name == 'data/3' else content)
rezipped('compressed', lambda name, content: content, zipfile.ZIP_DEFLATED)
rezipped('noProgram', lambda name, content: None if name == 'data.pkl' else content)
with open(at('zip.pth'), 'rb') as file:
    raw('cutZip', file.read()[:-1000])
with open(at('legacy.pth'), 'rb') as file:
    legacy_bytes = file.read()
raw('cutLegacy', legacy_bytes[:-1000])
protocol = io.BytesIO()
for part in (0x1950A86A20F9469CFC6C, 1002):
    pickle.dump(part, protocol, 2)
raw('legacyVersion', protocol.getvalue())
raw('otherPickle', pickle.dumps(dict(net={})))
raw('text', b'not a checkpoint\n')
raw('empty', b'')
ask('nowhere', at('nowhere.pth'))
print(json.dumps(answers))
