import { EnergySampler } from '../inference/energy-sampler.js'
import type { ModelPackage } from '../inference/model-package.js'
import type { SessionOptions } from '../inference/session.js'
import type { TrackerSession } from '../inference/tracker-session.js'

/** A package that runs: its session, and what measures its energy on the way. */
export interface OpenModel {
  readonly session: TrackerSession
  /** None for a package that describes no integers. */
  readonly sampler: EnergySampler | undefined
  close(): Promise<void>
}

/** Opened whole before anybody tracks with it, so that no window waits for it. The runtime is loaded here. */
export async function openModel(
  pkg: ModelPackage,
  options: SessionOptions & { readonly graph: 'int8' | 'fp32'; readonly lanes: number },
): Promise<OpenModel> {
  const { openLanedSession } = await import('./lane-thread.js')
  const opened = await openLanedSession(pkg, options)
  try {
    const sampler = await openSampler(pkg, options.graph)
    const session = sampler?.watch(opened) ?? opened
    return {
      session,
      sampler,
      close: async () => {
        await session.close()
        await sampler?.close()
      },
    }
  } catch (error) {
    await opened.close()
    throw error
  }
}

async function openSampler(
  pkg: ModelPackage,
  graph: 'int8' | 'fp32',
): Promise<EnergySampler | undefined> {
  if (pkg.network === null) return undefined
  const { openEnergyMeter } = await import('../inference/energy-meter.js')
  const meter = await openEnergyMeter(pkg, { graph, parts: ['search'] })
  return new EnergySampler({ meter, prices: pkg.manifest.energy })
}
