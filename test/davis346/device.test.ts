import t from 'tap'
import { openDavis346 } from '../../src/davis346/device.js'
import { loadFirmwareGates, loadPreset } from '../../src/davis346/presets.js'
import { REG } from '../../src/davis346/registers.js'
import {
  columnWord,
  rowWord,
  specialWord,
  timestampWord,
  wordsToBytes,
  wrapWord,
} from '../../src/davis346/words.js'
import { type BulkEnd, UsbError } from '../../src/usb/port.js'
import { createInstantClock, createRecordingHandle, DEVICE, nameOf } from './camera-helpers.js'

const gates = await loadFirmwareGates()
const preset = await loadPreset('default')

function setUp() {
  const usb = createRecordingHandle()
  const clock = createInstantClock((ms) => usb.log.push(`wait ${ms}`))
  const events: [number, number, number][] = []
  const gaps: string[] = []
  const ends: BulkEnd[] = []
  const sink = {
    events(batch: {
      length: number
      t0Us: number
      dtUs: Uint32Array
      x: Uint16Array
      y: Uint16Array
    }) {
      for (let i = 0; i < batch.length; i++) {
        events.push([batch.t0Us + batch.dtUs[i]!, batch.x[i]!, batch.y[i]!])
      }
    },
    time() {},
    gap: ({ reason }: { reason: string }) => gaps.push(reason),
  }
  // The camera answers the reset pulse with its word.
  usb.onSet = (module, parameter, value) => {
    if (module === 0 && parameter === 2 && value === 1) {
      usb.data(wordsToBytes([rowWord(4), columnWord(4, 1), specialWord(1)]), 1000)
    }
  }
  const options = {
    sink,
    transferBytes: 4096,
    transferCount: 2,
    onEnd: (e: BulkEnd) => ends.push(e),
  }
  const signal = new AbortController().signal
  return {
    usb,
    clock,
    events,
    gaps,
    ends,
    options,
    signal,
    open: () => openDavis346({ handle: usb.handle, gates, clock }),
  }
}

t.test('identifies the camera by reading only', async (t) => {
  const { usb, open } = setUp()
  const { info } = await open()
  t.match(info, {
    serial: '00000489',
    firmware: 6,
    logic: 18,
    logicPatch: 1,
    chip: 5,
    master: true,
    dvs: { columns: 260, rows: 346, invertXY: true },
    aps: { columns: 260, rows: 346, invertXY: true, flipX: true, flipY: false },
    imu: { type: 2, flipX: true, flipY: false, flipZ: true },
  })
  t.same(
    Object.values(info.clocks).map((mhz) => Number(mhz.toFixed(3))),
    [90.72, 30.24, 80.64],
    'nominal times deviation',
  )
  t.ok(Object.values(info.has).every(Boolean))
  t.same(usb.log, [], 'nothing was written')
})

t.test('refuses what it was not written for, names both versions and writes nothing', async (t) => {
  const cases: [string, () => ReturnType<typeof createRecordingHandle>, RegExp][] = [
    [
      'old firmware',
      () => createRecordingHandle({ ...DEVICE, bcdDevice: 0x0105 }),
      /firmware 5, logic 18, patch 1; needed: firmware 6 or newer/,
    ],
    ['other logic', () => with_(REG.infoLogicVersion, 17), /logic 17.*needed:.*logic 18/],
    ['newer logic', () => with_(REG.infoLogicVersion, 19), /logic 19.*needed:.*logic 18/],
    ['unpatched logic', () => with_(REG.infoLogicPatch, 0), /patch 0; needed:.*patch 1 or newer/],
    [
      'unknown board',
      () => createRecordingHandle({ ...DEVICE, productId: 0x8410 }),
      /needed: a board of product id 0x841a/,
    ],
    [
      'another sensor',
      () => with_(REG.dvsSizeRows, 240),
      /240 x 260 pixels; a DAVIS346 has 346 x 260/,
    ],
    ['a stopped clock', () => with_(REG.infoAdcClock, 0), /a clock of 0 MHz/],
  ]
  function with_(register: (typeof REG)[keyof typeof REG], value: number) {
    const usb = createRecordingHandle()
    usb.registers.set(nameOf(register), value)
    return usb
  }
  for (const [name, make, message] of cases) {
    const usb = make()
    await t.rejects(
      openDavis346({ handle: usb.handle, gates, clock: createInstantClock() }),
      { code: 'FIRMWARE_UNSUPPORTED', message },
      name,
    )
    t.same(usb.log, ['close'], `${name}: only closed`)
  }
})

