import { createConnection, createServer, type Server } from 'node:net'
import { createInterface } from 'node:readline'
import type { EmulatedCamera } from '../../src/davis346/emulator/camera.js'
import { type CameraFaults, createFaults } from '../../src/davis346/emulator/faults.js'

/**
 * A camera's faults and observations as a test drives them: asynchronous, so that the camera may live in another
 * process than the port under test.
 */
export type CameraRemote = {
  readonly [Name in keyof CameraFaults]: (
    ...parameters: Parameters<CameraFaults[Name]>
  ) => Promise<void>
} & {
  readRegister(module: number, parameter: number): Promise<number>
  configuration(): Promise<number>
  /** Events that entered the camera's USB buffers since its power-up. */
  sentEvents(): Promise<number>
  /** Timestamp counter minus stimulus time. */
  clockOffsetUs(): Promise<number>
  /** Starts the script of a camera that plays one; resolves with the stimulus time at which it starts. */
  beginScript(): Promise<number>
  /** Reads waiting at the data endpoint. */
  pendingReads(): Promise<number>
}

type Call = { readonly id: number; readonly method: string; readonly parameters: unknown[] }
type Answer = { readonly id: number; readonly result?: unknown; readonly error?: string }

/** A stimulus that waits for its cue. */
export interface Held {
  begin(nowUs: number): number
}

function methods(
  camera: EmulatedCamera,
  script?: Held,
): Record<string, (...parameters: never[]) => unknown> {
  return {
    ...createFaults(camera),
    readRegister: (module: number, parameter: number) =>
      camera.model.registers.read(module, parameter),
    configuration: () => camera.configuration,
    sentEvents: () => camera.model.sentEvents,
    clockOffsetUs: () => camera.model.counterUs - camera.model.stimulusUs,
    beginScript: () => script?.begin(camera.model.stimulusUs),
    pendingReads: () => camera.pipe.pending,
  }
}

/** The remote of a camera in this process. */
export function localRemote(camera: EmulatedCamera, script?: Held): CameraRemote {
  const table = methods(camera, script)
  return remoteOver(async (method, parameters) => table[method]!(...(parameters as never[])))
}

/** Answers remotes in other processes: one JSON object a line in both directions. */
export function serveRemote(
  camera: EmulatedCamera,
  options: { path: string; script?: Held | undefined },
): Promise<Server> {
  const table = methods(camera, options.script)
  const server = createServer((socket) => {
    const lines = createInterface(socket)
    // A client that dies resets the connection; there is nobody left to tell.
    for (const emitter of [socket, lines]) emitter.on('error', () => {})
    lines.on('line', async (line) => {
      const { id, method, parameters } = JSON.parse(line) as Call
      const answer: Answer = await Promise.resolve()
        .then(() => table[method]!(...(parameters as never[])))
        .then(
          (result) => ({ id, result }),
          (error: unknown) => ({ id, error: String(error) }),
        )
      socket.write(`${JSON.stringify(answer)}\n`)
    })
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.path, () => resolve(server))
  })
}

/** Connects to a camera served by `serveRemote`. The connection does not keep the process alive. */
export async function connectRemote(path: string): Promise<CameraRemote> {
  const socket = createConnection(path)
  const waiting = new Map<number, (answer: Answer) => void>()
  let next = 1
  createInterface(socket).on('line', (line) => {
    const answer = JSON.parse(line) as Answer
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
    if (waiting.size === 0) socket.unref()
  })
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', reject)
  })
  socket.unref()
  return remoteOver((method, parameters) => {
    socket.ref()
    const id = next++
    return new Promise((resolve, reject) => {
      waiting.set(id, ({ result, error }) =>
        error === undefined ? resolve(result) : reject(new Error(error)),
      )
      socket.write(`${JSON.stringify({ id, method, parameters })}\n`)
    })
  })
}

function remoteOver(
  call: (method: string, parameters: unknown[]) => Promise<unknown>,
): CameraRemote {
  return new Proxy({} as CameraRemote, {
    // A remote must not look like a promise, or `await` would call it.
    get: (_target, method) =>
      typeof method === 'string' && method !== 'then'
        ? (...parameters: unknown[]) => call(method, parameters)
        : undefined,
  })
}
