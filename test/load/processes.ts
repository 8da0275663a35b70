import { readFileSync } from 'node:fs'
import { systemClock } from '../../src/events/time.js'
import { Listener } from '../publish/real-brokers.js'

/** User and system time that a process has used, seconds. Linux only. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in brackets, may hold spaces; times are in hundredths of a second.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** A listener at a broker that is only being started. */
export async function listenerAt(port: number): Promise<Listener> {
  for (;;) {
    try {
      return await Listener.open(port)
    } catch {
      await systemClock.sleep(100)
    }
  }
}
