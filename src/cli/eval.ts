import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { evaluateDiscovery } from '../daemon/evaluate-discovery.js'
import {
  type Contestant,
  EVALUATED_TRACKERS,
  type EvaluatedTracker,
  type TrackerNeeds,
} from '../daemon/evaluate-sequence.js'
import { evaluateAll } from '../daemon/evaluation.js'
import { modelDir } from '../daemon/models.js'
import { openSession } from '../daemon/open-tracker.js'
import { aggregationFor } from '../daemon/tracker-config.js'
import { EvtrackError } from '../events/errors.js'
import { loadModelPackage } from '../inference/model-package.js'
import {
  BENCHMARK_GROUPS,
  BENCHMARK_SEEDS,
  type BenchmarkSequence,
  benchmarkSequence,
  LONG_SCENES,
} from '../sources/scene/benchmark.js'
import { openSequences } from '../sources/sequence/open-sequences.js'
import type { Sequence, Unusable } from '../sources/sequence/sequence.js'
import type { DiscoveryScore } from '../tracking/discovery.js'
import { evaluationCurves } from './eval-curves.js'
import { type DiscoveryReport, printDiscovery, printEvaluation } from './eval-report.js'
import { fileConfig } from './layered-config.js'
import { printJson } from './output.js'

export interface EvalOptions {
  readonly config?: string
  readonly scenes?: boolean
  readonly long?: boolean
  readonly discover?: boolean
  readonly groups?: string
  readonly seeds: string
  readonly tracker: string
  readonly streaming?: boolean
  readonly model?: string
  readonly out?: string
  readonly picture?: string
  readonly pictures?: string
  readonly exportFrames?: string
  readonly labelFps?: string
  readonly json?: boolean
}

export async function evaluate(paths: readonly string[], options: EvalOptions): Promise<void> {
  for (const option of ['out', 'pictures', 'exportFrames'] as const) {
    if (options[option] !== undefined) await makeFolder(options[option])
  }
  if (options.picture !== undefined) await makeFolder(dirname(options.picture))
  const trackers = chosen(options.tracker, EVALUATED_TRACKERS, '--tracker')
  const scenes = chosenScenes(paths, options)
  const sequences = scenes ?? (await foundSequences(paths, options))
  const flags = {
    ...(options.model === undefined ? {} : { model: { name: options.model } }),
    // The first box is given and nothing else is looked for, but where finding, or finding again, is the question.
    ...(options.long || options.discover ? {} : { tracking: { proposals: { enabled: false } } }),
  }
  const config = fileConfig({ config: options.config, flags })
  const pkg = trackers.includes('spiking')
    ? await loadModelPackage(modelDir(config.model.name))
    : undefined
  const model = pkg && { model: config.model.name }
  let { aggregation } = config
  if (pkg !== undefined) {
    const fitted = aggregationFor(config, pkg)
    for (const line of fitted.differences) say(`warning: ${line}`)
    aggregation = fitted.aggregation
  }
  const session = await openSession(pkg, { ...config.model, inference: config.inference })
  const needs = {
    pipeline: { filters: config.filters, aggregation },
    tracking: config.tracking,
    session,
  }
  try {
    if (options.discover) {
      const report = await discover(scenes ?? [], { ...needs, trackers })
      if (options.json) printJson({ ...model, trackers: report })
      else printDiscovery(report)
      return
    }
    const report = await evaluateAll(sequences, {
      ...needs,
      contestants: contestantsOf(trackers, options.streaming),
      out: options.out,
      pictures: options.pictures,
      exportFrames: options.exportFrames,
      progress: say,
    })
    if (options.picture !== undefined) await writeFile(options.picture, evaluationCurves(report))
    if (options.json) printJson({ ...model, ...report })
    else printEvaluation(report)
  } finally {
    await session?.close()
  }
}

const say = (line: string) => process.stderr.write(`evtrackd: ${line}\n`)

/** The box that never moves is never late. */
function contestantsOf(trackers: readonly EvaluatedTracker[], streaming = false): Contestant[] {
  return trackers.flatMap((tracker): Contestant[] => [
    { tracker, mode: 'offline' },
    ...(streaming && tracker !== 'static' ? [{ tracker, mode: 'streaming' as const }] : []),
  ])
}

async function discover(
  scenes: Iterable<BenchmarkSequence>,
  options: TrackerNeeds & { readonly trackers: readonly EvaluatedTracker[] },
): Promise<DiscoveryReport[]> {
  const { trackers } = options
  const found = trackers.map((tracker) => ({ tracker, sequences: [] as DiscoveryScore[] }))
  for (const scene of scenes) {
    const scores = await evaluateDiscovery(scene, options)
    for (const [i, score] of scores.entries()) found[i]!.sequences.push(score)
    const rates = scores.map((score, i) => `${trackers[i]} ${score.falseTracks} false`)
    say(`${scene.name}: ${rates.join('  ')}`)
  }
  return found
}

/** Scenes that were asked for instead of sequences, one after another, so that only one is held in memory. */
function chosenScenes(
  paths: readonly string[],
  { discover: discovers, groups, long, scenes, seeds }: EvalOptions,
): Iterable<BenchmarkSequence> | undefined {
  if (!scenes && !long && !discovers) {
    if (groups !== undefined) throw wrong('--groups are groups of --scenes', 'Add --scenes.')
    return undefined
  }
  if (paths.length > 0) throw wrong('scenes and sequences do not go together', 'Name one of them.')
  const known = long ? LONG_SCENES : BENCHMARK_GROUPS
  const names = groups === undefined ? known : chosen<string>(groups, known, '--groups')
  return benchmarkScenes(names, positive(seeds, '--seeds'))
}

async function foundSequences(
  paths: readonly string[],
  { labelFps }: EvalOptions,
): Promise<readonly (Sequence | Unusable)[]> {
  if (paths.length === 0) {
    throw wrong('there is nothing to evaluate', 'Name sequences, or give --scenes.')
  }
  const fps = labelFps === undefined ? undefined : positive(labelFps, '--label-fps')
  const found: (Sequence | Unusable)[] = []
  for (const path of paths) found.push(...(await openSequences(path, { labelFps: fps })))
  return found
}

function* benchmarkScenes(groups: readonly string[], seeds: number): Generator<BenchmarkSequence> {
  for (const group of groups) {
    for (let index = 0; index < seeds; index++) yield benchmarkSequence(group, index)
  }
}

function chosen<Name extends string>(
  text: string,
  known: readonly Name[],
  option: string,
): readonly Name[] {
  const names = text.split(',').map((part) => {
    const name = known.find((candidate) => candidate === part.trim())
    if (name !== undefined) return name
    throw wrong(`${option} has no "${part.trim()}"`, `Choose from ${known.join(', ')}.`)
  })
  return [...new Set(names)]
}

function positive(text: string, option: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) {
    throw wrong(
      `${option} ${text} is not a number above 0`,
      `Give a number, such as ${BENCHMARK_SEEDS}.`,
    )
  }
  return value
}

/** Before anything runs: an hour of evaluation must not end in a folder that cannot be written. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (cause) {
    throw new EvtrackError('CONFIG_INVALID', `The folder ${path} cannot be made.`, {
      next: 'Give a path that is writable and no file.',
      cause,
    })
  }
}

function wrong(what: string, next: string): EvtrackError {
  return new EvtrackError('CONFIG_INVALID', `The command is wrong: ${what}.`, { next })
}
