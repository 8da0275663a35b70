import t from 'tap'
import { trackingSchema } from '../../src/tracking/schema.js'
import { createStaticTracker } from '../../src/tracking/static-tracker.js'
import { addBlob, emptyFrame, HOP_US } from './helpers.js'

const size = { width: 346, height: 260 }

t.test('a target stays where it was started, whatever moves', async (t) => {
  const manager = createStaticTracker({ size, config: trackingSchema.parse({}), idPrefix: 's' })
  const box = { x: 330, y: 20, w: 30, h: 20 }
  const { after, kind } = manager.start(box, 'car')
  t.match({ kind, after }, { kind: 'new', after: { id: 's-1', label: 'car' } })
  for (let seq = 0; seq < 3; seq++) {
    const frame = emptyFrame(size, seq)
    addBlob(frame, { x: 10 * seq, y: 20, w: 30, h: 20 })
    const { tracks } = await manager.step(frame)
    t.match(tracks, [{ id: 's-1', tUs: (seq + 1) * HOP_US, box: { x: 330, y: 20, w: 16, h: 20 } }])
  }
  t.same(manager.snapshot().length, 1)
  t.match(manager.stop('s-1'), { kind: 'end', summary: { windows: 3, endReason: 'stopped' } })
  t.equal(manager.stop('s-1'), undefined)
  manager.start(box)
  t.match(await manager.close(), [{ kind: 'end', summary: { endReason: 'shutdown' } }])
  t.same(await manager.close(), [])
})

t.test('a box that is none is refused', async (t) => {
  const manager = createStaticTracker({ size, config: trackingSchema.parse({}), idPrefix: 's' })
  t.throws(() => manager.start({ x: 0, y: 0, w: 0, h: 10 }), { code: 'CONFIG_INVALID' })
})
