import { join } from 'node:path'
import { PART_NAMES, type PartName } from '../../inference/exact/network.js'
import type { NetworkLayer } from '../../inference/exact/network-schema.js'
import { unsupportedExport } from '../errors.js'
import { writeFiles } from '../files.js'
import { type GoldenRun, goldenRuns } from '../golden.js'
import { type Hdf5Group, writeHdf5 } from '../hdf5.js'
import { hostLayers, hostSection, networkFiles } from '../host-layers.js'
import { networkPicture } from '../picture.js'
import type { ExportNetwork, ExportTarget, ManifestBody } from '../target.js'
import { checkChip } from './check.js'
import { CONVENTION, partReports } from './cost.js'
import type { SegmentDetails } from './details-schema.js'
import { type ConvFacts, factsOf } from './layer-facts.js'
import { chipOf, readChipLimits } from './limits.js'
import type { ChipName, Limits } from './limits-schema.js'
import { alignment, netGroup } from './net-file.js'
import { placeOnCores } from './place.js'
import { readmeOf } from './readme.js'
import { convMisfits } from './rules.js'
import { type Segment, segmentsOf } from './segments.js'
import { verifySegments } from './verify.js'

/** What differs between the chips whose artefact is a set of layer files. */
export interface SegmentTarget {
  readonly name: ChipName
  readonly title: string
  /** Write only what the chip can hold, not whatever its format can say. */
  readonly onlyFitting: boolean
  /** What a reader must know of files and neurons, in sentences. */
  readonly notes: readonly string[]
}

const GOLDEN = 'golden.h5'

interface Placed extends Segment {
  readonly file: string
  readonly facts: readonly ConvFacts[]
  readonly cores: readonly number[] | null
}

/** A target that writes the convolutions of a network as files of layers in sequence. */
export function segmentTarget(target: SegmentTarget): ExportTarget {
  return {
    name: target.name,
    title: target.title,
    check: (network) => checkChip(network, target.name),
    write: (network, dir, options) => write(target, network, { dir, golden: options.golden }),
    verify: verifySegments,
  }
}

async function write(
  target: SegmentTarget,
  network: ExportNetwork,
  { dir, golden }: { readonly dir: string; readonly golden: number },
): Promise<ManifestBody> {
  const { limits } = chipOf(readChipLimits(), target.name).chip
  const segments = placed(target, network, limits)
  if (segments.length === 0) throw unsupportedExport(target.name, 'any layer of this network')
  const { description } = network.network
  const runs = goldenRuns(network, golden)
  for (const segment of segments) {
    const content = netGroup(network.network, segment, segment.facts[0]!.input)
    await writeHdf5(join(dir, segment.file), content)
  }
  await writeHdf5(join(dir, GOLDEN), goldenGroup(network, segments, runs))
  const onChip = new Set(
    segments.flatMap(({ part, convs }) => convs.map(({ name }) => `${part}.${name}`)),
  )
  const details: SegmentDetails = {
    fits: checkChip(network, target.name).fits,
    segments: segments.map(({ file, part, input, convs, facts, cores }) => ({
      file,
      part,
      input,
      layers: convs.map(({ name }) => name),
      exponents: convs.map(
        ({ exponents }) => alignment(network.network.numbers.get(exponents)!.data).exponent,
      ),
      bits: facts.map((each) => each.sharedWeightBits),
      cores: cores === null ? null : [...cores],
    })),
    golden: { file: GOLDEN, inputs: runs.map((_, i) => groupName(i)) },
    notes: [...target.notes],
  }
  const report = {
    convention: CONVENTION,
    counted_on: `${runs.length} golden inputs`,
    parts: partReports(network, { runs, onChip }),
  }
  const onHost = (part: PartName, { name }: NetworkLayer) => !onChip.has(`${part}.${name}`)
  await writeFiles(dir, {
    'README.md': readmeOf({
      target: target.name,
      title: target.title,
      model: network.pkg.spec.name,
      details,
      report,
      host: hostSection(network),
    }),
    ...networkFiles(network),
    'network.svg': networkPicture(description, {
      title: `${network.pkg.spec.name} on ${target.title}`,
      onHost,
    }),
  })
  return { report, host: hostLayers(network, onHost), details: { ...details } }
}

function placed(target: SegmentTarget, { network }: ExportNetwork, limits: Limits): Placed[] {
  const facts = new Map(
    PART_NAMES.flatMap((part) =>
      factsOf(network, part).convs.map((conv) => [`${part}.${conv.layer.name}`, conv] as const),
    ),
  )
  return segmentsOf(network.description).flatMap((segment, i): Placed[] => {
    const own = segment.convs.map(({ name }) => facts.get(`${segment.part}.${name}`)!)
    const misfit = own.some((conv) => convMisfits(conv, limits).length > 0)
    const cores = limits.cores && !misfit ? placeOnCores(own, limits.cores.value) : undefined
    if (target.onlyFitting && (misfit || (limits.cores !== null && !cores))) return []
    const file = `${String(i).padStart(2, '0')}-${segment.part}-${segment.name}.net`
    return [{ ...segment, file, facts: own, cores: cores ?? null }]
  })
}

const groupName = (input: number) => `golden${input + 1}`

function goldenGroup(
  network: ExportNetwork,
  segments: readonly Placed[],
  runs: readonly GoldenRun[],
): Hdf5Group {
  return Object.fromEntries(
    runs.map(({ runs: run }, i) => {
      const parts: Record<string, Record<string, Hdf5Group[string]>> = {}
      for (const { part, input, convs, facts } of segments) {
        const written = (parts[part] ??= {})
        const { tensors } = run[part]
        written[input] = compact(tensors.get(input)!, facts[0]!.input)
        for (const { name, output, exponents } of convs) {
          const values = tensors.get(name)!
          const { data } = network.network.numbers.get(exponents)!
          const own = output.exponent === null ? onOneScale(values, data) : values
          written[name] = compact(own, output.shape)
        }
      }
      return [groupName(i), parts]
    }),
  )
}

/** Logits come with an exponent for each channel; the files have one for the layer. */
function onOneScale(values: Int32Array, exponents: ArrayLike<number>): Int32Array {
  const { shifts } = alignment(exponents)
  const each = values.length / shifts.length
  return values.map((value, i) => value << shifts[Math.floor(i / each)]!)
}

/** The smallest type that holds all values. */
function compact(values: Int32Array, shape: readonly number[]) {
  let low = 0
  let high = 0
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  const fits = (least: number, most: number) => low >= least && high <= most
  const data = fits(-128, 127)
    ? Int8Array.from(values)
    : fits(0, 255)
      ? Uint8Array.from(values)
      : values
  return { data, shape }
}
