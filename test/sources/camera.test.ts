import t from 'tap'
import { loadFirmwareGates, loadPreset } from '../../src/davis346/presets.js'
import {
  columnWord,
  rowWord,
  specialWord,
  timestampWord,
  wordsToBytes,
  wrapWord,
} from '../../src/davis346/words.js'
import { EvtrackError } from '../../src/events/errors.js'
import { createCameraSource } from '../../src/sources/camera.js'
import { chooseCamera, isDavis346 } from '../../src/sources/camera-choice.js'
import type { SourceSink, SourceState } from '../../src/sources/source.js'
import { type UsbDeviceInfo, UsbError, type UsbPort } from '../../src/usb/port.js'
import { createInstantClock, createRecordingHandle, DEVICE } from '../davis346/camera-helpers.js'

const gates = await loadFirmwareGates()
const preset = await loadPreset('default')

type Usb = ReturnType<typeof createRecordingHandle>

/** A port with cameras to plug in and out, and a source on it. Device time runs with the clock. */
function setUp(options: { serial?: string } = {}) {
  const present = new Map<UsbDeviceInfo, Usb>()
  const attach = new Set<(device: UsbDeviceInfo) => void>()
  const opened: Usb[] = []
  const states: SourceState[] = []
  const gaps: string[] = []
  const events: number[] = []
  const waits: number[] = []
  const abort = new AbortController()
  let onState: (state: SourceState) => void = () => {}
  let openError: Error | undefined
  let alive = true

  const clock = createInstantClock((ms) => {
    waits.push(ms)
    // A running camera sends at least a wrap word every 33 ms.
    if (alive)
      for (const usb of present.values()) usb.data(wordsToBytes([wrapWord(1)]), clock.nowUs())
    if (waits.length > 2000) abort.abort()
  })

  function plug(info: UsbDeviceInfo = DEVICE): Usb {
    const usb = createRecordingHandle(info)
    usb.onSet = (module, parameter, value) => {
      if (module === 0 && parameter === 2 && value === 1) usb.data(wordsToBytes([specialWord(1)]))
    }
    present.set(info, usb)
    for (const listener of attach) listener(info)
    return usb
  }

  const port: UsbPort = {
    list: async () => [...present.keys()],
    async open(info) {
      if (openError) throw openError
      const usb = present.get(info)
      if (!usb) throw new EvtrackError('CAMERA_NOT_FOUND', 'gone', { next: '' })
      opened.push(usb)
      return usb.handle
    },
    onAttach(listener) {
      attach.add(listener)
      return () => attach.delete(listener)
    },
    onDetach: () => () => {},
    close: async () => {},
  }
  const source = createCameraSource({ port, gates, preset, clock, random: () => 0.5, ...options })
  const sink: SourceSink = {
    events(batch) {
      events.push(...batch.x.subarray(0, batch.length))
    },
    time() {},
    gap({ reason }) {
      gaps.push(reason)
    },
    state(state) {
      states.push(state)
      onState(state)
    },
  }
  return {
    source,
    plug,
    unplug(info: UsbDeviceInfo = DEVICE) {
      const usb = present.get(info)
      present.delete(info)
      usb?.unplug()
    },
    run: () => source.run(sink, abort.signal),
    abort: () => abort.abort(new Error('test over')),
    /** Runs the steps, one each time the state is reached. */
    onStates(...steps: [SourceState['state'], () => void][]) {
      onState = ({ state }) => {
        if (state === steps[0]?.[0]) setImmediate(steps.shift()?.[1] as () => void)
      }
    },
    failOpen: (error: Error | undefined) => {
      openError = error
    },
    setAlive: (value: boolean) => {
      alive = value
    },
    states,
    gaps,
    events,
    waits,
    opened,
    attach,
  }
}

const names = (states: readonly SourceState[]) => states.map(({ state }) => state)

t.test('streams, and stops when it is aborted', async (t) => {
  const s = setUp()
  const usb = s.plug()
  s.onStates([
    'streaming',
    () => {
      usb.data(wordsToBytes([timestampWord(1), rowWord(30), columnWord(20, 1)]))
      s.abort()
    },
  ])
  t.equal(await s.run(), 'aborted')
  t.same(names(s.states), ['connecting', 'connecting', 'streaming'])
  t.match(s.states.at(-1), { serial: '00000489', firmware: 6, logic: 18 })
  t.same(s.events, [30], 'rotated: the row is x')
  t.same(s.gaps, [], 'the first start is no gap')
  t.ok(usb.closed)
  t.equal(usb.log.at(-2), 'stop stream')
  t.equal(s.attach.size, 0, 'nobody listens any more')
  t.match(s.source.counters(), { starts: 1, reconnects: 0, events: 1, resets: 1 })
  t.ok((s.source.counters()['transfers'] ?? 0) >= 2)
})

