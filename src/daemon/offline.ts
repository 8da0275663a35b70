import type { Size } from '../events/geometry.js'
import type { Frame } from '../pipeline/frame.js'
import { frameCallback } from '../pipeline/frame-sink.js'
import { Pipeline, type PipelineConfig } from '../pipeline/pipeline.js'
import type { Source } from '../sources/source.js'

/**
 * Runs a source through filters and aggregation on the calling thread and awaits `onFrame` for every window: nothing is
 * dropped and nothing depends on timing, so the same input gives the same windows. The frame is borrowed until
 * `onFrame` settles. Needs a source that waits for its sink (a recording or a scene).
 */
export async function runOffline(
  source: Source,
  options: {
    readonly config: PipelineConfig
    readonly onFrame: (frame: Frame) => Promise<void> | void
    readonly signal: AbortSignal
  },
): Promise<{ ended: 'end' | 'aborted'; counters: Record<string, number> }> {
  const size: Size = source.info.size
  // A batch can close several windows; they wait here, copied, until the sink's promise has worked them off.
  const closed: Frame[] = []
  const pipeline = new Pipeline(
    options.config,
    size,
    frameCallback(size, (frame) => closed.push({ ...frame, planes: frame.planes.slice() })),
  )
  const workOff = async (): Promise<void> => {
    for (const frame of closed.splice(0)) await options.onFrame(frame)
  }
  const ended = await source.run(
    {
      events: (batch) => {
        pipeline.events(batch)
        return closed.length > 0 ? workOff() : undefined
      },
      time: (tUs, hostUs) => pipeline.time(tUs, hostUs),
      gap: (gap) => pipeline.gap(gap),
    },
    options.signal,
  )
  await workOff()
  return {
    ended,
    counters: {
      ...source.counters(),
      ...pipeline.filters.counters.snapshot(),
      ...pipeline.aggregator.counters.snapshot(),
    },
  }
}
