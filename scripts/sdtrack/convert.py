"""The command: a checkpoint in, a model package out; or the race of that package against PyTorch."""
import argparse
import hashlib
import json
import os
import re
import sys

from errors import ConvertError

PACKAGES = 'Install the Debian packages python3-torch, python3-onnx and python3-numpy.'


def arguments(argv):
    parser = argparse.ArgumentParser(
        prog='convert-sdtrack',
        description='Builds a model package from the SDTrack-Tiny 1x4 checkpoint. Nothing in the checkpoint is executed.',
        epilog='Exit status: 0 done, 1 the checkpoint or an option is refused, 2 wrong usage.')
    parser.add_argument('checkpoint', metavar='CHECKPOINT.pth')
    parser.add_argument('out', metavar='OUT', help='folder of the package; its name becomes the name of the package')
    parser.add_argument('--samples', metavar='FILE.npz',
                        help='crops to measure on: uint8 z [N, 3, 128, 128] and x [N, 3, 256, 256], '
                        'planes trajectory, negative, positive (default: generated ones)')
    parser.add_argument('--count', type=int, default=4, metavar='N',
                        help='crops to measure on, and as many to choose steps by (default 4)')
    parser.add_argument('--window-us', type=int, default=30000, metavar='US',
                        help='length of a window; upstream: the time between two camera images of the data set (default 30000)')
    parser.add_argument('--widths', metavar='A,B,C,D,E,F,G,H,I', help='channels of another network of this build: '
                        'three conv stages, two token stages, four head layers (default: SDTrack-Tiny)')
    parser.add_argument('--random', type=int, metavar='SEED', help='write a random CHECKPOINT.pth of this layout first')
    parser.add_argument('--bench', type=int, nargs='?', const=10, metavar='FRAMES',
                        help='time the int8 graph against PyTorch eager, one thread each (needs a build of evtrackd); '
                        'a package of this very checkpoint that is there already is not made again')
    return parser.parse_args(argv)


def checked(args):
    name = os.path.basename(os.path.normpath(args.out))
    if not re.fullmatch('[a-z0-9][a-z0-9-]*', name):
        raise ConvertError(f'{name!r} cannot be the name of a package.', 'Name the folder with small letters, digits and hyphens.')
    for option, value, least in (('--count', args.count, 1), ('--window-us', args.window_us, 1), ('--bench', args.bench, 1)):
        if value is not None and value < least:
            raise ConvertError(f'{option} is {value}, expected at least {least}.', f'Give another {option}.')
    return name


def widths_of(text):
    from layout import TINY, Widths
    if text is None:
        return TINY
    numbers = [int(n) for n in text.split(',') if n.isdigit()]
    if len(numbers) != 9 or text.count(',') != 8 or min(numbers) < 1 or any(n % 8 for n in numbers[3:5]):
        raise ConvertError(f'--widths {text}: expected nine whole numbers, the fourth and fifth multiples of 8.',
                           'SDTrack-Tiny is 32,64,128,256,360,256,128,64,32.')
    return Widths(*numbers[:5], head=tuple(numbers[5:]))


def read(args, widths):
    """-> (state, names of tensors without a use); needs numpy only, so that a bad file is refused at once."""
    from checkpoint import read_checkpoint
    from layout import checked_state
    return checked_state(read_checkpoint(args.checkpoint), widths)


def crops(args):
    """-> (crops to choose steps by, crops to measure on, where they are from)"""
    from samples import make_samples, read_samples
    if args.samples is None:
        return make_samples(args.count, 1), make_samples(args.count, 2), 'generated moving textures'
    z, x = read_samples(args.samples, 2 * args.count)
    half = (len(z) + 1) // 2
    return (z[:half], x[:half]), (z[-half:], x[-half:]), os.path.basename(args.samples)


def convert(args, name, *, state, unused, widths):
    from fidelity import calibrated, measure
    from fold import folded_layers
    from package import build, golden_tensors, replace_folder
    chosen, measured, source = crops(args)
    layers = folded_layers(state, widths)
    say(f'{len(state)} tensors read; running {len(chosen[0])} crops to choose the steps of the integers')
    snapped, energy = calibrated(layers, chosen)
    say(f'running {len(measured[0])} others to measure fidelity')
    fidelity, real, whole = measure(layers, snapped, measured)
    provenance = dict(checkpoint=os.path.basename(args.checkpoint), checkpointSha256=sha256_of(args.checkpoint),
                      converter='scripts/convert-sdtrack', samples=source, unusedTensors=unused)
    origin = 'the weights of a checkpoint' if args.random is None else f'random weights (seed {args.random})'
    files = build(name, origin=origin, state=state, widths=widths, layers=layers, snapped=snapped, energy=energy,
                  fidelity=fidelity, golden=golden_tensors(measured, real, whole), provenance=provenance,
                  window_us=args.window_us)
    replace_folder(args.out, files)
    for tensor in unused:
        say(f'tensor {tensor} is no part of the network and was left out')
    say(f'{args.out}: {sum(map(len, files.values())) / 1e6:.0f} MB; median {fidelity["medianSqnrDb"]:.1f} dB a layer, '
        f'{100 * fidelity["flippedSameInput"]:.2f} % of spikes flipped on the same input, '
        f'{100 * fidelity["flippedEndToEnd"]:.2f} % end to end')


def is_made(args):
    try:
        with open(os.path.join(args.out, 'model.json'), encoding='utf-8') as file:
            return json.load(file)['provenance']['checkpointSha256'] == sha256_of(args.checkpoint)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_random(args, widths):
    import torch
    from random_state import checkpoint, random_state
    if os.path.exists(args.checkpoint):
        raise ConvertError(f'{args.checkpoint} exists and is not overwritten.', 'Name a new file for --random.')
    torch.save(checkpoint(random_state(args.random, widths)), args.checkpoint)


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for part in iter(lambda: file.read(1 << 20), b''):
            digest.update(part)
    return digest.hexdigest()


def say(line):
    print(f'convert-sdtrack: {line}', file=sys.stderr)


def main(argv=None):
    args = arguments(argv)
    try:
        name = checked(args)
        widths = widths_of(args.widths)
        if args.random is not None:
            write_random(args, widths)
        state, unused = read(args, widths)
        import torch
        torch.set_num_threads(1)
        if args.bench is None or not is_made(args):
            convert(args, name, state=state, unused=unused, widths=widths)
        if args.bench is not None:
            from race import race
            race(args, state, widths)
    except ConvertError as error:
        say(f'{error} {error.then}')
        return 1
    except ImportError as error:
        say(f'{error.name} is missing. {PACKAGES}')
        return 1
    except OSError as error:
        say(f'{error.filename or args.out}: {error.strerror}')
        return 1
    return 0
