import { PART_NAMES, type PartName } from '../../inference/exact/network.js'
import type { ExportNetwork } from '../target.js'
import { OPSET } from './graph.js'

interface Port {
  readonly name: string
  readonly shape: readonly number[]
}

type Ports = Readonly<
  Record<PartName, { readonly inputs: readonly Port[]; readonly outputs: readonly Port[] }>
>

/** Everything of the bundle that is text: what to run, in which order, and what must come out. */
export function bundleFiles(network: ExportNetwork, golden: number): Record<string, string> {
  const ports = portsOf(network)
  return {
    'README.md': readme(network, ports, golden),
    'settings.json': `${JSON.stringify(settings(ports), null, 2)}\n`,
    'build.sh': buildScript(ports),
    'build.py': BUILD_PY,
    'verify.py': VERIFY_PY,
  }
}

function portsOf({ network }: ExportNetwork): Ports {
  const of = (part: PartName) => {
    const { inputs, layers, outputs } = network.description.parts[part]
    const shapeOf = (name: string) => layers.find((layer) => layer.name === name)!.output.shape
    return {
      inputs: inputs.map(({ name, shape }) => ({ name, shape: [1, ...shape] })),
      outputs: outputs.map(({ name, layer }) => ({ name, shape: [1, ...shapeOf(layer)] })),
    }
  }
  return { template: of('template'), search: of('search') }
}

function settings(ports: Ports) {
  return {
    framework: 'ONNX',
    opset: OPSET,
    target: 'apu',
    batch: 1,
    input_type: 'float32',
    output_type: 'float32',
    models: PART_NAMES.map((part) => ({
      model: `${part}.onnx`,
      out: `build/${part}`,
      ...ports[part],
    })),
  }
}

function buildScript(ports: Ports): string {
  const lines = PART_NAMES.map((part) => {
    const { inputs, outputs } = ports[part]
    return [
      `model_compile -f ONNX -m ${part}.onnx`,
      `  --input_nodes "${inputs.map(({ name }) => name).join(';')}"`,
      `  --input_shapes "${inputs.map(({ shape }) => shape.join(',')).join(';')}"`,
      `  --output_nodes "${outputs.map(({ name }) => name).join(';')}"`,
      '  --input_type float32 --output_type float32',
      `  --output build/${part}`,
    ].join(' \\\n')
  })
  return `#!/bin/sh
# Compiles both graphs with the command of the chip's SDK. Written from its documentation; not run here. How several inputs
# are separated is not documented: if ";" is refused, use build.py, which names each.
set -eu
cd "$(dirname "$0")"
command -v model_compile >/dev/null || { echo "model_compile of the Lynxi SDK is not installed" >&2; exit 1; }
mkdir -p build
${lines.join('\n')}
echo "build/template/Net_0 and build/search/Net_0 are what the runtime loads; next: run golden/ on the device, then python3 verify.py --outputs DIR"
`
}

const BUILD_PY = `#!/usr/bin/env python3
"""Compiles both graphs with the Python interface of the chip's SDK (lyngor): the same as build.sh.

Written from its documentation; not run here, because the SDK is not public.
"""
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent


def main():
    import lyngor

    settings = json.loads((HERE / "settings.json").read_text())
    for model in settings["models"]:
        loaded = lyngor.DLModel()
        shapes = {port["name"]: tuple(port["shape"]) for port in model["inputs"]}
        loaded.load(str(HERE / model["model"]), model_type="ONNX", inputs_dict=shapes)
        builder = lyngor.Builder(target=settings["target"], is_map=True)
        out = HERE / model["out"]
        out.mkdir(parents=True, exist_ok=True)
        builder.build(loaded.graph, loaded.params, out_path=str(out))
        print(f"{model['model']} -> {out}")


if __name__ == "__main__":
    main()
`