t.test(
  'a camera without a serial is named by its place; a deviation of zero is none',
  async (t) => {
    const { serial: _, ...nameless } = DEVICE
    const usb = createRecordingHandle(nameless)
    usb.registers.set(nameOf(REG.infoClockDeviation), 0)
    const { info } = await openDavis346({ handle: usb.handle, gates, clock: createInstantClock() })
    t.equal(info.serial, 'TMP00517', 'bus 2, address 5')
    t.equal(info.clocks.adcMHz, 30)
  },
)

t.test('start and stop in the documented order', async (t) => {
  const { usb, open, options, signal, ends } = setUp()
  const camera = await open()
  await camera.configure(preset)
  usb.log.length = 0
  await camera.start(options, signal)
  t.same(usb.log, [
    ...['1/3=0', '2/4=0', '3/2=0', '3/3=0', '3/4=0', '4/0=0', '0/0=0', '0/1=0', '9/0=0', '0/3=0'],
    'wait 10',
    'clear 82',
    'stream 82',
    '0/3=1',
    'wait 200',
    ...['9/0=1', '0/1=1', '0/0=1'],
    'wait 50',
    ...['1/3=1', '2/4=1', '3/2=1', '3/3=1', '3/4=1', '4/0=1'],
    '[0/2=1 0/2=0]',
  ])
  usb.log.length = 0
  await camera.stop()
  t.same(usb.log, [
    ...['1/3=0', '2/4=0', '3/2=0', '3/3=0', '3/4=0', '4/0=0', '0/0=0', '0/1=0', '9/0=0', '0/3=0'],
    'stop stream',
  ])
  t.same(ends, [{ kind: 'stopped' }])
})

t.test('delivers from the timestamp reset on', async (t) => {
  const { usb, open, options, signal, events, gaps } = setUp()
  const camera = await open()
  await camera.configure(preset)
  await camera.start(options, signal)
  t.same(events, [], 'what came before the reset has no anchored time')
  t.same(gaps, [], 'the first reset is the start')
  usb.data(wordsToBytes([timestampWord(9), rowWord(1), columnWord(2, 1)]), 1500)
  t.same(events, [[9, 1, 2]], 'rotated: the row is x')
  t.equal(camera.pairing.offsetUs(), 1000, 'the least of host minus device time')
  usb.data(wordsToBytes([specialWord(1)]), 2000)
  t.same(gaps, ['reset'], 'a later reset is a gap')
  t.equal(camera.pairing.offsetUs(), 2000, 'and pairs the clocks anew')
  t.equal(camera.transfers(), 3)
})

t.test('a camera that does not answer the reset is taken as it comes', async (t) => {
  const { usb, open, options, signal, events } = setUp()
  usb.onSet = () => {}
  const camera = await open()
  await camera.configure(preset)
  await camera.start(options, signal)
  t.equal(usb.log.at(-1), 'wait 1000')
  usb.data(wordsToBytes([rowWord(1), columnWord(2, 1)]))
  t.equal(events.length, 1)
})

t.test('a slave is not reset', async (t) => {
  const { usb, open, options, signal, events } = setUp()
  usb.registers.set(nameOf(REG.infoDeviceIsMaster), 0)
  const camera = await open()
  await camera.configure(preset)
  await camera.start(options, signal)
  t.notOk(usb.log.includes('[0/2=1 0/2=0]'))
  usb.data(wordsToBytes([rowWord(1), columnWord(2, 1)]))
  t.equal(events.length, 1)
})

