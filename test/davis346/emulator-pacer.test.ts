import t from 'tap'
import { BulkPipe } from '../../src/davis346/emulator/bulk-pipe.js'
import { Pacer } from '../../src/davis346/emulator/pacer.js'
import { scriptedStimulus } from '../../src/davis346/emulator/stimulus.js'
import { REG } from '../../src/davis346/registers.js'
import { systemClock } from '../../src/events/time.js'
import { ModelBench } from './emulator-helpers.js'

/** A streaming camera at the real pace on a clock that moves only by hand. */
function bench() {
  let hostUs = 0
  const clock = { ...systemClock, nowUs: () => hostUs }
  const pacer = new Pacer({ clock, pace: 'real', stimulus: scriptedStimulus({}) })
  const { model } = new ModelBench({}).power().transport().set(REG.dvsRun, 1)
  const pipe = new BulkPipe()
  let bytes = 0
  const read = () => {
    const buffer = new Uint8Array(8192)
    const request = {
      buffer,
      complete: (_: unknown, length: number) => {
        bytes += length
        pipe.submit(request)
      },
    }
    pipe.submit(request)
  }
  const serve = (times = 1) => {
    for (let i = 0; i < times; i++) pacer.serve(model, pipe)
    return model.nowUs
  }
  const pass = (us: number) => {
    hostUs += us
  }
  return { read, serve, pass, bytes: () => bytes }
}

t.test(
  'what a late emulator owes is made up bit by bit, so that its host gets turns',
  async (t) => {
    const { read, serve, pass, bytes } = bench()
    read()
    pass(10_000)
    t.equal(serve(), 10_000, 'in time: up to now')
    pass(500_000)
    t.equal(serve(), 30_000)
    t.equal(serve(24), 510_000, 'all of it, in the end')
    const before = bytes()
    t.ok(before > 0)
    t.equal(serve(), 510_000, 'and no further')
  },
)

t.test('a machine too slow for the emulation: time passes later', async (t) => {
  const { read, serve, pass } = bench()
  read()
  pass(5_000_000)
  t.equal(serve(200), 1_000_000, 'a second is made up, the rest never was')
  pass(15_000)
  t.equal(serve(), 1_015_000, 'from there on it runs as the clock does')
})

t.test(
  'nobody reads: there is no host to wait, so everything is made up when it is asked for',
  async (t) => {
    const { serve, pass } = bench()
    pass(5_000_000)
    t.equal(serve(), 5_000_000)
  },
)
