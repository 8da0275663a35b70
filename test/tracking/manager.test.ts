import t from 'tap'
import { type Box, center, iou } from '../../src/events/geometry.js'
import type { Frame, WindowHeader } from '../../src/pipeline/frame.js'
import { createTargetManager, type TargetManager } from '../../src/tracking/manager.js'
import { trackingSchema } from '../../src/tracking/schema.js'
import type { StepResult } from '../../src/tracking/track.js'
import { CentroidSession } from './fake-session.js'
import { addBlob, addNoise, emptyFrame } from './helpers.js'

const size = { width: 200, height: 150 }

function setUp(settings: Record<string, unknown> = {}) {
  const session = new CentroidSession()
  const config = trackingSchema.parse(settings)
  const manager = createTargetManager({ session, size, config, idPrefix: 'boot7', nowMs: () => 0 })
  return { session, manager }
}
const quietly = { proposals: { enabled: false } }

interface Player {
  seq: number
  readonly log: string[]
  readonly results: StepResult[]
}
const newPlayer = (): Player => ({ seq: 0, log: [], results: [] })

/** Plays windows through a manager and notes what happens: `kind id [reason]`. */
async function play(
  manager: TargetManager,
  player: Player,
  script: {
    windows: number
    draw?: (frame: Frame, i: number) => void
    header?: Partial<WindowHeader>
  },
): Promise<StepResult> {
  for (let i = 0; i < script.windows; i++) {
    const frame = emptyFrame(size, player.seq++, script.header)
    script.draw?.(frame, i)
    const result = await manager.step(frame)
    player.results.push(result)
    for (const { kind, after, summary } of result.events) {
      player.log.push([kind, after.id, after.state, summary?.endReason].filter(Boolean).join(' '))
    }
  }
  return player.results.at(-1)!
}

/** A blob of 24 x 20 moving right and down from (x, y), pixels per window. */
function moving(from: Box, vx: number, vy: number) {
  const at = (i: number): Box => ({ ...from, x: from.x + vx * i, y: from.y + vy * i })
  return { at, draw: (frame: Frame, i: number) => addBlob(frame, at(i)) }
}
const start: Box = { x: 30, y: 40, w: 24, h: 20 }

t.test('a commanded target is published at once and followed', async (t) => {
  const { manager, session } = setUp(quietly)
  const player = newPlayer()
  const event = manager.start(start, 'car')
  t.match(event, {
    kind: 'new',
    after: { id: 'boot7-1', state: 'still', label: 'car', box: start },
  })
  t.equal(event.before, undefined)
  const blob = moving(start, 1, 0.5)
  const last = await play(manager, player, { windows: 60, draw: blob.draw })
  t.same(player.log, ['update boot7-1 tracking'])
  t.ok(iou(last.tracks[0]!.box, blob.at(59)) > 0.8)
  const { velocity, ageUs, tUs } = last.tracks[0]!
  t.ok(Math.abs(velocity.x - 100) < 10 && Math.abs(velocity.y - 50) < 10, JSON.stringify(velocity))
  t.equal(ageUs, 590_000)
  t.equal(tUs, 600_000)
  t.equal(session.templates, 1)
  t.equal(last.inferences, 1)
  t.same(manager.snapshot(), last.tracks)
  const end = manager.stop('boot7-1')!
  t.match(end, { kind: 'end', summary: { endReason: 'stopped', windows: 60, firstBox: start } })
  t.ok(Math.abs(end.summary!.pathPixels - 59 * Math.sqrt(1.25)) < 10)
  t.equal(manager.stop('boot7-1'), undefined)
  t.same((await play(manager, player, { windows: 1 })).tracks, [])
})

t.test('silence is not loss: the box waits, costs nothing, and wakes', async (t) => {
  const { manager, session } = setUp(quietly)
  const player = newPlayer()
  manager.start(start)
  const blob = moving(start, 1, 0)
  await play(manager, player, { windows: 20, draw: blob.draw })
  const searches = session.batches.length
  const silent = await play(manager, player, { windows: 500 })
  t.equal(session.batches.length, searches, 'no inference in silence')
  t.match(silent.tracks, [{ state: 'still', velocity: { x: 0, y: 0 } }])
  t.ok(iou(silent.tracks[0]!.box, blob.at(19)) > 0.8, 'frozen where it was last seen')
  t.equal(manager.counters().searchesSpared, 500)
  const again = await play(manager, player, { windows: 10, draw: (f, i) => blob.draw(f, 20 + i) })
  t.ok(iou(again.tracks[0]!.box, blob.at(29)) > 0.7)
  t.same(player.log, ['update boot7-1 tracking', 'update boot7-1 still', 'update boot7-1 tracking'])
})

