import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { encodeBias } from '../../src/davis346/biases.js'
import {
  bundledPresetDirectory,
  listPresets,
  loadFirmwareGates,
  loadPreset,
} from '../../src/davis346/presets.js'
import { BIASES } from '../../src/davis346/registers.js'
import { presetJsonSchema } from '../../src/davis346/schema.js'
import type { EvtrackError } from '../../src/events/errors.js'

/** A folder with the default preset and the given others. */
async function folder(t: { teardown(f: () => unknown): void }, files: Record<string, unknown>) {
  const path = await mkdtemp(join(tmpdir(), 'evtrackd-presets-'))
  t.teardown(() => rm(path, { recursive: true }))
  const bundled = await readFile(join(bundledPresetDirectory(), 'default.json'), 'utf8')
  await writeFile(join(path, 'default.json'), bundled)
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    await writeFile(join(path, `${name}.json`), text)
  }
  return path
}

t.test('every preset that comes along is complete and in range', async (t) => {
  const names = await listPresets()
  t.ok(names.includes('default'))
  t.ok(names.length >= 4)
  for (const name of names) {
    const preset = await loadPreset(name)
    for (const { name: bias, kind } of BIASES) encodeBias(kind, preset.biases[bias])
    t.ok(preset.description.length > 20, `${name} says what it is for`)
    t.ok(Object.isFrozen(preset.biases.OnBn), `${name} cannot be changed by accident`)
  }
})

t.test('the default biases are those that the camera is known to work with', async (t) => {
  const { biases } = await loadPreset('default')
  const known: Record<string, number> = {
    ApsOverflowLevel: 0x019b,
    ApsCas: 0x0195,
    AdcRefHigh: 0x01e0,
    AdcRefLow: 0x01c1,
    AdcTestVoltage: 0x01d5,
    LocalBufBn: 0x5a4f,
    PadFollBn: 0x7d7e,
    DiffBn: 0x427f,
    OnBn: 0x5fff,
    OffBn: 0x401f,
    PixInvBn: 0x690f,
    PrBp: 0x23ad,
    PrSFBp: 0x110d,
    RefrBp: 0x419d,
    ReadoutBufBp: 0x614d,
    ApsROSFBn: 0x6dbf,
    AdcCompBp: 0x514d,
    ColSelLowBn: 0x001f,
    DACBufBp: 0x63cd,
    LcolTimeoutBn: 0x531f,
    AEPdBn: 0x65bf,
    AEPuXBp: 0x450d,
    AEPuYBp: 0x798d,
    IFRefrBn: 0x5fff,
    IFThrBn: 0x5fff,
    BiasBuffer: 0x5fef,
    SSP: 0x8410,
    SSN: 0x8410,
  }
  const words = Object.fromEntries(
    BIASES.map(({ name, kind }) => [name, encodeBias(kind, biases[name])]),
  )
  t.same(words, known)
})

t.test('a preset changes only what it states', async (t) => {
  const directory = await folder(t, {
    middle: { description: 'one', extends: 'default', aps: { exposureUs: 7 }, dvs: { skip: true } },
    top: {
      description: 'two',
      extends: 'middle',
      aps: { frameIntervalUs: 99 },
      biases: { OnBn: { coarse: 1, fine: 2 } },
    },
  })
  const base = await loadPreset('default', directory)
  const top = await loadPreset('top', directory)
  t.same(top, {
    ...base,
    description: 'two',
    dvs: { ...base.dvs, skip: true },
    aps: { ...base.aps, exposureUs: 7, frameIntervalUs: 99 },
    biases: {
      ...base.biases,
      OnBn: { coarse: 1, fine: 2, enabled: true, type: 'normal', level: 'normal' },
    },
  })
})

t.test('bad presets are refused with the file, the key and what was expected', async (t) => {
  const cases: [string, Record<string, unknown>, RegExp][] = [
    ['not JSON', { bad: '{' }, /bad\.json: is not JSON/],
    [
      'an unknown key',
      { bad: { description: '', extends: 'default', dvs: { roi: 1 } } },
      /dvs.*roi/,
    ],
    [
      'a bias out of range',
      { bad: { description: '', extends: 'default', biases: { OnBn: { coarse: 9, fine: 1 } } } },
      /biases\.OnBn\.coarse.*7/,
    ],
    [
      'a time between steps',
      { bad: { description: '', extends: 'default', dvs: { refractoryTimeUs: 300 } } },
      /dvs\.refractoryTimeUs.*250/,
    ],
    ['nothing to extend', { bad: { description: 'x' } }, /biases/],
    [
      'a missing parent',
      { bad: { description: '', extends: 'nowhere' } },
      /nowhere\.json: cannot be read/,
    ],
    [
      'a circle',
      { bad: { description: '', extends: 'worse' }, worse: { description: '', extends: 'bad' } },
      /extends itself/,
    ],
    [
      'a region inside out',
      { bad: { description: '', extends: 'default', aps: { startColumn: 9, endColumn: 8 } } },
      /aps: the region ends before/,
    ],
    [
      'an event region inside out',
      { bad: { description: '', extends: 'default', dvs: { roiStartRow: 9, roiEndRow: 8 } } },
      /dvs: the region ends before/,
    ],
    [
      'a pulse longer than its interval',
      { bad: { description: '', extends: 'default', external: { generatePulseLengthUs: 10 } } },
      /generatePulseLengthUs/,
    ],
  ]
  for (const [name, files, message] of cases) {
    const directory = await folder(t, files)
    await t.rejects(loadPreset('bad', directory), { code: 'CONFIG_INVALID', message }, name)
  }
  await t.rejects(loadPreset('../../etc/passwd'), { code: 'CONFIG_INVALID' }, 'a path is no name')
  const error = (await loadPreset('nowhere').catch((e) => e)) as EvtrackError
  t.match(error.next, /firmware-config/)
})

t.test('the committed JSON Schema is that of the code', async (t) => {
  const file = join(bundledPresetDirectory(), '..', 'davis346.schema.json')
  const committed = JSON.parse(await readFile(file, 'utf8'))
  t.same(committed, JSON.parse(JSON.stringify(presetJsonSchema())))
})

t.test('version gates', async (t) => {
  const { boards } = await loadFirmwareGates()
  const fx3 = boards.find(({ productId }) => productId === '0x841a')
  t.match(fx3, { firmware: { min: 6 }, logic: { exactly: 18 }, logicPatch: { min: 1 } })
  const directory = await folder(t, { gates: { boards: [] } })
  await t.rejects(loadFirmwareGates(join(directory, 'gates.json')), { code: 'CONFIG_INVALID' })
})

t.test('a preset of one’s own extends a bundled one', async (t) => {
  const dir = t.testdir({
    'mast.json': JSON.stringify({
      description: 'ours',
      extends: 'night',
      aps: { exposureUs: 1234 },
    }),
  })
  const [own, night] = [await loadPreset('mast', dir), await loadPreset('night')]
  t.equal(own.aps.exposureUs, 1234)
  t.same(own.biases, night.biases)
})
