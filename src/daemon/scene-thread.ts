import type { WireError } from './messages.js'
import type { SceneWorkerData } from './scene-worker.js'
import { fromWire, startThread, type Thread } from './threads.js'

/** Starts the thread that simulates the scene before an emulated camera. It ends when the ring's reader closes. */
export function startSceneThread(
  data: SceneWorkerData,
  onFailed: (error: Error) => void,
): Thread<never> {
  return startThread<never, { type: 'failed'; error: WireError }>('./scene-worker.js', {
    name: 'scene',
    data,
    onMessage: (message) => onFailed(fromWire(message.error)),
    onFailed,
    endsByItself: true,
  })
}