t.test('noise is silence too, once it is known', async (t) => {
  const { manager } = setUp(quietly)
  const player = newPlayer()
  manager.start(start)
  const noisy = (f: Frame, i: number) => addNoise(f, 300, 1000 + i)
  await play(manager, player, {
    windows: 30,
    draw: (f, i) => {
      noisy(f, i)
      moving(start, 0.5, 0).draw(f, i)
    },
  })
  const last = await play(manager, player, { windows: 30, draw: noisy })
  t.equal(last.tracks[0]!.state, 'still')
  t.equal(last.inferences, 0)
})

t.test('events without the target: lost, found by itself again, or given up', async (t) => {
  const { manager } = setUp({ ...quietly, commandedLostMs: 3000 })
  const player = newPlayer()
  manager.start(start)
  const blob = moving(start, 1, 0)
  // Something else stands there: dense and of one polarity, unlike the template.
  const stranger = (f: Frame) => {
    const box = { x: 52, y: 40, w: 30, h: 20 }
    for (let y = box.y; y < box.y + box.h; y++) {
      f.planes.fill(255, (y + 150) * 200 + box.x, (y + 150) * 200 + box.x + box.w)
    }
  }
  await play(manager, player, { windows: 20, draw: blob.draw })
  await play(manager, player, { windows: 20, draw: stranger })
  t.same(player.log.slice(1), ['lost boot7-1 lost'])
  await play(manager, player, { windows: 10, draw: (f, i) => blob.draw(f, 25 + i) })
  t.same(player.log.slice(2), ['reacquired boot7-1 tracking'])
  await play(manager, player, { windows: 400, draw: stranger })
  t.same(player.log.slice(3), ['lost boot7-1 lost', 'end boot7-1 lost lost'])
  t.same(player.results.at(-1)!.tracks, [])
  t.match(manager.counters(), { targetsLost: 2, targetsReacquired: 1, targetsEnded: 1 })
})

t.test('a target found by itself that goes out at the edge has left', async (t) => {
  const { manager } = setUp()
  const player = newPlayer()
  const blob = moving({ ...start, x: 80 }, 2, 0)
  await play(manager, player, { windows: 90, draw: blob.draw })
  t.match(player.log.at(-1), /^end boot7-1 tracking left$/)
  const boxes = player.results.flatMap((result) => result.tracks.map((track) => track.box))
  t.ok(boxes.length > 10)
  t.ok(boxes.every((box) => box.x >= 0 && box.x + box.w <= size.width && box.w >= 0))
})

t.test('a commanded target that goes out is waited for, and keeps its number', async (t) => {
  const { manager } = setUp(quietly)
  const player = newPlayer()
  const from = { ...start, x: 140 }
  manager.start(from)
  const blob = moving(from, 2, 0)
  await play(manager, player, { windows: 60, draw: blob.draw })
  t.equal(player.log.at(-1), 'lost boot7-1 lost')
  await play(manager, player, { windows: 60, draw: (f, i) => blob.draw(f, 60 - i) })
  t.equal(player.log.at(-1), 'reacquired boot7-1 tracking')
})

t.test(
  'a target is found by itself, confirmed before it is published, and keeps its number',
  async (t) => {
    const { manager } = setUp({ confirmWindows: 5, proposals: { windows: 8 } })
    const player = newPlayer()
    const blob = moving(start, 1, 0.3)
    const last = await play(manager, player, { windows: 80, draw: blob.draw })
    t.same(player.log, ['new boot7-1 tracking'])
    const first = player.results.findIndex((result) => result.tracks.length > 0)
    t.ok(first >= 12, `8 windows as a cluster and 5 as a target, was ${first}`)
    t.ok(first < 30, `${first}`)
    t.ok(
      player.results.every((result) => result.tracks.every((track) => track.state !== 'tentative')),
    )
    t.ok(iou(last.tracks[0]!.box, blob.at(79)) > 0.6)
  },
)

t.test('noise, a flickering spot and a moving camera start nothing', async (t) => {
  for (const [name, draw] of Object.entries({
    noise: (f: Frame, i: number) => addNoise(f, 400, i),
    spot: (f: Frame) => addBlob(f, { x: 60, y: 60, w: 30, h: 30 }),
    camera: (f: Frame, i: number) => addBlob(f, { x: i - 100, y: 0, w: 400, h: 150 }, 0.2),
  })) {
    const { manager } = setUp()
    const player = newPlayer()
    await play(manager, player, { windows: 100, draw })
    t.same(player.log, [], name)
    t.equal(manager.counters().targetsProposed, 0, name)
  }
})

