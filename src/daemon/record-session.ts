import { DAVIS346_SIZE } from '../events/geometry.js'
import { systemClock } from '../events/time.js'
import { createRecorder } from '../sources/recorder.js'
import type { RecorderStatus } from '../sources/recorder-options.js'
import type { SourceState } from '../sources/source.js'
import { openSource } from './open-source.js'
import { planSource } from './plan-source.js'
import { startSceneThread } from './scene-thread.js'
import type { Config } from './schema.js'

export interface RecordResult extends RecorderStatus {
  readonly counters: Readonly<Record<string, number>>
}

/**
 * Records a source to a file until the signal aborts, `seconds` of device time have passed or a limit is reached. The
 * file is readable whenever the process ends, and complete when the promise resolves.
 */
export async function recordSource(
  config: Config,
  options: {
    readonly path: string
    readonly seconds?: number
    readonly signal: AbortSignal
    readonly onState: (state: SourceState) => void
    /** Once a second. */
    readonly onProgress: (status: RecorderStatus) => void
  },
): Promise<RecordResult> {
  const plan = await planSource(config)
  const stop = new AbortController()
  const end = () => stop.abort(new Error('recording ended'))
  options.signal.addEventListener('abort', end, { once: true })
  if (options.signal.aborted) end()
  const recorder = await createRecorder({
    to: { path: options.path },
    camera: { name: 'DAVIS346', size: plan.size ?? DAVIS346_SIZE, ...serialOf(config) },
    clock: systemClock,
    ...(options.seconds === undefined ? {} : { limits: { maxDurationUs: options.seconds * 1e6 } }),
  })
  let failure: Error | undefined
  const scene =
    plan.scene &&
    startSceneThread(plan.scene, (error) => {
      failure = error
      end()
    })
  const timer = setInterval(() => {
    const status = recorder.status()
    options.onProgress(status)
    if (status.stopped !== undefined) end()
  }, 100)
  try {
    const opened = await openSource(plan.request, systemClock)
    try {
      await opened.source.run(
        {
          events: (batch) => recorder.events(batch),
          time: (tUs, hostUs) => recorder.time(tUs, hostUs),
          image: (image) => recorder.image(image),
          imu: (sample) => recorder.imu(sample),
          trigger: (trigger) => recorder.trigger(trigger),
          gap: (gap) => recorder.gap(gap),
          state: options.onState,
        },
        stop.signal,
      )
    } finally {
      await opened.close()
    }
  } finally {
    clearInterval(timer)
    options.signal.removeEventListener('abort', end)
    await recorder.close()
    await scene?.stop(0)
  }
  if (failure !== undefined) throw failure
  return { ...recorder.status(), counters: recorder.counters() }
}

function serialOf(config: Config): { serial?: string } {
  const { serial } = config.camera
  return serial === undefined ? {} : { serial }
}
