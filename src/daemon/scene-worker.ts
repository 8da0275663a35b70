import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { createBatch } from '../events/batch.js'
import { createScene } from '../sources/scene/scene.js'
import type { SceneConfig } from '../sources/scene/schema.js'
import { type EventRing, EventRingWriter } from './event-ring.js'
import { toWire } from './threads.js'

/**
 * Simulates a scene ahead of time for the emulated camera, in a thread of its own: the capture thread of a real camera
 * does no such work, and must not here.
 */
export interface SceneWorkerData {
  readonly ring: EventRing
  readonly scene: SceneConfig
}

const CHUNK_US = 1000
const SCENE_NICE = 10
const PICTURE_EVERY_US = 20_000

function work({ ring, scene: config }: SceneWorkerData): void {
  const scene = createScene(config)
  const writer = new EventRingWriter(ring)
  const silence = createBatch(0)
  let pictureUs = 0
  for (let untilUs = CHUNK_US; ; untilUs += CHUNK_US) {
    let closed = false
    let any = false
    const response = writer.bias()
    if (response !== undefined) scene.bias(response)
    scene.advance(untilUs, (batch) => {
      any = true
      closed ||= writer.write(batch, untilUs) === 'closed'
    })
    if (!any) closed = writer.write(silence, untilUs) === 'closed'
    if (closed) return
    if (untilUs >= pictureUs) {
      pictureUs = untilUs + PICTURE_EVERY_US
      writer.picture.set(scene.image())
    }
  }
}

// It works a ring ahead, so it can wait; the threads it would take the processor from cannot. On Linux this is the
// priority of this thread alone.
setPriority(SCENE_NICE)

try {
  work(workerData as SceneWorkerData)
} catch (error) {
  parentPort!.postMessage({ type: 'failed', error: toWire(error) })
}