t.test('all targets of a window go to the network as one batch', async (t) => {
  const { manager, session } = setUp(quietly)
  const player = newPlayer()
  const boxes = [20, 60, 100].map((y) => ({ x: 30, y, w: 20, h: 16 }))
  for (const box of boxes) manager.start(box)
  const last = await play(manager, player, {
    windows: 30,
    draw: (f, i) => {
      for (const box of boxes) addBlob(f, { ...box, x: box.x + i })
    },
  })
  t.ok(session.batches.every((batch) => batch === 3))
  t.equal(session.batches.length, 30)
  t.same(
    last.tracks.map((track) => track.id),
    ['boot7-1', 'boot7-2', 'boot7-3'],
  )
  for (const [i, track] of last.tracks.entries()) {
    t.ok(iou(track.box, { ...boxes[i]!, x: 59 }) > 0.75, JSON.stringify(track.box))
  }
})

t.test('two targets on one thing become one: the older stays', async (t) => {
  const { manager } = setUp(quietly)
  const player = newPlayer()
  manager.start(start)
  manager.start({ ...start, x: start.x + 3 })
  await play(manager, player, { windows: 40, draw: moving(start, 1, 0).draw })
  t.equal(player.log.at(-1), 'end boot7-2 tracking merged')
  t.same(
    manager.snapshot().map((track) => track.id),
    ['boot7-1'],
  )
})

t.test('a gap is coasted over, not taken for a loss or for silence', async (t) => {
  const { manager } = setUp(quietly)
  const player = newPlayer()
  manager.start(start)
  const blob = moving(start, 1, 0)
  await play(manager, player, { windows: 30, draw: blob.draw })
  await play(manager, player, { windows: 30, header: { broken: true } })
  t.same(player.log, ['update boot7-1 tracking'])
  t.equal(player.results.at(-1)!.tracks[0]!.state, 'tracking')
  const box = player.results.at(-1)!.tracks[0]!.box
  t.ok(center(box).x > center(blob.at(29)).x + 5, 'it goes on moving')
  t.ok(center(box).x < center(blob.at(29)).x + 20, 'but not for ever')
  t.equal(manager.counters().windowsTorn, 30)
  const back = (f: Frame, i: number) => blob.draw(f, 42 + i)
  t.ok((await play(manager, player, { windows: 5, draw: back })).tracks[0]!.score > 0.5)
})

t.test('time that restarts does no harm', async (t) => {
  const { manager } = setUp(quietly)
  const player = newPlayer()
  manager.start(start)
  const blob = moving(start, 1, 0)
  await play(manager, player, { windows: 30, draw: blob.draw })
  const restarted: Player = { ...player, seq: 0 }
  const last = await play(manager, restarted, { windows: 10, draw: (f, i) => blob.draw(f, 30 + i) })
  t.equal(last.tracks[0]!.state, 'tracking')
  t.ok(iou(last.tracks[0]!.box, blob.at(39)) > 0.7)
  t.equal(last.tracks[0]!.ageUs, 380_000, 'age goes on')
})

t.test('boxes that cannot be followed are refused with what to do', async (t) => {
  const { manager } = setUp({ minBoxPx: 6 })
  const bad: [string, Box][] = [
    ['too small', { x: 10, y: 10, w: 5, h: 20 }],
    ['outside', { x: 190, y: 10, w: 40, h: 20 }],
    ['outside', { x: -500, y: 0, w: 20, h: 20 }],
    ['numbers', { x: Number.NaN, y: 0, w: 20, h: 20 }],
    ['small', { x: 0, y: 0, w: -20, h: -20 }],
  ]
  for (const [why, box] of bad) {
    t.throws(() => manager.start(box), {
      code: 'CONFIG_INVALID',
      message: new RegExp(why),
      next: /200 x 150/,
    })
  }
  t.same(manager.snapshot(), [])
  t.same(manager.start({ x: -5, y: 0, w: 20, h: 20 }).after.box, { x: 0, y: 0, w: 15, h: 20 })
})

t.test(
  'places are bounded: refused with what to do, and never at the cost of a confirmed target',
  async (t) => {
    const { manager } = setUp({ maxTargets: 2, ...quietly })
    manager.start(start)
    manager.start({ ...start, y: 100 })
    t.throws(() => manager.start({ ...start, x: 100 }), {
      code: 'CONFIG_INVALID',
      next: /max_targets/,
    })
    manager.stop('boot7-1')
    t.equal(manager.start({ ...start, x: 100 }).after.id, 'boot7-3', 'numbers are not used again')
  },
)

