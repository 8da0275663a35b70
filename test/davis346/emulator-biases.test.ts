import t from 'tap'
import { encodeBias } from '../../src/davis346/biases.js'
import { DEFAULT_IDENTITY } from '../../src/davis346/emulator/identity.js'
import { Davis346Model } from '../../src/davis346/emulator/model.js'
import {
  DEFAULT_RESPONSE,
  type PixelResponse,
  pixelCurrents,
  pixelResponse,
} from '../../src/davis346/pixel-response.js'
import { loadPreset } from '../../src/davis346/presets.js'
import { BIASES, MODULE, REG } from '../../src/davis346/registers.js'
import type { Preset } from '../../src/davis346/schema.js'

function bench() {
  const heard: PixelResponse[] = []
  const stimulus = { next: () => undefined, bias: (r: PixelResponse) => void heard.push(r) }
  const model = new Davis346Model({ identity: DEFAULT_IDENTITY, stimulus })
  const advance = (us: number) => model.advance(model.nowUs + us, model.nowUs + us)
  const write = ({ biases }: Preset, names: readonly string[] = []) => {
    for (const { name, parameter, kind } of BIASES) {
      if (names.length > 0 && !names.includes(name)) continue
      model.write(MODULE.bias, parameter, encodeBias(kind, biases[name]))
    }
  }
  const on = () => {
    for (const register of [
      REG.muxRunChip,
      REG.usbRun,
      REG.muxTimestampRun,
      REG.muxRun,
      REG.dvsRun,
    ])
      model.write(register.module, register.parameter, 1)
  }
  return { model, heard, advance, write, on }
}

t.test('the pixels hear of their biases once all of them are there', async (t) => {
  const { heard, advance, write, on } = bench()
  const preset = await loadPreset('default')
  write(preset, ['OnBn', 'DiffBn'])
  on()
  advance(5000)
  t.same(heard, [], 'without current there are no pixels')
  write(preset)
  advance(5000)
  t.same(heard, [DEFAULT_RESPONSE], 'once, and exactly the reference')
  advance(50_000)
  t.equal(heard.length, 1)
})

t.test('a change while streaming is heard, whole, and other registers are not', async (t) => {
  const { model, heard, advance, write, on } = bench()
  write(await loadPreset('default'))
  on()
  advance(1000)
  const night = await loadPreset('night')
  write(night)
  model.write(REG.dvsSkip.module, REG.dvsSkip.parameter, 1)
  advance(2000)
  t.same(heard.slice(1), [pixelResponse(pixelCurrents(night.biases))])
})

t.test('a pixel bias that is switched off silences the pixels', async (t) => {
  const { model, heard, advance, write, on } = bench()
  write(await loadPreset('default'))
  on()
  advance(1000)
  const { parameter } = BIASES.find(({ name }) => name === 'RefrBp')!
  model.write(MODULE.bias, parameter, 0)
  advance(5000)
  t.equal(heard.length, 1, 'there is nothing to hear from pixels without current')
})
