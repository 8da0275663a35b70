import type { StepResult, TrackEvent } from '../tracking/track.js'
import { backendNews } from './backend-news.js'
import type { DaemonFacts } from './facts.js'
import { InferenceThread } from './inference-thread.js'
import type { InferenceWorkerData } from './inference-worker.js'
import type { Log } from './log.js'
import type { Config } from './schema.js'

type Shared = Pick<InferenceWorkerData, 'pool' | 'package' | 'take' | 'windows' | 'idPrefix'>

export interface InferenceWiring {
  readonly log: Log
  readonly facts: DaemonFacts
  /** `hostUs`: when the window's last event was received. */
  readonly onStep: (result: StepResult, hostUs: number) => void
  readonly onEvents: (events: readonly TrackEvent[]) => void
  readonly onJudged: (outcome: 'kept' | 'reverted', error: Error | undefined) => void
  /** The state of the tracker has changed. */
  readonly changed: () => void
  readonly failed: (error: Error) => void
}

/** Starts the inference thread of a running daemon: what it tells goes to the facts, the log and the publisher. */
export function startInference(
  config: Config,
  shared: Shared,
  to: InferenceWiring,
): InferenceThread {
  const { log, facts } = to
  const { graph, threads, lanes } = config.model
  const { inference, tracking } = config
  return new InferenceThread(
    { ...shared, graph, threads, lanes, inference, tracking },
    {
      ready: (openedMs) => {
        facts.inference = 'ready'
        const what = shared.package
          ? 'model ready, golden vectors match'
          : 'tracker ready, it needs no model'
        log.info(what, { ms: Math.round(openedMs) })
        to.changed()
      },
      step: (result, hostUs) => to.onStep(result, hostUs),
      counters: ({ counters, inferenceMs, energy }) => facts.tracked(counters, inferenceMs, energy),
      backend: (report) => {
        const news = backendNews(facts.backend, report)
        facts.backend = report
        if (news === undefined) return
        log[news.level](news.message, news.facts)
        to.changed()
      },
      events: (events) => to.onEvents(events),
      judged: (outcome, error) => to.onJudged(outcome, error),
      failed: (error) => {
        facts.inference = 'failed'
        to.failed(error)
      },
    },
  )
}