t.test(
  'waits for a camera with growing pauses, says so once, and takes it at once when it comes',
  async (t) => {
    const s = setUp()
    s.onStates(
      [
        'disconnected',
        () => {
          const wait = setInterval(() => {
            if (s.waits.length < 9) return
            clearInterval(wait)
            s.plug()
          }, 0)
        },
      ],
      ['streaming', s.abort],
    )
    await s.run()
    t.same(s.waits.slice(0, 8), [100, 200, 400, 800, 1600, 3200, 5000, 5000])
    t.same(names(s.states), ['connecting', 'disconnected', 'connecting', 'streaming'])
    t.match(s.states[1], { code: 'CAMERA_NOT_FOUND' })
  },
)

t.test('survives unplug and replug: a gap, a new start, counted', async (t) => {
  const s = setUp()
  s.plug()
  s.onStates(
    ['streaming', () => s.unplug()],
    ['disconnected', () => s.plug({ ...DEVICE, deviceAddress: 6 })],
    ['streaming', s.abort],
  )
  await s.run()
  t.match(s.states.map(({ state, code }) => [state, code]).slice(2), [
    ['streaming', undefined],
    ['disconnected', 'CAMERA_LOST'],
    ['connecting', undefined],
    ['streaming', undefined],
  ])
  t.same(s.gaps, ['reconnect'])
  t.match(s.source.counters(), { starts: 2, reconnects: 1, usbErrors: 1 })
  t.ok(s.opened[0]?.closed)
})

t.test('an unplug seen first by a control request is the same', async (t) => {
  const s = setUp()
  const usb = s.plug()
  s.onStates(
    [
      'streaming',
      () => {
        usb.before = () => {
          throw new UsbError('gone', 'unplugged')
        }
      },
    ],
    ['disconnected', s.abort],
  )
  await s.run()
  t.match(s.states.at(-1), { state: 'disconnected', code: 'CAMERA_LOST' })
  t.ok(usb.closed)
})

t.test('a late answer to a statistics request does not end the stream', async (t) => {
  const s = setUp()
  const usb = s.plug()
  let failed = 0
  s.onStates([
    'streaming',
    () => {
      usb.before = (step) => {
        if (!step.startsWith('read')) return
        if (++failed === 3) s.abort()
        throw new UsbError('timeout', 'late')
      }
    },
  ])
  await s.run()
  t.equal(failed, 3)
  t.same(names(s.states), ['connecting', 'connecting', 'streaming'])
})

t.test('a stalled endpoint is cleared and the stream restarted', async (t) => {
  const s = setUp()
  const usb = s.plug()
  s.onStates(['streaming', () => usb.end({ kind: 'stall' })], ['streaming', s.abort])
  await s.run()
  t.same(names(s.states).slice(2), ['streaming', 'stalled', 'streaming'])
  t.equal(usb.log.filter((step) => step === 'clear 82').length, 2)
  t.equal(s.opened.length, 1, 'without opening it anew')
  t.match(s.source.counters(), { stalls: 1, reconnects: 1 })
  t.same(s.gaps, ['reconnect'])
})

t.test('silence is a stall; a camera that stays silent is opened anew', async (t) => {
  const s = setUp()
  s.plug()
  s.onStates(['streaming', () => s.setAlive(false)], ['disconnected', s.abort])
  await s.run()
  t.equal(s.opened.length, 1)
  t.equal(names(s.states).filter((state) => state === 'stalled').length, 3, 'three restarts')
  t.match(s.states.at(-1), {
    state: 'disconnected',
    code: 'CAMERA_LOST',
    reason: /stopped sending data/,
  })
})

t.test('a camera with other firmware is refused once, and another one is taken', async (t) => {
  const s = setUp()
  const old = s.plug({ ...DEVICE, bcdDevice: 5, serial: 'OLD' })
  s.onStates(
    ['refused', () => setTimeout(() => s.plug({ ...DEVICE, deviceAddress: 9 }), 5)],
    ['streaming', s.abort],
  )
  await s.run()
  t.same(names(s.states), ['connecting', 'refused', 'connecting', 'streaming'])
  t.match(s.states[1], {
    code: 'FIRMWARE_UNSUPPORTED',
    serial: 'OLD',
    firmware: 5,
    logic: 18,
    reason: /firmware 5.*needed: firmware 6 or newer/,
  })
  t.equal(s.opened.filter((usb) => usb === old).length, 1, 'asked once')
  t.same(old.log, ['close'], 'and never written to')
  t.equal(s.source.counters()['refused'], 1)
})

