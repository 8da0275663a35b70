import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { systemClock } from '../../events/time.js'
import { startChild } from './child.js'

export interface WatchedResult {
  /** Processor time of a daemon that offers the page and the figures, and of one that does not; shares of a core. */
  readonly watchedCores: number
  readonly plainCores: number
  /** One answer of /metrics, milliseconds. */
  readonly scrapeMsP50: number
  readonly scrapes: number
}

/** Kernel ticks of user and system time are hundredths of a second on Linux. */
const TICKS_PER_SECOND = 100

/**
 * What being ready to be watched costs: two daemons side by side, one of which offers the live page, at which nobody
 * looks, and /metrics, read once a second. Side by side they share what else the machine does. Linux only.
 */
export async function benchWatched(seconds: number): Promise<WatchedResult> {
  const [view, metrics] = await freePorts(2)
  const plain = await startChild()
  try {
    const watched = await startChild(
      `[view]\nenabled = true\nport = ${view}\n[metrics]\nport = ${metrics}\n`,
    )
    try {
      const before = [await processorSeconds(plain.pid), await processorSeconds(watched.pid)]
      const startedUs = systemClock.nowUs()
      const scrapeMs: number[] = []
      for (let i = 0; i < seconds; i++) {
        await systemClock.sleep(1000)
        const askedUs = systemClock.nowUs()
        const answer = await fetch(`http://127.0.0.1:${metrics}/metrics`)
        if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`)
        await answer.text()
        scrapeMs.push((systemClock.nowUs() - askedUs) / 1000)
      }
      const elapsed = (systemClock.nowUs() - startedUs) / 1e6
      const plainCores = ((await processorSeconds(plain.pid)) - before[0]!) / elapsed
      const watchedCores = ((await processorSeconds(watched.pid)) - before[1]!) / elapsed
      scrapeMs.sort((a, b) => a - b)
      const scrapeMsP50 = scrapeMs[scrapeMs.length >> 1]!
      return { watchedCores, plainCores, scrapeMsP50, scrapes: scrapeMs.length }
    } finally {
      await watched.stop()
    }
  } finally {
    await plain.stop()
  }
}

async function processorSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // After the name, which may hold spaces: the state is the first field, user and system time the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Free at this moment; held together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address !== null && typeof address === 'object') ports.push(address.port)
  }
  for (const server of servers) await new Promise((resolve) => server.close(resolve))
  return ports
}
