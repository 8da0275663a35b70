import { join } from 'node:path'
import { describeIssue } from '../../inference/read-network.js'
import { invalidExport } from '../errors.js'
import { type Hdf5Read, readHdf5 } from '../hdf5.js'
import type { Manifest, VerifiedLayer, VerifyReport } from '../target.js'
import { type SegmentDetails, segmentDetailsSchema } from './details-schema.js'
import { type NetFile, parseNet } from './net-file.js'
import { runNet } from './net-run.js'

/**
 * Runs every segment from its file alone, from the golden input on and through all of its layers, and compares each layer.
 * @throws EvtrackError EXPORT_INVALID naming the file and what is wrong with it.
 */
export async function verifySegments(dir: string, manifest: Manifest): Promise<VerifyReport> {
  const details = parseDetails(dir, manifest)
  const golden = await datasetsOf(dir, details.golden.file)
  const layers: VerifiedLayer[] = []
  for (const segment of details.segments) {
    const file = await parseFile(dir, segment)
    const counts = segment.layers.map(() => ({ neurons: 0, mismatches: 0 }))
    for (const input of details.golden.inputs) {
      const values = (name: string) => {
        const found = golden.get(`/${input}/${segment.part}/${name}`)
        if (found === undefined) {
          throw invalidExport(dir, `${details.golden.file} has no ${input}/${segment.part}/${name}`)
        }
        return found.values as ArrayLike<number>
      }
      const written = run(dir, { segment, file, input: values(segment.input) })
      for (const [i, name] of segment.layers.entries()) {
        const expected = values(name)
        counts[i]!.neurons += expected.length
        counts[i]!.mismatches += differing(written[i]!, expected)
      }
    }
    for (const [i, layer] of segment.layers.entries()) {
      layers.push({ part: segment.part, layer, ...counts[i]! })
    }
  }
  const count = `${details.segments.length} segment${details.segments.length === 1 ? '' : 's'}`
  return {
    target: manifest.target,
    executed: `the convolutions and neurons of ${count}, as written in the files, each from its golden input on; the host layers between them were not`,
    exact: layers.every((layer) => layer.mismatches === 0),
    layers,
    notes: details.notes,
  }
}

function parseDetails(dir: string, manifest: Manifest): SegmentDetails {
  const parsed = segmentDetailsSchema.safeParse(manifest.details)
  if (!parsed.success)
    throw invalidExport(dir, `manifest.json: details.${describeIssue(parsed.error)}`)
  return parsed.data
}

async function datasetsOf(dir: string, file: string): Promise<Map<string, Hdf5Read>> {
  try {
    return await readHdf5(join(dir, file))
  } catch (cause) {
    if (cause instanceof RangeError) throw invalidExport(dir, cause.message, cause)
    throw cause
  }
}

type SegmentFile = SegmentDetails['segments'][number]

async function parseFile(dir: string, segment: SegmentFile): Promise<NetFile> {
  const datasets = await datasetsOf(dir, segment.file)
  let file: NetFile
  try {
    file = parseNet(datasets)
  } catch (cause) {
    throw invalidExport(dir, `${segment.file}: ${(cause as Error).message}`, cause)
  }
  if (file.layers.length === segment.layers.length) return file
  throw invalidExport(
    dir,
    `${segment.file} has ${file.layers.length} layers, the manifest says ${segment.layers.length}`,
  )
}

function run(
  dir: string,
  of: {
    readonly segment: SegmentFile
    readonly file: NetFile
    readonly input: ArrayLike<number>
  },
): Float64Array[] {
  const { segment, file, input } = of
  try {
    return runNet(file, input)
  } catch (cause) {
    throw invalidExport(dir, `${segment.file}: ${(cause as Error).message}`, cause)
  }
}

function differing(actual: Float64Array, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return expected.length
  let count = 0
  for (let i = 0; i < actual.length; i++) if (actual[i] !== expected[i]) count++
  return count
}
