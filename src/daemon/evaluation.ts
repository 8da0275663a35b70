import type { Sequence, Unusable } from '../sources/sequence/sequence.js'
import type { OnePassResult } from '../tracking/one-pass.js'
import {
  groupScores,
  type MeanScore,
  meanScore,
  type SequenceScore,
  scoreSequence,
} from '../tracking/score-report.js'
import {
  type Contestant,
  contestantName,
  evaluateSequence,
  type TrackerNeeds,
} from './evaluate-sequence.js'
import { FrameExport } from './export-frames.js'
import { writeResultFiles } from './result-files.js'
import { SequencePictures } from './sequence-pictures.js'

export interface ContestantReport extends Contestant {
  readonly mean: MeanScore
  readonly groups: Readonly<Record<string, MeanScore>>
  readonly sequences: readonly SequenceScore[]
}

export interface EvaluationReport {
  readonly contestants: readonly ContestantReport[]
  readonly skipped: readonly Unusable[]
}

export interface EvaluationOptions extends TrackerNeeds {
  readonly contestants: readonly Contestant[]
  /** Folder for result files. */
  readonly out?: string | undefined
  /** Folder for pictures of each sequence. */
  readonly pictures?: string | undefined
  /** Folder for event images of each sequence. */
  readonly exportFrames?: string | undefined
  /** Told of each sequence when it is done. */
  readonly progress?: (line: string) => void
}

/** Evaluates sequences one after another; what cannot be judged is reported as skipped and counts nowhere. */
export async function evaluateAll(
  sequences: Iterable<Sequence | Unusable>,
  options: EvaluationOptions,
): Promise<EvaluationReport> {
  const { contestants, progress = () => {} } = options
  const scores = contestants.map((): SequenceScore[] => [])
  const skipped: Unusable[] = []
  for (const sequence of sequences) {
    const skip = (reason: string) => {
      skipped.push({ name: sequence.name, reason })
      progress(`${sequence.name}: skipped: ${reason}`)
    }
    if ('reason' in sequence) {
      skip(sequence.reason)
      continue
    }
    const started = performance.now()
    const results = await watchedSequence(sequence, options)
    if (typeof results === 'string') {
      skip(results)
      continue
    }
    for (const [i, result] of results.entries()) scores[i]!.push(scoreSequence(sequence, result))
    if (options.out !== undefined)
      await writeResultFiles(options.out, { sequence, contestants, results })
    const aucs = contestants.map(
      (c, i) => `${contestantName(c)} ${scores[i]!.at(-1)!.auc.toFixed(3)}`,
    )
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    progress(`${sequence.name}: AUC ${aucs.join('  ')}  (${seconds} s)`)
  }
  return {
    contestants: contestants.map((contestant, i) => ({
      ...contestant,
      mean: meanScore(scores[i]!),
      groups: Object.fromEntries(groupScores(scores[i]!)),
      sequences: scores[i]!,
    })),
    skipped,
  }
}

async function watchedSequence(
  sequence: Sequence,
  options: EvaluationOptions,
): Promise<readonly OnePassResult[] | string> {
  const { exportFrames, pictures } = options
  const exporter = exportFrames === undefined ? undefined : new FrameExport(exportFrames, sequence)
  const shots = pictures === undefined ? undefined : new SequencePictures(pictures, sequence)
  const results = await evaluateSequence(sequence, {
    ...options,
    onFrame: (frame, managers) => {
      exporter?.frame(frame)
      shots?.frame(
        frame,
        managers.map((manager) => manager.snapshot()),
      )
    },
  })
  exporter?.end()
  return results
}
