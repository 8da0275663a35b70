import type { BenchmarkSequence } from '../sources/scene/benchmark.js'
import { DiscoveryCount, type DiscoveryScore } from '../tracking/discovery.js'
import { contestantManager, type EvaluatedTracker, type TrackerNeeds } from './evaluate-sequence.js'
import { runOffline } from './offline.js'

/** Runs trackers over a scene with nothing given, every window worked on, and holds what they find against the truth. */
export async function evaluateDiscovery(
  sequence: Pick<BenchmarkSequence, 'name' | 'group' | 'durationUs' | 'scene' | 'open'>,
  options: TrackerNeeds & { readonly trackers: readonly EvaluatedTracker[] },
): Promise<readonly DiscoveryScore[]> {
  const { pipeline, trackers } = options
  const truth = sequence.scene()
  const source = await sequence.open()
  const { size } = source.info
  const managers = trackers.map((tracker) => contestantManager(tracker, { ...options, size }))
  const counts = trackers.map(() => new DiscoveryCount())
  try {
    await runOffline(source, {
      config: pipeline,
      signal: new AbortController().signal,
      onFrame: async (frame) => {
        const movers = truth.truth(frame.header.tEndUs, 'movers')
        for (const [i, manager] of managers.entries()) {
          counts[i]!.add((await manager.step(frame)).tracks, movers)
        }
      },
    })
  } finally {
    for (const manager of managers) await manager.close()
    await source.close()
  }
  const { durationUs, group, name } = sequence
  return counts.map((count) => count.score({ name, group, seconds: durationUs / 1e6 }))
}
