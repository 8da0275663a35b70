import type { Received } from '../publish/real-brokers.js'

/** What a subscriber heard of one run of a daemon. */
export interface Told {
  readonly bootId: string
  /** Track events that arrived, each once. */
  readonly events: number
  /** Those that came again, as at-least-once delivery may. */
  readonly repeated: number
  /** Sequence numbers below the highest that never arrived. */
  readonly missing: readonly number[]
  /** Events that arrived for the first time after a later event of the same track. */
  readonly outOfOrder: readonly string[]
}

/** Holds what arrived against the promise: every event at least once, in order for each track. */
export function told(received: readonly Received[], device = 'evtrackd'): Told[] {
  const boots = new Map<string, { seqs: Set<number>; repeated: number; order: string[] }>()
  const last = new Map<string, number>()
  for (const { topic, json } of received) {
    if (!topic.startsWith(`evtrackd/v1/${device}/`) || !topic.endsWith('/track_events')) continue
    const { boot_id, seq, track } = json as { boot_id: string; seq: number; track: string }
    const boot = boots.get(boot_id) ?? { seqs: new Set(), repeated: 0, order: [] }
    boots.set(boot_id, boot)
    if (boot.seqs.has(seq)) {
      boot.repeated += 1
      continue
    }
    boot.seqs.add(seq)
    if (seq < (last.get(track) ?? -1)) boot.order.push(`${track}: ${seq} after ${last.get(track)}`)
    last.set(track, seq)
  }
  return [...boots].map(([bootId, { seqs, repeated, order }]) => {
    const missing: number[] = []
    for (let seq = 0; seq < Math.max(...seqs); seq++) if (!seqs.has(seq)) missing.push(seq)
    return { bootId, events: seqs.size, repeated, missing, outOfOrder: order }
  })
}

/** Throws where the promise was broken; gives the counts otherwise. */
export function expectAllTold(
  received: readonly Received[],
  device?: string,
): { events: number; repeated: number } {
  const runs = told(received, device)
  for (const { bootId, missing, outOfOrder } of runs) {
    if (missing.length > 0)
      throw new Error(`events of ${bootId} never arrived: ${missing.join(', ')}`)
    if (outOfOrder.length > 0)
      throw new Error(`events of ${bootId} out of order: ${outOfOrder.join('; ')}`)
  }
  const events = runs.reduce((sum, run) => sum + run.events, 0)
  if (events === 0) throw new Error('no track event arrived: nothing was tried')
  return { events, repeated: runs.reduce((sum, run) => sum + run.repeated, 0) }
}