t.test('a busy camera is a state with the way out, and is tried again', async (t) => {
  const s = setUp()
  s.plug()
  s.failOpen(
    new EvtrackError('CAMERA_BUSY', 'This user may not open the camera.', { next: 'rule' }),
  )
  s.onStates(['disconnected', () => s.failOpen(undefined)], ['streaming', s.abort])
  await s.run()
  t.match(s.states[1], { state: 'disconnected', code: 'CAMERA_BUSY', reason: /may not open/ })
  t.equal(s.states.at(-1)?.state, 'streaming')
})

t.test('a change of preset reaches a running camera and the next connection', async (t) => {
  const s = setUp()
  const usb = s.plug()
  const dark = { ...preset, aps: { ...preset.aps, exposureUs: 100 } }
  s.onStates(
    [
      'streaming',
      async () => {
        usb.log.length = 0
        await s.source.configure(dark)
        t.same(usb.log, ['2/12=3024'], 'only what changed')
        s.unplug()
      },
    ],
    [
      'disconnected',
      async () => {
        t.equal(s.source.device(), undefined)
        t.equal(s.source.pairing(), undefined)
        await s.source.configure({ ...dark, aps: { ...dark.aps, exposureUs: 200 } })
        s.plug()
      },
    ],
    [
      'streaming',
      () => {
        t.ok(s.opened[1]?.log.includes('2/12=6048'))
        t.equal(s.source.device()?.serial, '00000489')
        t.type(s.source.pairing()?.offsetUs, 'number')
        s.abort()
      },
    ],
  )
  await s.run()
  t.equal(s.opened.length, 2)
})

t.test('close ends run and leaves the camera off', async (t) => {
  const s = setUp()
  const usb = s.plug()
  const running = s.run()
  s.onStates(['streaming', () => s.source.close()])
  t.equal(await running, 'aborted')
  await s.source.close()
  t.ok(usb.closed)
})

t.test('drop statistics and violations reach the counters', async (t) => {
  const s = setUp()
  const usb = s.plug()
  usb.registers.set('0/84', 12)
  s.onStates([
    'streaming',
    () => {
      usb.data(wordsToBytes([rowWord(400)]))
      const wait = setInterval(() => {
        if (s.source.counters()['muxDvsDropped'] !== 12) return
        clearInterval(wait)
        s.abort()
      }, 0)
    },
  ])
  await s.run()
  t.match(s.source.counters(), { muxDvsDropped: 12, rowOutOfRange: 1 })
})

t.test('choosing among several', async (t) => {
  const a = { ...DEVICE, serial: 'A', deviceAddress: 1 }
  const b = { ...DEVICE, serial: 'B', deviceAddress: 2 }
  const { serial: _, ...nameless } = { ...DEVICE, deviceAddress: 3 }
  const denied: UsbDeviceInfo = { ...nameless, access: 'denied' }
  t.equal(chooseCamera([a, b], undefined), a)
  t.equal(chooseCamera([denied, b], undefined), b)
  t.equal(chooseCamera([denied], undefined), denied, 'so that the user learns why')
  t.equal(chooseCamera([a, b], 'B'), b)
  t.equal(chooseCamera([a, denied], 'B'), denied, 'it may be the one')
  t.equal(chooseCamera([a, nameless], 'B'), undefined)
  t.ok(isDavis346(0x152a, 0x841a) && isDavis346(0x152a, 0x841b))
  t.notOk(isDavis346(0x152a, 0x8400) || isDavis346(0x04b4, 0x841a))
})

t.test('only the camera that was asked for is taken', async (t) => {
  const s = setUp({ serial: 'B' })
  s.plug({ ...DEVICE, serial: 'A' })
  s.onStates(['disconnected', s.abort])
  await s.run()
  t.match(s.states.at(-1), { code: 'CAMERA_NOT_FOUND', reason: /serial B/ })
  t.equal(s.opened.length, 0)
  t.match(s.source.info, { kind: 'camera', serial: 'B', size: { width: 346, height: 260 } })
})

t.test('retries are spread by a quarter', async (t) => {
  const { createBackoff } = await import('../../src/sources/backoff.js')
  const least = createBackoff({ firstMs: 100, lastMs: 400, random: () => 0 })
  const most = createBackoff({ firstMs: 100, lastMs: 400, random: () => 1 })
  t.same([least.next(), least.next(), least.next(), least.next()], [75, 150, 300, 300])
  t.same([most.next(), most.next()], [125, 250])
  most.reset()
  t.equal(most.next(), 125)
})
