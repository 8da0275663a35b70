import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Node has no datagram sockets in the file system, so a few lines of Python play systemd. */
const RECEIVER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("", flush=True)
while True:
    data, fds, _, _ = socket.recv_fds(s, 4096, 8)
    for fd in fds:
        os.close(fd)
    print(data.decode().replace(chr(10), "|"), flush=True)
`
const PYTHON = '/usr/bin/python3'

/** A reason not to run, or false. */
export const skipNotify = !existsSync(PYTHON)
  ? 'python3 is not installed'
  : !existsSync('/usr/bin/systemd-notify')
    ? 'systemd-notify is not installed'
    : false

export interface NotifySocket {
  readonly path: string
  readonly messages: string[]
  /** Resolves with the first message from index `from` that matches. */
  next(pattern: RegExp, from?: number): Promise<string>
  close(): void
}

/** A socket as systemd gives one to a service; close() it. */
export async function openNotifySocket(): Promise<NotifySocket> {
  const path = join(mkdtempSync(join(tmpdir(), 'evtrackd-notify-')), 'notify')
  const child = spawn(PYTHON, ['-c', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const messages: string[] = []
  let wake: (() => void)[] = []
  let open: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    open()
    // The helper's barrier is not ours.
    if (line === '' || line.startsWith('BARRIER=')) return
    messages.push(line)
    const waiting = wake
    wake = []
    for (const each of waiting) each()
  })
  await opened
  return {
    path,
    messages,
    async next(pattern, from = 0) {
      for (;;) {
        const found = messages.slice(from).find((message) => pattern.test(message))
        if (found !== undefined) return found
        await new Promise<void>((resolve) => wake.push(resolve))
      }
    },
    close: () => child.kill('SIGKILL'),
  }
}