const VERIFY_PY = `#!/usr/bin/env python3
"""Runs the golden inputs and compares every output value for equality; exit status 1 at any difference.

  verify.py            the ONNX graphs in ONNX Runtime (needs numpy and onnxruntime)
  verify.py --outputs DIR   outputs that a device wrote: DIR/PART/NAME.npy, shaped as golden/PART/NAME.npy

On the device load build/PART/Net_0 with pylynchipsdk (lyn_load_model), give it golden/PART/<input>.npy one after the
other, save what it gives with numpy.save, and compare it with the second form.
"""
import argparse
import json
import pathlib
import sys

import numpy

HERE = pathlib.Path(__file__).resolve().parent


def golden(part, name):
    return numpy.load(HERE / "golden" / part / f"{name}.npy").astype(numpy.float32)


def run_onnx(model, part):
    try:
        import onnxruntime
    except ImportError:
        sys.exit("onnxruntime is not installed (pip install onnxruntime); evtrackd export verify does the same")

    session = onnxruntime.InferenceSession(
        str(HERE / model["model"]), providers=["CPUExecutionProvider"]
    )
    given = {port["name"]: golden(part, port["name"]) for port in model["inputs"]}
    names = [port["name"] for port in model["outputs"]]
    count = len(next(iter(given.values())))
    runs = [session.run(names, {k: v[i : i + 1] for k, v in given.items()}) for i in range(count)]
    return {name: numpy.concatenate([run[i] for run in runs]) for i, name in enumerate(names)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=pathlib.Path, help="what a device gave")
    args = parser.parse_args()
    wrong = 0
    for model in json.loads((HERE / "settings.json").read_text())["models"]:
        part = pathlib.Path(model["model"]).stem
        found = None if args.outputs else run_onnx(model, part)
        for port in model["outputs"]:
            name = port["name"]
            values = found[name] if found else numpy.load(args.outputs / part / f"{name}.npy")
            expected = golden(part, name)
            different = int((values.reshape(expected.shape) != expected).sum())
            largest = float(numpy.abs(values.reshape(expected.shape) - expected).max())
            print(f"{part} {name}: {different} of {expected.size} differ, by {largest} at most")
            wrong += different
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
`

function readme({ pkg }: ExportNetwork, ports: Ports, golden: number): string {
  const { name, sha256 } = pkg.spec
  const rows = PART_NAMES.flatMap((part) => [
    ...ports[part].inputs.map(
      (port) => `| ${part} | in | ${port.name} | ${port.shape.join('×')} |`,
    ),
    ...ports[part].outputs.map(
      (port) => `| ${part} | out | ${port.name} | ${port.shape.join('×')} |`,
    ),
  ])
  return `# ${name} for Lynxi KA200

The tracker ${name} (package ${sha256.slice(0, 16)}…) as two ONNX graphs for the chip's compiler: fixed shapes, batch 1,
opset ${OPSET}, float32, ordinary operators only. The template runs once for each target, the search for every window.

| graph | | tensor | shape |
|---|---|---|---|
${rows.join('\n')}

Crops are bytes as float32, 0 to 255; nothing is normalised. What the template gives goes into the search as it is. The
search gives logits; the sigmoids, the best cell and the box are computed beside the chip.

## What to run

1. \`python3 verify.py\` (numpy, onnxruntime): the graphs in ONNX Runtime on the ${golden} golden inputs. Expected: \`0 of … differ\` in every line.
2. \`./build.sh\` (or \`build.py\`): compiles both; \`build/template/Net_0\` and \`build/search/Net_0\` are what the runtime loads.
3. Run \`golden/template/*.npy\` and \`golden/search/*.npy\` on the device, save its outputs, \`python3 verify.py --outputs DIR\`.

\`golden/PART\` also holds the spikes of every layer (0 to 4), to find the first layer that differs.

## How neurons and roundings are written

* An I-LIF neuron counts the thresholds that its membrane exceeds: the sum over k = 0 … 3 of [u > k + ½], as Greater,
  Cast and Add. There is no Round. No sum can equal a threshold, so > and ≥ are the same.
* What a residual branch adds is a whole number of 1/32: Floor(x + ½) within -128 and 127. The half is in the bias.
* Scales are powers of two, and every sum is a whole number below 2^24 of them: float32 in any order gives the same.

## Precision

Exact in float32 (and wherever products and sums keep 24 bits). **In fp16 it is not**: sums need more than fp16's 11
bits, and one rounding that falls the other way changes spikes after it. Compile for float32, or accept an answer near
this one and measure it with \`verify.py --outputs\`. The compiler's list of operators is not public; what is used here is
in \`manifest.json\` under \`details.operators\`. Neither compiler nor chip was at hand: the steps 2 and 3 are **untested**.
`
}