t.test(
  'configures once in full, then what changed, and everything again after a failure',
  async (t) => {
    const { usb, open } = setUp()
    const camera = await open()
    const full = await camera.configure(preset)
    t.equal(full, usb.log.length)
    t.equal(await camera.configure(preset), 0)
    const dark = { ...preset, aps: { ...preset.aps, exposureUs: 9 } }
    t.equal(await camera.configure(dark), 1)
    t.equal(usb.log.at(-1), '2/12=272')
    usb.before = () => {
      throw new UsbError('timeout', 'late')
    }
    await t.rejects(camera.configure(preset), { name: 'UsbError', message: 'late' })
    usb.before = () => {}
    t.equal(await camera.configure(preset), full)
  },
)

t.test('start fails cleanly at every step', async (t) => {
  const { usb: first, open: openFirst, options: o, signal: s } = setUp()
  const camera = await openFirst()
  await t.rejects(camera.start(o, s), /configure/)
  await camera.configure(preset)
  first.log.length = 0
  await camera.start(o, s)
  const steps = first.log.filter((step) => !step.startsWith('wait'))
  for (const [i, failing] of steps.entries()) {
    const { usb, open, options, signal, ends } = setUp()
    const device = await open()
    await device.configure(preset)
    let n = 0
    usb.before = () => {
      if (n++ === i) throw new UsbError('stall', 'no')
    }
    await t.rejects(
      device.start(options, signal),
      { name: 'UsbError', message: 'no' },
      `at ${failing}`,
    )
    t.notOk(usb.streaming, 'no transfer stays behind')
    t.ok(ends.length <= 1)
  }
})

t.test('start stops when it is aborted or the camera goes', async (t) => {
  for (const ms of [10, 200, 50, 1000]) {
    const { usb, options } = setUp()
    const abort = new AbortController()
    const clock = createInstantClock((slept) => {
      if (slept === ms) abort.abort(new Error('enough'))
    })
    // This camera never sends its reset word.
    usb.onSet = () => {}
    const camera = await openDavis346({ handle: usb.handle, gates, clock })
    await camera.configure(preset)
    await t.rejects(camera.start(options, abort.signal), /enough/, `in the wait of ${ms} ms`)
    t.notOk(usb.streaming)
  }
  const { usb, open, options, signal, ends } = setUp()
  const camera = await open()
  await camera.configure(preset)
  usb.onSet = (module, parameter) => {
    if (module === 9 && parameter === 0 && usb.streaming) usb.unplug()
  }
  await t.rejects(camera.start(options, signal), {
    name: 'UsbError',
    message: 'The stream ended at its start.',
  })
  t.same(ends, [{ kind: 'gone' }])
  await camera.stop()
  await camera.close()
  t.ok(usb.closed, 'closing a camera that has gone is quiet')
})

t.test('64-bit statistics are read without tearing', async (t) => {
  const { usb, open } = setUp()
  const camera = await open()
  const upper = nameOf(REG.muxStatisticsDvsDropped)
  usb.registers.set(upper, 1)
  usb.registers.set('0/84', 0xffffffff)
  let carried = false
  usb.before = (step) => {
    // The counter carries into its upper half between the two reads.
    if (step === 'read 0/84' && !carried) carried = true
    else if (step === `read ${upper}` && carried && usb.registers.get(upper) === 1) {
      usb.registers.set(upper, 2)
      usb.registers.set('0/84', 5)
    }
  }
  usb.registers.set('1/82', 7)
  const statistics = await camera.statistics()
  t.equal(statistics.muxDvsDropped, 2 * 2 ** 32 + 5)
  t.equal(statistics.dvsRows, 7)
})

t.test('statistics that the logic lacks are absent', async (t) => {
  const { usb, open } = setUp()
  usb.registers.set(nameOf(REG.muxHasStatistics), 0)
  usb.registers.set(nameOf(REG.dvsHasStatistics), 0)
  t.same(await (await open()).statistics(), {})
})

t.test('a wrap alone moves device time', async (t) => {
  const { usb, open, options, signal } = setUp()
  const times: number[] = []
  const camera = await open()
  await camera.configure(preset)
  await camera.start(
    { ...options, sink: { ...options.sink, time: (tUs: number) => times.push(tUs) } },
    signal,
  )
  usb.data(wordsToBytes([wrapWord(1)]))
  t.same(times, [32768])
})