t.test('a command displaces an unconfirmed target; a proposal displaces nobody', async (t) => {
  const { manager } = setUp({ maxTargets: 1, confirmWindows: 1000, tentativeMs: 1e6 })
  const player = newPlayer()
  const blob = moving(start, 1, 0)
  await play(manager, player, { windows: 20, draw: blob.draw })
  t.equal(manager.counters().targetsProposed, 1)
  manager.start({ x: 150, y: 100, w: 20, h: 20 })
  t.match(manager.counters(), { targetsDisplaced: 1, targetsUnconfirmed: 1 })
  await play(manager, player, { windows: 40, draw: (f, i) => blob.draw(f, 20 + i) })
  t.ok(manager.counters().proposalsRefused > 0)
  t.same(
    manager.snapshot().map((track) => track.id),
    ['boot7-1'],
  )
})

t.test(
  'a target lost behind something is found where it comes out, under its old name',
  async (t) => {
    const { manager } = setUp({ lostMs: 5000, commandedLostMs: 5000 })
    const player = newPlayer()
    const blob = moving({ ...start, x: 10 }, 1, 0)
    manager.start(blob.at(0))
    await play(manager, player, { windows: 40, draw: blob.draw })
    await play(manager, player, { windows: 60 })
    t.equal(player.results.at(-1)!.tracks[0]!.state, 'still', 'hidden looks like silent')
    const last = await play(manager, player, { windows: 40, draw: (f, i) => blob.draw(f, 100 + i) })
    t.same(player.log, [
      'update boot7-1 tracking',
      'update boot7-1 still',
      'update boot7-1 tracking',
    ])
    t.ok(iou(last.tracks[0]!.box, blob.at(139)) > 0.7)
  },
)

t.test(
  'the same windows give the same results, whatever happened in another manager',
  async (t) => {
    const run = async () => {
      const { manager } = setUp()
      const player = newPlayer()
      await play(manager, player, {
        windows: 120,
        draw: (f, i) => {
          addNoise(f, 100, i)
          moving(start, 1, 0.2).draw(f, i)
          if (i < 70) moving({ x: 150, y: 110, w: 18, h: 18 }, -1, -0.4).draw(f, i)
        },
      })
      return JSON.stringify(player.results)
    }
    const first = await run()
    t.equal(await run(), first)
    t.match(first, /"kind":"new"/)
  },
)

t.test('a failing backend fails the step and leaves the targets', async (t) => {
  const { manager, session } = setUp(quietly)
  const player = newPlayer()
  manager.start(start)
  const blob = moving(start, 1, 0)
  await play(manager, player, { windows: 10, draw: blob.draw })
  session.failure = new Error('no backend')
  await t.rejects(play(manager, player, { windows: 1, draw: blob.draw }), { message: 'no backend' })
  session.failure = undefined
  const last = await play(manager, player, { windows: 10, draw: (f, i) => blob.draw(f, 11 + i) })
  t.equal(last.tracks[0]!.state, 'tracking')
})

t.test('commands may come while a window is worked on', async (t) => {
  const { manager } = setUp(quietly)
  const player = newPlayer()
  manager.start(start)
  const blob = moving(start, 1, 0)
  await play(manager, player, { windows: 10, draw: blob.draw })
  const frame = emptyFrame(size, player.seq++)
  blob.draw(frame, 10)
  const step = manager.step(frame)
  await t.rejects(manager.step(frame), /one window at a time/)
  t.equal(manager.stop('boot7-1')?.kind, 'end')
  manager.start({ ...start, y: 100 })
  const result = await step
  t.same(result.events, [])
  t.same(
    result.tracks.map((track) => track.id),
    ['boot7-2'],
  )
})

t.test('closing ends every published target, once', async (t) => {
  const { manager } = setUp()
  manager.start(start)
  manager.start({ ...start, y: 100 }, 'b')
  const ends = await manager.close()
  t.match(ends, [
    { kind: 'end', after: { id: 'boot7-1' }, summary: { endReason: 'shutdown' } },
    { kind: 'end', after: { id: 'boot7-2', label: 'b' } },
  ])
  t.same(await manager.close(), [])
  await t.rejects(manager.step(emptyFrame(size, 0)))
})

t.test('a second template is taken only when allowed, and only of a sure target', async (t) => {
  for (const [templateRenewMs, expected] of [
    [0, 1],
    [100, 4],
  ] as const) {
    const { manager, session } = setUp({ ...quietly, templateRenewMs, templateRenewScore: 0.5 })
    manager.start(start)
    await play(manager, newPlayer(), { windows: 40, draw: moving(start, 1, 0).draw })
    t.equal(session.templates, expected, JSON.stringify(manager.snapshot()))
  }
})
