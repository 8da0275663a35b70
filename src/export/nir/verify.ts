import { join } from 'node:path'
import { describeIssue } from '../../inference/read-network.js'
import { invalidExport } from '../errors.js'
import { type Hdf5Read, readHdf5 } from '../hdf5.js'
import type { Manifest, VerifiedLayer, VerifyOptions, VerifyReport } from '../target.js'
import { executePart, type PartRun } from './execute.js'
import { readNirGraph } from './read-graph.js'
import { type NirSchedule, scheduleSchema } from './schedule-schema.js'

const PARTS = ['template', 'search'] as const
type Part = (typeof PARTS)[number]

export interface NirVerifyOptions extends VerifyOptions {
  readonly delay?: 'none' | 'one'
  /** Only the template, which takes a fifth of the time. */
  readonly templateOnly?: boolean
}

/**
 * Reads both graphs back and runs them spike by spike, from the crops of golden.h5 to the logits, the search on what this
 * run of the template hands over. Compares the whole spike train of every neuron, and every value handed on.
 * @throws EvtrackError EXPORT_INVALID, EXPORT_UNAVAILABLE
 */
export async function verifyNir(
  dir: string,
  manifest: Manifest,
  options: NirVerifyOptions = {},
): Promise<VerifyReport> {
  const parsed = scheduleSchema.safeParse(manifest.details)
  if (!parsed.success)
    throw invalidExport(dir, `manifest.json details: ${describeIssue(parsed.error)}`)
  const schedule = parsed.data
  const parts = options.templateOnly ? PARTS.slice(0, 1) : PARTS
  const file = { dir, golden: await readFile(dir, schedule.golden.file) }
  const samples = schedule.golden.inputs.length
  for (const part of parts) goldenOf(file, `/${part}/inputs/crop`, samples - 1)
  // Where either will do, the letter of the format is what is proven.
  const reset = options.reset ?? (schedule.reset === 'either' ? 'hard' : 'subtract')
  const { delay = 'none' } = options
  const tally = new Tally()
  const graphs = new Map<Part, Awaited<ReturnType<typeof graphOf>>>()
  for (const part of parts) graphs.set(part, await graphOf(dir, schedule, part))
  for (let sample = 0; sample < samples; sample++) {
    let handed: PartRun['outputs'] = {}
    for (const part of parts) {
      const inputs = { ...handed, crop: goldenOf(file, `/${part}/inputs/crop`, sample) }
      const run = { schedule: schedule.parts[part], reset, delay }
      const found = attempt(dir, () => executePart(graphs.get(part)!, run, inputs))
      handed = found.outputs
      tally.add(part, compare(file, { part, sample, found, schedule }), found)
    }
  }
  const how = reset === 'subtract' ? 'thresholds subtracted' : 'membranes reset to zero'
  const { layers } = tally
  return {
    target: 'nir',
    executed: `${parts.join(' and ')}, spike by spike, ${how}; ${samples} golden inputs`,
    exact: layers.every(({ mismatches }) => mismatches === 0),
    layers,
    notes: parts.map((part) => {
      const spikes = Math.round(tally.spikes(part) / samples)
      return `${part}: ${schedule.parts[part].steps} steps, ${spikes} spikes an inference`
    }),
  }
}

/** Sums over the golden inputs. */
class Tally {
  readonly #layers = new Map<string, VerifiedLayer>()
  readonly #spikes = new Map<Part, number>()

  add(part: Part, found: readonly VerifiedLayer[], { activity }: PartRun): void {
    for (const { layer, neurons, mismatches } of found) {
      const before = this.#layers.get(`${part} ${layer}`) ?? { neurons: 0, mismatches: 0 }
      this.#layers.set(`${part} ${layer}`, {
        part,
        layer,
        neurons: before.neurons + neurons,
        mismatches: before.mismatches + mismatches,
      })
    }
    const spikes = [...activity.spikes.values()].reduce((a, b) => a + b, 0)
    this.#spikes.set(part, this.spikes(part) + spikes)
  }

  spikes(part: Part): number {
    return this.#spikes.get(part) ?? 0
  }

  get layers(): readonly VerifiedLayer[] {
    return [...this.#layers.values()]
  }
}

interface GoldenFile {
  readonly dir: string
  readonly golden: ReadonlyMap<string, Hdf5Read>
}

function compare(
  file: GoldenFile,
  of: {
    readonly part: Part
    readonly sample: number
    readonly found: PartRun
    readonly schedule: NirSchedule
  },
): VerifiedLayer[] {
  const { part, sample, found } = of
  const { populations, outputs } = of.schedule.parts[part]
  const neurons = populations.map(({ node, layer, steps }) => {
    const train = found.trains.get(node)!
    const expected = goldenOf(file, `/${part}/spikes/${node}`, sample)
    if (expected.length !== train.length) {
      throw invalidExport(
        file.dir,
        `golden spikes of ${node}: ${expected.length}, not ${train.length}`,
      )
    }
    const size = train.length / steps
    const wrong = new Set(found.stray.get(node))
    for (let i = 0; i < train.length; i++) if (train[i] !== expected[i]) wrong.add(i % size)
    return { part, layer, neurons: size, mismatches: wrong.size }
  })
  const values = outputs.map(({ name }) => {
    const have = found.outputs[name]!
    const expected = goldenOf(file, `/${part}/outputs/${name}`, sample)
    let mismatches = Math.abs(have.length - expected.length)
    for (let i = 0; i < expected.length; i++) if (have[i] !== expected[i]) mismatches++
    return { part, layer: `output ${name}`, neurons: expected.length, mismatches }
  })
  return [...neurons, ...values]
}

function goldenOf({ dir, golden }: GoldenFile, path: string, sample: number): ArrayLike<number> {
  const found = golden.get(path)
  const samples = found?.shape[0] ?? 0
  if (found === undefined || sample >= samples || !ArrayBuffer.isView(found.values)) {
    throw invalidExport(dir, `the golden file lacks ${path} of input ${sample + 1}`)
  }
  const values = found.values as Float32Array
  const each = values.length / samples
  return values.subarray(sample * each, (sample + 1) * each)
}

async function graphOf(dir: string, schedule: NirSchedule, part: Part) {
  const { file } = schedule.parts[part]
  const content = await readFile(dir, file)
  return attempt(dir, () => readNirGraph(content), `${file}: `)
}

async function readFile(dir: string, file: string): Promise<Map<string, Hdf5Read>> {
  try {
    return await readHdf5(join(dir, file))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw invalidExport(dir, `${file}: ${error.message}`, error)
  }
}

/** What a file says wrongly is an invalid export, not an accident. */
function attempt<T>(dir: string, work: () => T, where = ''): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw invalidExport(dir, `${where}${error.message}`, error)
  }
}
