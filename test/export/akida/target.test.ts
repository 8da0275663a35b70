import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { pieceGraph } from '../../../src/export/akida/graph.js'
import { isOnChip, piecesOf } from '../../../src/export/akida/pieces.js'
import { runQuantised } from '../../../src/export/akida/run.js'
import { akida } from '../../../src/export/akida/target.js'
import { readHdf5 } from '../../../src/export/hdf5.js'
import { OnnxGraphWriter } from '../../../src/export/onnx/graph.js'
import { readOnnxGraph } from '../../../src/export/onnx/read-graph.js'
import { openForExport } from '../../../src/export/open.js'
import { readManifest } from '../../../src/export/read-manifest.js'
import { exportTo } from '../../../src/export/write-folder.js'
import { loadModelPackage } from '../../../src/inference/model-package.js'
import { openGraph } from '../../../src/inference/onnx.js'
import { PACKAGE_DIR } from '../../inference/packages.js'

const network = openForExport(await loadModelPackage(PACKAGE_DIR))
const { description } = network.network

t.test('pieces: every chip layer once, nothing before what it reads', (t) => {
  for (const part of ['template', 'search'] as const) {
    const pieces = piecesOf(description).filter((piece) => piece.part === part)
    const known = new Set(description.parts[part].inputs.map(({ name }) => name))
    const { layers } = description.parts[part]
    for (const piece of pieces) {
      // The host runs whatever it can before the next piece.
      for (const layer of layers) {
        if (!isOnChip(layer) && layer.inputs.every((name) => known.has(name))) known.add(layer.name)
      }
      for (const { name } of piece.inputs) t.ok(known.has(name), `${piece.name} reads ${name}`)
      for (const layer of piece.layers) {
        t.ok(
          layer.inputs.every((name) => known.has(name)),
          layer.name,
        )
        known.add(layer.name)
      }
    }
    const placed = pieces.flatMap((piece) => piece.layers.map(({ name }) => name))
    t.same(
      placed.toSorted(),
      layers
        .filter(isOnChip)
        .map(({ name }) => name)
        .toSorted(),
    )
  }
  t.end()
})

t.test('the folder: exact with the stated rounding, and taken by ONNX Runtime', async (t) => {
  const dir = join(t.testdir(), 'out')
  await exportTo(akida, network, { dir, golden: 1 })
  const manifest = await readManifest(dir)
  const report = await akida.verify(dir, manifest)
  t.ok(report.exact)
  t.equal(
    report.layers.length,
    (['template', 'search'] as const).flatMap((part) =>
      description.parts[part].layers.filter(isOnChip),
    ).length,
  )
  const datasets = await readHdf5(join(dir, 'golden.h5'))
  const values = (part: string, name: string) =>
    datasets.get(`/golden1/${part}/${name}`)!.values as Float32Array
  const details = manifest.details as {
    pieces: { file: string; inputs: string[]; outputs: string[]; layers: { bits: number }[] }[]
  }
  t.ok(details.pieces.every(({ layers }) => layers.every(({ bits }) => bits === null || bits <= 8)))
  for (const { file, inputs, outputs } of details.pieces) {
    const model = new Uint8Array(readFileSync(join(dir, file)))
    const graph = readOnnxGraph(model)
    t.same([...graph.inputs.keys()].toSorted(), inputs.toSorted(), file)
    t.same(new Set(graph.nodes.map(({ op }) => op)), new Set(['Conv', 'Clip', 'Add']), file)
    if (file !== 'search-1.onnx') continue
    // The smallest piece is enough to see that ONNX Runtime reads the same file alike.
    const session = await openGraph(model, { name: file, threads: 1 })
    t.same(session.outputs.map(({ name }) => name).toSorted(), outputs.toSorted(), file)
    const golden = new Map(inputs.map((name) => [name, values('search', name)]))
    const ours = runQuantised(graph, golden, new Map())
    const theirs = await session.run(
      Object.fromEntries(
        [...golden].map(([name, data]) => [name, { data, dims: [...graph.inputs.get(name)!] }]),
      ),
    )
    for (const name of outputs) {
      const far = theirs[name]!.findIndex((v, i) => Math.abs(v - ours.get(name)![i]!) > 1e-3)
      t.equal(far, -1, `${file}: ${name}`)
      const exact = values('search', name)
      t.ok(
        ours.get(name)!.some((v, i) => v !== exact[i]),
        'rounding is what makes it exact',
      )
    }
    await session.close()
  }

  writeFileSync(
    join(dir, 'template-0.onnx'),
    readFileSync(join(dir, 'template-0.onnx')).subarray(0, 900),
  )
  await t.rejects(akida.verify(dir, manifest), {
    code: 'EXPORT_INVALID',
    message: /template-0\.onnx: the file is cut short/,
  })
  await t.rejects(akida.verify(dir, { ...manifest, details: {} }), {
    code: 'EXPORT_INVALID',
    message: /details\.fits/,
  })
})

const PYTHON = '/usr/bin/python3'
const NO_ONNX =
  spawnSync(PYTHON, ['-c', 'import onnx']).status === 0 ? false : 'no python3-onnx from Debian'

t.test("ONNX's own checker takes every file", { skip: NO_ONNX }, async (t) => {
  const dir = t.testdir()
  const files = piecesOf(description).map((piece) => {
    const file = join(dir, `${piece.name}.onnx`)
    writeFileSync(file, pieceGraph(network.network, piece))
    return file
  })
  const script =
    'import onnx, sys\nfor f in sys.argv[1:]: onnx.checker.check_model(onnx.load(f), full_check=True)'
  const { status, stderr } = spawnSync(PYTHON, ['-c', script, ...files], { encoding: 'utf8' })
  t.equal(status, 0, stderr)
  t.equal(files.length, 6)
})

t.test('the interpreter refuses what it does not know', (t) => {
  const writer = new OnnxGraphWriter()
  writer.node({ op: 'Relu', inputs: ['x'], outputs: ['y'] })
  const io = { inputs: [{ name: 'x', shape: [1, 1] }], outputs: [{ name: 'y', shape: [1, 1] }] }
  const graph = readOnnxGraph(writer.model({ name: 'g', opset: 11, irVersion: 6, doc: '', ...io }))
  const x = new Map([['x', Float32Array.of(1)]])
  t.throws(() => runQuantised(graph, x, new Map()), /operator Relu is none of/)
  t.throws(() => runQuantised(graph, new Map(), new Map()), /input x is missing/)
  t.throws(() => readOnnxGraph(Uint8Array.of(0xff, 0xff)), /cut short/)
  t.throws(() => readOnnxGraph(new Uint8Array()), /holds no graph/)
  t.end()
})
