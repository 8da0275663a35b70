import { createClusterObserver } from './cluster-observer.js'
import { type ManagerOptions, manageTargets, type TargetManager } from './manager.js'

/** Targets followed by the events alone, without a network: the fallback, and a baseline to measure against. */
export function createClusterManager(options: ManagerOptions): TargetManager {
  return manageTargets(options, createClusterObserver)
}
