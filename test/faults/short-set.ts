import type { Test } from 'tap'
import { hasMosquitto } from '../publish/real-brokers.js'
import { FaultBench } from './bench.js'
import type { Fault } from './fault.js'

/** The faults of the short set as tests: each with a broker and a daemon of its own. */
export function shortSet(t: Test, faults: readonly Fault[]): void {
  for (const { name, title, promise, run, short, skip } of faults) {
    if (!short) continue
    const reason = hasMosquitto ? (skip?.() ?? false) : 'mosquitto is not installed'
    t.test(`${name}: ${title}`, { skip: reason }, async (t) => {
      const bench = await FaultBench.open(1)
      t.teardown(() => bench.close())
      const seen = await run(bench, 1)
      t.pass(`${promise} (${JSON.stringify(seen)})`)
    })
  }
}
