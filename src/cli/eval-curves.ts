import { contestantName } from '../daemon/evaluate-sequence.js'
import type { EvaluationReport } from '../daemon/evaluation.js'
import { CONTESTANT_COLORS } from '../daemon/sequence-pictures.js'
import { plotPng } from '../pipeline/plot.js'
import { PRECISION_THRESHOLDS, SUCCESS_THRESHOLDS } from '../tracking/evaluate.js'

/** PNG of the mean success and precision curves of all contestants. */
export function evaluationCurves({ contestants }: EvaluationReport): Buffer {
  const lines = (
    of: (report: EvaluationReport['contestants'][number]) => {
      values: readonly number[]
      figure: number
    },
  ) =>
    contestants.map((contestant, i) => {
      const { values, figure } = of(contestant)
      return {
        values,
        label: `${figure.toFixed(3)} ${contestantName(contestant)}`,
        color: CONTESTANT_COLORS[i % CONTESTANT_COLORS.length]!,
      }
    })
  return plotPng([
    {
      title: 'success (AUC)',
      legend: 'top',
      xLabel: 'overlap threshold',
      xs: SUCCESS_THRESHOLDS,
      lines: lines(({ mean }) => ({ values: mean.success, figure: mean.auc })),
    },
    {
      title: 'precision (at 20 px)',
      legend: 'bottom',
      xLabel: 'centre error, pixels',
      xs: PRECISION_THRESHOLDS,
      lines: lines(({ mean }) => ({ values: mean.precision, figure: mean.precision20 })),
    },
  ])
}
