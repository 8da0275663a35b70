import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/events/time.js'
import { type FaultBench, within } from './bench.js'
import type { Fault } from './fault.js'
import { expectAllTold, told } from './lifecycle.js'
import { readRecording } from './recording.js'

export const sigtermAnytime: Fault = {
  name: 'sigterm-anytime',
  title: 'SIGTERM at a random moment of the start',
  promise: 'an orderly end with status 0 within 5 s, and the next start works',
  short: true,
  async run(bench, rounds) {
    let slowest = 0
    const starts = rounds === 1 ? 3 : rounds
    for (let round = 0; round < starts; round++) {
      const daemon = bench.start()
      // Before Node runs the program's first line, a signal ends it as it ends any program.
      await bench.until('its first line', () => daemon.log !== '', 20_000)
      await systemClock.sleep(bench.rng.range(0, 1200))
      slowest = Math.max(slowest, await daemon.stop())
    }
    if (slowest > 5000) throw new Error(`an end took ${slowest} ms`)
    const daemon = await bench.startReady()
    await bench.moreEvents(1)
    await daemon.stop()
    return {
      starts,
      slowest_end_ms: Math.round(slowest),
      ...expectAllTold(bench.listener.received),
    }
  },
}

export const sigkillRecording: Fault = {
  name: 'sigkill-recording',
  title: 'SIGKILL while recording',
  promise: 'the file is readable up to its last second',
  short: true,
  async run(bench, rounds) {
    let worst = 0
    let events = 0
    for (let round = 0; round < rounds; round++) {
      const daemon = await bench.startReady()
      const started = await bench.ask('record/start')
      if (!started.ok) throw new Error(`record/start: ${started.code}`)
      const from = bench.listener.received.length
      await systemClock.sleep(bench.rng.range(1500, 6000))
      const lastUs = newestUs(bench, from)
      await daemon.kill()
      const path = join(daemon.state, 'recordings', String(started.result['name']))
      const read = await readRecording(path)
      worst = Math.max(worst, (lastUs - read.lastUs) / 1e6)
      events += read.events
      if (read.events === 0 || lastUs - read.lastUs > 1e6) {
        throw new Error(
          `${path} ends ${(lastUs - read.lastUs) / 1e6} s before the last track, with ${read.events} events`,
        )
      }
    }
    return { rounds, events, missing_at_the_end_s: Math.round(worst * 100) / 100 }
  },
}

/** Device time of the newest tracks message. */
function newestUs(bench: FaultBench, from: number): number {
  const tracks = bench.listener.received
    .slice(from)
    .findLast(({ topic }) => topic.endsWith('/tracks'))
  if (tracks === undefined) throw new Error('no tracks while recording')
  return tracks.json['t_end_us'] as number
}

export const sigkillSpooling: Fault = {
  name: 'sigkill-spooling',
  title: 'SIGKILL while the broker is away and events are spooled',
  promise: 'what was told a quarter of a second before arrives from the next run, in order',
  short: true,
  async run(bench, rounds) {
    let spooled = 0
    for (let round = 0; round < rounds; round++) {
      const daemon = await bench.startReady()
      await bench.moreEvents(1)
      const heard = bench.listener.on('/track_events').length
      await bench.broker.kill()
      await bench.until('spooled events on the disk', () => spooledLines(daemon.state) > 0, 60_000)
      await systemClock.sleep(bench.rng.range(500, 3000))
      const lines = spooledLines(daemon.state)
      await daemon.kill()
      await bench.broker.restart()
      const next = await bench.startReady()
      await bench.until(
        'the spool is told',
        () => bench.listener.on('/track_events').length >= heard + lines,
      )
      spooled += lines
      await next.stop()
    }
    const broken = told(bench.listener.received).filter(
      (run) => run.missing.length > 0 || run.outOfOrder.length > 0,
    )
    if (broken.length > 0) throw new Error(`not as promised: ${JSON.stringify(broken)}`)
    return { rounds, spooled_events: spooled, ...expectAllTold(bench.listener.received) }
  },
}

function spooledLines(state: string): number {
  return spoolFiles(state).reduce((sum, text) => sum + text.split('\n').length - 1, 0)
}

export function spoolFiles(state: string): string[] {
  try {
    const dir = join(state, 'spool')
    return readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => readFileSync(join(dir, name), 'utf8'))
  } catch {
    return []
  }
}

export const twoDaemons: Fault = {
  name: 'two-daemons',
  title: 'a second daemon on the same state directory, and again after the first was killed',
  promise: 'the second ends and says STATE_BUSY; the first loses nothing; a dead one holds nothing',
  short: true,
  async run(bench) {
    const first = await bench.startReady()
    const second = bench.start({ device: 'evtrackd-2' })
    const { code } = await within(20_000, 'an end', second.exited)
    if (code !== 1 || !second.log.includes('STATE_BUSY')) {
      throw new Error(`the second ended with ${code}: ${second.log}`)
    }
    await bench.moreEvents(2)
    await bench.stateWithin(5000, 'ready')
    await first.kill()
    const third = await bench.startReady()
    await bench.moreEvents(1)
    await third.stop()
    return { second: `ended with ${code}`, ...expectAllTold(bench.listener.received) }
  },
}

const FAKETIME = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
].find(existsSync)

export const clockStep: Fault = {
  name: 'clock-step',
  title:
    'the wall clock starts in 1970, is set to today, three weeks on and three weeks back, while the broker is away',
  promise:
    'every event at least once and in order, none is dropped as too old; tracks and health go on',
  short: false,
  skip: () => (FAKETIME === undefined ? 'libfaketime is not installed' : false),
  async run(bench) {
    const file = join(bench.dir, 'offset')
    const set = (offset: string) => writeFileSync(file, `${offset}\n`)
    set(`-${Math.floor(Date.now() / 1000) - 100}`)
    const daemon = await bench.startReady({
      env: {
        LD_PRELOAD: FAKETIME!,
        FAKETIME_TIMESTAMP_FILE: file,
        FAKETIME_NO_CACHE: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        FAKETIME_DISABLE_SHM: '1',
      },
    })
    await bench.moreEvents(1)
    const first = (await bench.listener.next('/health')).json['at'] as number
    if (first > 1e15) throw new Error(`the clock was not turned back: ${first}`)
    await bench.broker.kill()
    for (const offset of ['+0', '+1814400', '-1814400']) {
      await systemClock.sleep(3000)
      set(offset)
    }
    await systemClock.sleep(3000)
    await bench.broker.restart()
    const from = bench.listener.received.length
    await bench.until('health comes again', () =>
      bench.listener.received.slice(from).some(({ topic }) => topic.endsWith('/health')),
    )
    await bench.moreEvents(1)
    await bench.stateWithin(5000, 'ready')
    const health = (await bench.listener.next('/health', undefined, from)).json
    const { dropped_age } = health['spool'] as { dropped_age: number }
    if (dropped_age > 0) throw new Error(`${dropped_age} events were dropped as too old`)
    set('+0')
    await daemon.stop()
    return { steps: 3, ...expectAllTold(bench.listener.received) }
  },
}
