import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PartName } from '../../inference/exact/network.js'
import type { NetworkLayer } from '../../inference/exact/network-schema.js'
import { describeIssue } from '../../inference/read-network.js'
import { checkChip } from '../chips/check.js'
import { CONVENTION, partReports } from '../chips/cost.js'
import { invalidExport } from '../errors.js'
import { writeFiles } from '../files.js'
import { type GoldenRun, goldenRuns, realValues } from '../golden.js'
import { type Hdf5Group, type Hdf5Read, readHdf5, writeHdf5 } from '../hdf5.js'
import { hostLayers, hostSection, networkFiles } from '../host-layers.js'
import { readOnnxGraph } from '../onnx/read-graph.js'
import { networkPicture } from '../picture.js'
import type {
  ExportNetwork,
  ExportTarget,
  Manifest,
  ManifestBody,
  VerifiedLayer,
  VerifyReport,
} from '../target.js'
import { type AkidaDetails, akidaDetailsSchema } from './details-schema.js'
import { pieceGraph } from './graph.js'
import { isOnChip, type Piece, piecesOf } from './pieces.js'
import { akidaReadme } from './readme.js'
import { runQuantised } from './run.js'

const GOLDEN = 'golden.h5'

/** ONNX for the maker's quantiser: convolutions, sums and clipping; products of activations stay on the host. */
export const akida: ExportTarget = {
  name: 'akida',
  title: 'BrainChip Akida 2, ONNX for its quantiser',
  check: (network) => ({ ...checkChip(network, 'akida2'), target: 'akida' }),
  write,
  verify,
}

async function write(
  network: ExportNetwork,
  dir: string,
  { golden }: { readonly golden: number },
): Promise<ManifestBody> {
  const { description } = network.network
  const pieces = piecesOf(description)
  const runs = goldenRuns(network, golden)
  await writeFiles(
    dir,
    Object.fromEntries(
      pieces.map((piece) => [`${piece.name}.onnx`, pieceGraph(network.network, piece)]),
    ),
  )
  await writeHdf5(join(dir, GOLDEN), goldenGroup(network, pieces, runs))
  const details: AkidaDetails = {
    fits: checkChip(network, 'akida2').fits,
    pieces: pieces.map(({ name, part, inputs, outputs, layers }) => ({
      file: `${name}.onnx`,
      part,
      inputs: inputs.map((input) => input.name),
      outputs: [...outputs],
      layers: layers.map(({ name: layer, output }) => {
        const clipped = output.type === 'spikes' || output.type === 'increment'
        return {
          name: layer,
          bits: clipped ? (output.type === 'spikes' ? 4 : 8) : null,
          unit: clipped ? 2 ** -output.exponent! : null,
        }
      }),
    })),
    golden: { file: GOLDEN, inputs: runs.map((_, i) => `golden${i + 1}`) },
  }
  const onChip = new Set(
    pieces.flatMap(({ part, layers }) => layers.map(({ name }) => `${part}.${name}`)),
  )
  const report = {
    convention: CONVENTION,
    counted_on: `${runs.length} golden inputs`,
    parts: partReports(network, { runs, onChip }),
  }
  const onHost = (_part: PartName, layer: NetworkLayer) => !isOnChip(layer)
  await writeFiles(dir, {
    'README.md': akidaReadme({
      model: network.pkg.spec.name,
      details,
      report,
      host: hostSection(network),
    }),
    ...networkFiles(network),
    'network.svg': networkPicture(description, {
      title: `${network.pkg.spec.name} on BrainChip Akida 2`,
      onHost,
    }),
  })
  return { report, host: hostLayers(network, onHost), details: { ...details } }
}

function goldenGroup(
  { network }: ExportNetwork,
  pieces: readonly Piece[],
  runs: readonly GoldenRun[],
): Hdf5Group {
  return Object.fromEntries(
    runs.map(({ runs: run }, i) => {
      const parts: Record<string, Record<string, Hdf5Group[string]>> = {}
      for (const { part, inputs, layers } of pieces) {
        const written = (parts[part] ??= {})
        const named = [
          ...inputs,
          ...layers.map(({ name, output }) => ({ name, shape: output.shape })),
        ]
        for (const { name, shape } of named) {
          const integers = run[part].tensors.get(name)!
          written[name] = { data: realValues({ network, part, layer: name }, integers), shape }
        }
      }
      return [`golden${i + 1}`, parts]
    }),
  )
}

async function verify(dir: string, manifest: Manifest): Promise<VerifyReport> {
  const parsed = akidaDetailsSchema.safeParse(manifest.details)
  if (!parsed.success) {
    throw invalidExport(dir, `manifest.json: details.${describeIssue(parsed.error)}`)
  }
  const { pieces, golden } = parsed.data
  const datasets = await refusing(dir, golden.file, () => readHdf5(join(dir, golden.file)))
  const layers: VerifiedLayer[] = []
  for (const piece of pieces) {
    const counts = piece.layers.map(() => ({ neurons: 0, mismatches: 0 }))
    for (const input of golden.inputs) {
      const values = (name: string) =>
        goldenValues(dir, datasets, `/${input}/${piece.part}/${name}`)
      const written = await refusing(dir, piece.file, async () =>
        runQuantised(
          readOnnxGraph(new Uint8Array(await readFile(join(dir, piece.file)))),
          new Map(piece.inputs.map((name) => [name, values(name)])),
          new Map(piece.layers.flatMap(({ name, unit }) => (unit === null ? [] : [[name, unit]]))),
        ),
      )
      for (const [i, { name }] of piece.layers.entries()) {
        const expected = values(name)
        const actual = written.get(name)
        counts[i]!.neurons += expected.length
        for (let k = 0; k < expected.length; k++) {
          if (actual?.[k] !== expected[k]) counts[i]!.mismatches++
        }
      }
    }
    for (const [i, { name }] of piece.layers.entries()) {
      layers.push({ part: piece.part, layer: name, ...counts[i]! })
    }
  }
  return {
    target: manifest.target,
    executed: `${pieces.length} ONNX files, each from its golden inputs on, activations rounded to the units of the manifest; the host layers between them were not`,
    exact: layers.every((layer) => layer.mismatches === 0),
    layers,
    notes: [
      'The files themselves do not round: the quantiser does, and is exact only with the units given.',
    ],
  }
}

function goldenValues(
  dir: string,
  datasets: ReadonlyMap<string, Hdf5Read>,
  path: string,
): ArrayLike<number> {
  const found = datasets.get(path)
  if (found === undefined) throw invalidExport(dir, `${GOLDEN} has no ${path}`)
  return found.values as ArrayLike<number>
}

async function refusing<T>(dir: string, file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    if (cause instanceof RangeError) throw invalidExport(dir, `${file}: ${cause.message}`, cause)
    throw cause
  }
}
