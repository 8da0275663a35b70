import { EvtrackError } from '../../events/errors.js'
import { LIMITS } from '../limits.js'
import type { BiasesOptions } from '../schema.js'
import type { Goals } from './controller.js'

/** Throws CALIBRATION_FAILED for a band in which no rate lies. */
export function goalsOf(options: BiasesOptions): Goals {
  const { minPerSecond, maxPerSecond, noiseHz } = options
  const aimPerSecond = options.targetPerSecond ?? Math.sqrt(minPerSecond * maxPerSecond)
  if (
    !(minPerSecond < maxPerSecond && minPerSecond <= aimPerSecond && aimPerSecond <= maxPerSecond)
  ) {
    throw new EvtrackError('CALIBRATION_FAILED', 'The band of event rates is empty.', {
      next: 'Give min_per_second below max_per_second, and target_per_second between them.',
    })
  }
  const { burst, balance } = LIMITS.biases
  return {
    minPerSecond,
    maxPerSecond,
    aimPerSecond,
    noiseHz,
    p99PerSecond: burst.pass,
    onOff: balance.pass,
  }
}
