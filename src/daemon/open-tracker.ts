import type { Size } from '../events/geometry.js'
import { loadModelPackage, type ModelPackage } from '../inference/model-package.js'
import type { TrackerSession } from '../inference/tracker-session.js'
import { createClusterManager } from '../tracking/cluster-manager.js'
import {
  createTargetManager,
  type NetworkManager,
  type TargetManager,
} from '../tracking/manager.js'
import type { TrackerKind, TrackingConfig } from '../tracking/schema.js'
import { modelDir } from './models.js'
import type { OpenOptions } from './open-model.js'
import type { Config } from './schema.js'

export interface TrackerParts {
  readonly size: Size
  readonly config: TrackingConfig
  readonly idPrefix: string
  /** The network; 'spiking' needs it, 'cluster' ignores it. */
  readonly session?: TrackerSession | undefined
}

/** The target manager of a kind of tracker. A session that it is given stays the caller's to close. */
export function createTracker(
  kind: TrackerKind,
  parts: TrackerParts,
): TargetManager | NetworkManager {
  const { session, ...rest } = parts
  if (kind === 'cluster') return createClusterManager(rest)
  if (session === undefined) throw new Error('the spiking tracker needs a session')
  return createTargetManager({ ...rest, session })
}

/** The model package that a configuration needs: none for event clusters. Throws MODEL_INVALID or MODEL_UNSUPPORTED. */
export async function packageFor(
  config: Pick<Config, 'model' | 'tracking'>,
): Promise<ModelPackage | undefined> {
  if (config.tracking.tracker === 'cluster') return undefined
  return loadModelPackage(modelDir(config.model.name))
}

/**
 * Opens the network of a package, its golden vectors checked, for those who can wait until the backend is chosen. The
 * runtime is loaded here, and only here.
 */
export async function openSession(
  pkg: ModelPackage | undefined,
  options: Pick<OpenOptions, 'graph' | 'threads' | 'lanes' | 'inference'>,
): Promise<TrackerSession | undefined> {
  if (pkg === undefined) return undefined
  const { openSession: open } = await import('./open-model.js')
  const { graph, threads, lanes, inference } = options
  const { session, backend } = await open(pkg, {
    graph,
    threads,
    lanes,
    ...(inference && { inference }),
  })
  await backend?.settled
  return session
}
