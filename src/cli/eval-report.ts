import { contestantName, type EvaluatedTracker } from '../daemon/evaluate-sequence.js'
import type { EvaluationReport } from '../daemon/evaluation.js'
import { type DiscoveryScore, sumDiscovery } from '../tracking/discovery.js'
import type { MeanScore } from '../tracking/score-report.js'
import { print, table } from './output.js'

const COLUMNS = [
  'labels',
  'AUC',
  'PR20',
  'NPR',
  'IoU',
  'lost',
  'kept',
  'ms/window',
  'p99',
  'CPU',
  'dropped',
] as const

type Row = Omit<MeanScore, 'sequences'>

const share = (value: number) => value.toFixed(3)
const percent = (value: number) => `${(100 * value).toFixed(1)} %`

function cells(score: Row, kept: string): string[] {
  return [
    String(score.frames),
    share(score.auc),
    share(score.precision20),
    share(score.normalisedPrecision),
    share(score.meanIou),
    share(score.lostShare),
    kept,
    score.windowMsMean.toFixed(2),
    score.windowMsP99.toFixed(2),
    percent(score.cpuShare),
    String(score.dropped),
  ]
}

export function printEvaluation({ contestants, skipped }: EvaluationReport): void {
  for (const contestant of contestants) {
    const { groups, mean, sequences } = contestant
    const means = Object.entries(groups)
    const rows = [
      ...sequences.map((score) => [score.name, ...cells(score, score.kept === 1 ? 'yes' : 'no')]),
      ...(means.length > 1 ? means : []).map(([name, score]) => [
        `mean ${name}`,
        ...cells(score, keptOf(score)),
      ]),
      [`mean of ${mean.sequences}`, ...cells(mean, keptOf(mean))],
    ]
    print(contestantName(contestant))
    print(table(['sequence', ...COLUMNS], rows))
    print()
  }
  for (const { name, reason } of skipped) print(`skipped ${name}: ${reason}`)
}

const keptOf = ({ kept, sequences }: MeanScore) => `${Math.round(kept * sequences)}/${sequences}`

export interface DiscoveryReport {
  readonly tracker: EvaluatedTracker
  readonly sequences: readonly DiscoveryScore[]
}

export function printDiscovery(reports: readonly DiscoveryReport[]): void {
  for (const { sequences, tracker } of reports) {
    const groups = [...new Set(sequences.map(({ group }) => group))].map((group) =>
      sumDiscovery(
        `all ${group}`,
        sequences.filter((score) => score.group === group),
      ),
    )
    const rows = [...sequences, ...groups, sumDiscovery('all', sequences)].map((score) => [
      score.name,
      score.seconds.toFixed(0),
      String(score.tracks),
      String(score.falseTracks),
      score.falsePerMinute.toFixed(2),
      share(score.recall),
      share(score.precision),
      share(score.meanIou),
      String(score.idSwitches),
    ])
    print(tracker)
    print(
      table(
        ['scene', 's', 'tracks', 'false', 'false/min', 'recall', 'precision', 'IoU', 'switches'],
        rows,
      ),
    )
    print()
  }
}
