import type { Test } from 'tap'
import { REG } from '../../src/davis346/registers.js'
import { nowUs } from '../../src/events/time.js'
import { read, startCamera, stopCamera, WordWatcher, write } from './camera-words.js'
import { StreamRecorder } from './stream-recorder.js'
import { detached, portTests, rejectsWith, replug, type UsbPortHarness } from './usb-port-bench.js'

/** Bulk streams: order, ends, stalls, unplug. */
export async function streamContract(t: Test, harness: UsbPortHarness): Promise<void> {
  const { camera, serial } = harness
  const { withHandle } = portTests(t, harness)

  await withHandle('bulk: in stream order, never empty, with host time', async (t, { handle }) => {
    const recorder = new StreamRecorder()
    const watcher = new WordWatcher()
    recorder.onTransfer = (data) => watcher.take(data)
    const before = nowUs()
    await handle.clearHalt(0x82)
    const stream = handle.startBulkIn(recorder.options())
    await startCamera(handle)
    await recorder.until(() => watcher.events >= 10_000 && watcher.wraps >= 2)
    await stream.stop()
    t.equal(watcher.backwards, 0, 'time goes forward over all transfers')
    t.ok(recorder.lengths.every((length) => length > 0 && length <= 4096 && length % 2 === 0))
    t.ok(stream.backlog() >= 0)
    const sorted = [...recorder.hostUs].sort((a, b) => a - b)
    t.same(recorder.hostUs, sorted)
    t.ok(recorder.hostUs.every((hostUs) => hostUs >= before && hostUs <= nowUs()))
  })

  await withHandle('bulk: keeps all its transfers in flight', async (t, { handle }) => {
    const recorder = new StreamRecorder()
    const stream = handle.startBulkIn(recorder.options({ transferCount: 6 }))
    while ((await camera.pendingReads()) < 6) await read(handle, REG.infoLogicVersion)
    t.equal(await camera.pendingReads(), 6)
    t.equal(recorder.lengths.length, 0, 'a camera that is off sends nothing')
    await stream.stop()
    while ((await camera.pendingReads()) > 0) await read(handle, REG.infoLogicVersion)
    t.equal(await camera.pendingReads(), 0)
  })

  await withHandle('bulk: stop ends it once, and it can start again', async (t, { handle }) => {
    await startCamera(handle)
    for (let round = 0; round < 3; round++) {
      const recorder = new StreamRecorder()
      await handle.clearHalt(0x82)
      const stream = handle.startBulkIn(recorder.options())
      await recorder.transfers(5)
      await Promise.all([stream.stop(), stream.stop()])
      t.same(
        recorder.ends.map(({ kind }) => kind),
        ['stopped'],
      )
      await stream.stop()
      await read(handle, REG.infoLogicVersion)
      t.equal(recorder.late, 0)
      t.equal(recorder.ends.length, 1)
    }
  })

  await withHandle('bulk: stop from within the callback', async (t, { handle }) => {
    await startCamera(handle)
    const recorder = new StreamRecorder()
    let stopped: Promise<void> | undefined
    recorder.onTransfer = () => {
      stopped ??= stream.stop()
    }
    const stream = handle.startBulkIn(recorder.options())
    await recorder.ended()
    await stopped
    t.equal(recorder.ends[0]?.kind, 'stopped')
    t.equal(recorder.late, 0)
  })

  await withHandle('bulk: one stream an endpoint', async (t, { handle }) => {
    const first = handle.startBulkIn(new StreamRecorder().options())
    t.throws(() => handle.startBulkIn(new StreamRecorder().options()))
    await first.stop()
    const second = handle.startBulkIn(new StreamRecorder().options())
    await second.stop()
  })

  await withHandle('bulk: a stall ends it; clearing the halt mends it', async (t, { handle }) => {
    await startCamera(handle)
    const recorder = new StreamRecorder()
    handle.startBulkIn(recorder.options())
    await recorder.transfers(3)
    await camera.stallBulk()
    await recorder.ended()
    t.same(
      recorder.ends.map(({ kind }) => kind),
      ['stall'],
    )
    const again = new StreamRecorder()
    handle.startBulkIn(again.options())
    await again.ended()
    t.equal(again.ends[0]?.kind, 'stall', 'until it is cleared')
    await handle.clearHalt(0x82)
    const mended = new StreamRecorder()
    const stream = handle.startBulkIn(mended.options())
    await mended.transfers(3)
    await stream.stop()
    t.equal(mended.ends[0]?.kind, 'stopped')
    t.equal(recorder.ends.length, 1)
    t.equal(recorder.late, 0)
  })

  await withHandle('bulk: another failure ends it as an error', async (t, { handle }) => {
    const recorder = new StreamRecorder()
    handle.startBulkIn(recorder.options())
    while ((await camera.pendingReads()) < 4) await read(handle, REG.infoLogicVersion)
    await camera.failBulk()
    await recorder.ended()
    t.same(
      recorder.ends.map(({ kind }) => kind),
      ['error'],
    )
  })

  await withHandle('clearHalt throws away what the camera had queued', async (t, { handle }) => {
    await startCamera(handle)
    while ((await camera.sentEvents()) < 1000) await read(handle, REG.infoLogicVersion)
    await stopCamera(handle)
    await handle.clearHalt(0x82)
    // Only time remains: what comes now is wraps, and no event of before.
    for (const register of [REG.usbRun, REG.muxTimestampRun, REG.muxRun])
      await write(handle, register, 1)
    const recorder = new StreamRecorder()
    const watcher = new WordWatcher()
    recorder.onTransfer = (data) => watcher.take(data)
    const stream = handle.startBulkIn(recorder.options())
    await recorder.until(() => watcher.wraps > 0)
    await stream.stop()
    t.equal(watcher.events, 0)
  })

  for (const first of ['reads', 'bus'] as const) {
    await withHandle(`unplug in mid-stream, ${first} first`, async (t, { port, handle }) => {
      await startCamera(handle)
      const recorder = new StreamRecorder()
      const stream = handle.startBulkIn(recorder.options())
      await recorder.transfers(3)
      const gone = detached(port)
      await camera.unplug(first)
      await recorder.ended()
      t.match(await gone, { vendorId: 0x152a, serial })
      t.same(
        recorder.ends.map(({ kind }) => kind),
        ['gone'],
      )
      await rejectsWith(t, read(handle, REG.infoLogicVersion), { kind: 'gone' })
      await rejectsWith(t, handle.clearHalt(0x82), { kind: 'gone' })
      await stream.stop()
      await handle.close()
      await handle.close()
      t.equal(recorder.late, 0)
      t.equal(recorder.ends.length, 1)
      const device = await replug(port, camera)
      t.match(device, { serial, access: 'ok' })
      const back = await port.open(device)
      t.equal(await read(back, REG.muxRun), 0, 'powered up afresh')
      await rejectsWith(
        t,
        Promise.resolve().then(() => read(handle, REG.muxRun)),
        {},
      )
    })
  }

  await withHandle('unplug seen by a control request', async (t, { handle }) => {
    await camera.slowControl(50)
    const pending = read(handle, REG.infoLogicVersion)
    pending.catch(() => {})
    await camera.unplug()
    await rejectsWith(t, pending, { kind: 'gone' })
    await handle.close()
  })
}
