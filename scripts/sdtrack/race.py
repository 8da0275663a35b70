"""The int8 graph in the runtime against PyTorch eager of the same network: in turns, one thread each, same crops.

Times are those of the processor, not of the clock on the wall, so that what else runs on the machine counts for little.
"""
import os
import shutil
import subprocess
import time

import torch

from eager import Eager
from errors import ConvertError
from samples import make_samples

HERE = os.path.dirname(os.path.realpath(__file__))
DIST = os.path.join(HERE, '..', '..', 'dist', 'src', 'inference', 'session.js')
TARGET = 4


class Runtime:
    """A process of evtrackd that runs one search whenever it is asked."""

    def __init__(self, out, graph):
        script = os.path.join(HERE, 'time-package.mjs')
        self.process = subprocess.Popen(['node', script, out, graph], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise ConvertError('The runtime could not run the package; its reason is above.', 'Try `evtrackd model verify`.')
        return line.strip()

    def milliseconds(self):
        self.process.stdin.write('\n')
        self.process.stdin.flush()
        return float(self.answer())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


def race(args, state, widths):
    """Prints a table; every round times each contestant once, so that a busy machine is unfair to none."""
    if shutil.which('node') is None or not os.path.exists(DIST):
        raise ConvertError('The race needs Node and a build of evtrackd.', 'Run `npm run build` first.')
    network = Eager({name: torch.from_numpy(value).float() for name, value in state.items()}, widths)
    z, x = (torch.from_numpy(a).float() for a in make_samples(1, 2))
    runtimes = {graph: Runtime(args.out, graph) for graph in ('int8', 'fp32')}
    times = {'PyTorch eager': [], 'ONNX Runtime fp32': [], 'ONNX Runtime int8': []}
    try:
        with torch.no_grad():
            for i in range(args.bench + 1):
                began = time.process_time()
                network(z, x)
                row = [(time.process_time() - began) * 1000, *(runtimes[g].milliseconds() for g in ('fp32', 'int8'))]
                # The first round warms caches and is not counted.
                if i > 0:
                    for name, ms in zip(times, row):
                        times[name].append(ms)
    finally:
        for runtime in runtimes.values():
            runtime.close()
    slowest = median(times['PyTorch eager'])
    print(f'{"one thread, canvas":20} {"median CPU ms":>14} {"least":>10} {"against eager":>14}')
    for name, each in times.items():
        print(f'{name:20} {median(each):14.1f} {min(each):10.1f} {slowest / median(each):13.1f}x')
    ratio = slowest / median(times['ONNX Runtime int8'])
    blas = next((word for word in torch.__config__.show().split() if word.startswith('BLAS_INFO=')), 'BLAS_INFO=?')
    print(f'PyTorch {torch.__version__} ({blas.rstrip(",")}), {args.bench} rounds.')
    print(f'Target: int8 at least {TARGET}x; {"met" if ratio >= TARGET else "missed"}.')


def median(values):
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
