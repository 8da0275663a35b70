import { parentPort, workerData } from 'node:worker_threads'
import { BatchMemory, LaneWork, targetLayout } from '../inference/batch-memory.js'
import type { ModelPackage } from '../inference/model-package.js'
import { createTrackerSession } from '../inference/session.js'
import type { LaneCommand, LaneMessage } from './lane-thread.js'
import { toWire } from './threads.js'

/** One lane: opens the package for itself, checks its golden vectors and takes part in searches of several targets. */
export interface LaneWorkerData {
  readonly package: ModelPackage
  readonly graph: 'int8' | 'fp32'
  /** Folder of the ONNX Runtime that this process uses. */
  readonly ortDir?: string | undefined
}

const data = workerData as LaneWorkerData
const main = parentPort!

function post(message: LaneMessage): void {
  main.postMessage(message)
}

async function work(): Promise<void> {
  const layout = targetLayout(data.package)
  const session = await createTrackerSession(data.package, {
    graph: data.graph,
    ortDir: data.ortDir,
  })
  const work = new LaneWork(session, layout)
  let memory: BatchMemory | undefined
  let previous: Promise<void> = Promise.resolve()

  main.on('message', (command: LaneCommand) => {
    // In order: a job that is late must not overlap the next.
    previous = previous.then(async () => {
      if (command.type === 'attach') memory = BatchMemory.attach(layout, command.buffer)
      else if (command.type === 'close') {
        await session.close()
        main.close()
      } else {
        try {
          await work.run(memory!, command.job)
          post({ type: 'done' })
        } catch (error) {
          post({ type: 'failed', error: toWire(error) })
        }
      }
    })
  })
  post({ type: 'ready' })
}

work().catch((error: unknown) => {
  post({ type: 'failed', error: toWire(error) })
  main.close()
})
