import t from 'tap'
import { Nightly, nextTime } from '../../src/daemon/nightly.js'
import { ManualClock } from '../publish/manual-clock.js'
import { calibrationStand } from './calibration-stand.js'

t.setTimeout(60_000)

const at = (...[day, hours, minutes]: readonly [number, number, number]) =>
  new Date(2026, 0, day, hours, minutes).getTime() * 1000
const MINUTE_MS = 60_000

t.test('the next time of day, by the local clock', async (t) => {
  t.equal(nextTime(at(5, 2, 30), '03:00'), at(5, 3, 0))
  t.equal(nextTime(at(5, 3, 0), '03:00'), at(6, 3, 0), 'not twice in the same minute')
  t.equal(nextTime(at(5, 23, 59), '00:00'), at(6, 0, 0))
  const spring = nextTime(new Date(2026, 2, 28, 12).getTime() * 1000, '02:30')
  t.ok(spring > new Date(2026, 2, 28, 23).getTime() * 1000, 'also where clocks go forward')
})

/** A clock whose wall can be set, as a board does that learns the time late. */
class SettableClock extends ManualClock {
  #setUs = 0

  override wallUs(): number {
    return super.wallUs() + this.#setUs
  }

  set(byUs: number): void {
    this.#setUs += byUs
  }
}

t.test('once a day, and not for a time that was leapt over', async (t) => {
  const clock = new SettableClock(at(5, 2, 0))
  let runs = 0
  const nightly = new Nightly({
    clock,
    run: async () => {
      runs++
    },
  })
  nightly.set('03:00')
  await clock.advance(59 * MINUTE_MS)
  t.equal(runs, 0)
  await clock.advance(2 * MINUTE_MS)
  t.equal(runs, 1)
  await clock.advance(24 * 60 * MINUTE_MS)
  t.equal(runs, 2)
  clock.set(40 * 86_400e6)
  await clock.advance(2 * MINUTE_MS)
  t.equal(runs, 2, 'weeks late is not late')
  await clock.advance(24 * 60 * MINUTE_MS)
  t.equal(runs, 3)
  clock.set(-300 * 86_400e6)
  await clock.advance(24 * 60 * MINUTE_MS)
  t.equal(runs, 4, 'a clock that is set back does not stop it')
  nightly.set('12:00')
  nightly.set(undefined)
  await clock.advance(48 * 60 * MINUTE_MS)
  t.equal(runs, 4, 'off')
  nightly.close()
})

const CONFIG = { calibration: { nightlyHotPixels: '03:00', hotPixels: { rateHz: 20 } } }

/** A stand at half past two, and a way to let the next night pass. */
async function atNight(t: Parameters<typeof calibrationStand>[0], hotPixels: number) {
  const clock = new ManualClock(at(5, 2, 30))
  const stand = await calibrationStand(t, { clock, config: CONFIG, world: { hotPixels } })
  const ends = () => stand.news.filter(({ state }) => state !== 'running')
  const night = async (minutes: number) => {
    const before = ends().length
    void clock.advance(minutes * MINUTE_MS)
    await stand.until(() => ends().length > before)
    return ends().at(-1)!
  }
  return { stand, night }
}

t.test('unattended: it adds to the mask and never takes from it', async (t) => {
  const { stand, night } = await atNight(t, 60)
  // Three are new, and one of the mask is no longer hot.
  const cool = { x: 1, y: 1, rateHz: 9 }
  const pixels = [...stand.hotPixels.slice(3), cool]
  const empty = { rows: [], pictures: [], exports: [], data: { pixels } }
  const old = stand.store.write(
    {
      kind: 'hot-pixels',
      dataVersion: 1,
      serial: stand.store.serial,
      verdict: 'PASS',
      at: '2026-01-01T03:00:00.000Z',
      seconds: 5,
      source: 'emulator',
      evtrackd: 'test',
      rows: [],
      data: empty.data,
      settings: { hotPixels: pixels.map(({ x, y }) => [x, y] as const) },
    },
    empty,
  )
  stand.store.activate(old)
  const first = await night(31)
  t.match(first, { kind: 'hot-pixels', origin: 'schedule', state: 'done' })
  t.same(stand.shown.filter(Boolean), [], 'nobody covers the lens by night')
  t.equal(first.report?.activated, true)
  const mask = stand.filters().hotPixels
  const missing = [...stand.hotPixels, cool].filter(
    ({ x, y }) => !mask.some(([a, b]) => a === x && b === y),
  )
  t.same(missing, [], 'what was in the mask stays, what is new joins it')
  const kept = stand.store.list().length
  const second = await night(24 * 60)
  t.match(second, { state: 'done', report: { verdict: 'PASS' } })
  t.ok(stand.filters().hotPixels.length >= mask.length)
  t.equal(stand.store.list().length, kept, 'a night that finds nothing new keeps nothing')
})

t.test('no darkness, or no camera: skipped, and said why', async (t) => {
  const { stand, night } = await atNight(t, 1500)
  const before = stand.registers()
  const first = await night(31)
  t.match(first, { state: 'skipped', report: { verdict: 'FAIL', activated: false } })
  t.match(stand.published.at(-1), { state: 'skipped', origin: 'schedule' })
  t.same([stand.store.list(), stand.store.active().size], [[], 0])
  t.strictSame(stand.registers(), before)
  await stand.faults.unplug()
  await stand.until(() => stand.calibration.live.running === undefined && stand.unplugged())
  const second = await night(24 * 60)
  t.match(second, { state: 'skipped', error: { message: /does not stream/ } })
})
