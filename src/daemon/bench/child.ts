import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../events/time.js'
import { PACKAGE_ROOT } from '../version.js'

export interface StartResult {
  /** From starting the process to its `ready` line, milliseconds. */
  readonly readyMs: number
  readonly rssMbAtReady: number
  /** Resident memory once a second from then on, MB. */
  readonly rssMb: readonly number[]
}

const READY_TIMEOUT_MS = 30_000

async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024
}

export interface RunningChild {
  readonly pid: number
  /** From starting the process to its `ready` line, milliseconds. */
  readonly readyMs: number
  stop(): Promise<void>
}

/**
 * Starts `evtrackd run` as a user would, on the emulated camera with the embedded broker; `more` are lines of its
 * configuration. Rejects when it is not ready in 30 s.
 */
export async function startChild(more = ''): Promise<RunningChild> {
  const dir = await mkdtemp(join(tmpdir(), 'evtrackd-bench-'))
  const config = join(dir, 'evtrackd.toml')
  await writeFile(
    config,
    `state_dir = ${JSON.stringify(dir)}\n[source]\nkind = "emulator"\n[mqtt]\nurl = "embedded"\n[mqtt.embedded]\nport = 0\n${more}`,
  )
  const started = performance.now()
  const child = spawn(
    process.execPath,
    [join(PACKAGE_ROOT, 'dist/src/cli/main.js'), 'run', '--config', config],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
      // Its sockets beside its state, away from a service on this machine.
      env: { ...process.env, RUNTIME_DIRECTORY: dir },
    },
  )
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
    await rm(dir, { recursive: true, force: true })
  }
  try {
    let text = ''
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`evtrackd run was not ready in ${READY_TIMEOUT_MS} ms: ${text}`)),
        READY_TIMEOUT_MS,
      )
      child.once('exit', (code) => {
        clearTimeout(timer)
        reject(new Error(`evtrackd run ended with status ${code}: ${text}`))
      })
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        if (!/^info: ready /m.test(text)) return
        clearTimeout(timer)
        child.stderr.removeAllListeners('data').resume()
        resolve()
      })
    })
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid!, readyMs: performance.now() - started, stop }
}

/** Watches the memory of a daemon. Linux only. */
export async function benchStart(seconds: number): Promise<StartResult> {
  const { pid, readyMs, stop } = await startChild()
  try {
    const rssMbAtReady = await residentMb(pid)
    const rssMb: number[] = []
    for (let i = 0; i < seconds; i++) {
      await systemClock.sleep(1000)
      rssMb.push(await residentMb(pid))
    }
    return { readyMs, rssMbAtReady, rssMb }
  } finally {
    await stop()
  }
}
