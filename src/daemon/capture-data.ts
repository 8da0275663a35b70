import type { ModelPackage } from '../inference/model-package.js'
import type { ActiveCalibration } from './active-calibration.js'
import type { CaptureWorkerData } from './capture-worker.js'
import type { Log } from './log.js'
import { type SourcePlan, withPreset } from './plan-source.js'
import type { Config } from './schema.js'
import { aggregationFor } from './tracker-config.js'

interface Parts {
  readonly config: Config
  readonly log: Log
  readonly pkg: ModelPackage | undefined
  readonly source: SourcePlan
}

/** What the capture thread starts with: the configuration, with the active calibrations in it. */
export function captureData(
  { config, log, pkg, source }: Parts,
  calibration: ActiveCalibration,
  shared: Pick<CaptureWorkerData, 'pool' | 'windows' | 'lossless'>,
): CaptureWorkerData {
  const { aggregation, differences } = aggregationFor(config, pkg)
  for (const line of differences) log.warning(`aggregation: ${line}`)
  const { request, size } = source
  const { filters = config.filters, preset } = calibration.over({
    filters: config.filters,
    ...('camera' in request && { preset: request.camera.preset }),
  })
  return {
    ...shared,
    size,
    source: preset === undefined ? request : withPreset(request, preset),
    pipeline: { filters, aggregation },
    ...(config.guard.enabled && { guard: config.guard }),
  }
}
