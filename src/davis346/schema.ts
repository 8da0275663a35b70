import { z } from 'zod'
import { BIASES, type BiasName } from './registers.js'

/**
 * The shape of a preset. A file in firmware-config states only what differs from the preset that it extends; a
 * resolved preset states everything. Both come from the same fields. Defaults live in default.json and nowhere else.
 */

const flag = (text: string) => z.boolean().describe(text)
const integer = (min: number, max: number, text: string) => z.int().min(min).max(max).describe(text)
const quarterMs = (text: string) =>
  z
    .int()
    .min(0)
    .max(4095 * 250)
    .multipleOf(250)
    .describe(`${text}, microseconds in steps of 250`)
const muxCode = (text: string) => integer(0, 15, text)

const coarseFine = z
  .strictObject({
    coarse: integer(0, 7, 'full scale of the current, each step about eightfold: 11 pA to 24.8 uA'),
    fine: integer(0, 255, 'part of the full scale, in 255ths'),
    enabled: flag('false switches the current off').default(true),
    type: z.enum(['normal', 'cascode']).default('normal').describe('transistor type'),
    level: z.enum(['normal', 'low']).default('normal').describe('low extends the range downwards'),
  })
  .describe('a current')

const vdac = z
  .strictObject({
    voltage: integer(0, 63, 'voltage in 64ths of 3.3 V'),
    current: integer(0, 7, 'strength of the output buffer'),
  })
  .describe('a voltage')

const shiftedSource = z
  .strictObject({
    reference: integer(0, 63, 'reference code'),
    regulator: integer(0, 63, 'regulator code'),
    mode: z.enum(['shifted-source', 'high-z', 'tied-to-rail']).describe('operating mode'),
    level: z.enum(['split-gate', 'single-diode', 'double-diode']).describe('voltage level'),
  })
  .describe('a shifted-source regulator')

type BiasShape = {
  [B in (typeof BIASES)[number] as B['name']]: B['kind'] extends 'vdac'
    ? typeof vdac
    : B['kind'] extends 'shifted'
      ? typeof shiftedSource
      : typeof coarseFine
}

const biases = z.strictObject(
  Object.fromEntries(
    BIASES.map(({ name, kind }): [BiasName, z.ZodType] => [
      name,
      kind === 'vdac' ? vdac : kind === 'shifted' ? shiftedSource : coarseFine,
    ]),
  ) as unknown as BiasShape,
)

const chip = z.strictObject({
  digitalMux0: muxCode('signal on digital test output 0'),
  digitalMux1: muxCode('signal on digital test output 1'),
  digitalMux2: muxCode('signal on digital test output 2'),
  digitalMux3: muxCode('signal on digital test output 3'),
  analogMux0: muxCode('signal on analog test output 0'),
  analogMux1: muxCode('signal on analog test output 1'),
  analogMux2: muxCode('signal on analog test output 2'),
  biasMux0: muxCode('bias on the bias test output'),
  resetCalibNeuron: flag('hold the calibration neuron in reset'),
  typeNCalibNeuron: flag('calibration neuron measures N biases'),
  resetTestPixel: flag('hold the test pixel in reset'),
  aerNaRow: flag('rows are read without arbitration'),
  useAOut: flag('drive the analog test outputs'),
  selectGrayCounter: flag('the ADC counts with the on-chip gray counter'),
  testAdc: flag('connect the ADC to AdcTestVoltage'),
})

const mux = z.strictObject({
  dropExternalOnStall: flag('drop external events while USB is full, instead of holding all back'),
  dropDvsOnStall: flag('drop DVS events while USB is full, instead of holding all back'),
})

const pixel = z.strictObject({
  x: integer(0, 345, 'column'),
  y: integer(0, 259, 'row'),
})

const dvs = z.strictObject({
  run: flag('produce events'),
  waitOnStall: flag('hold the pixels back while the FIFO is full, instead of dropping'),
  externalAerControl: flag('leave the pixel bus to an external reader'),
  pixelFilter: z.array(pixel).max(8).describe('up to eight pixels silenced in the camera'),
  backgroundActivity: flag('drop events that no neighbour supports'),
  backgroundActivityTimeUs: quarterMs('how long an event supports its neighbours'),
  refractory: flag('drop events that follow too soon on the same pixel'),
  refractoryTimeUs: quarterMs('how soon is too soon'),
  roiStartColumn: integer(0, 345, 'leftmost column that is read'),
  roiStartRow: integer(0, 259, 'topmost row that is read'),
  roiEndColumn: integer(0, 345, 'rightmost column that is read, inclusive'),
  roiEndRow: integer(0, 259, 'bottom row that is read, inclusive'),
  skip: flag('drop one event in every few'),
  skipEvery: integer(1, 255, 'one event is dropped after this many'),
  polarityFlatten: flag('report every event as OFF'),
  polaritySuppress: flag('drop one polarity'),
  polaritySuppressType: z.enum(['off', 'on']).describe('the polarity that is dropped'),
})

const aps = z.strictObject({
  run: flag('produce intensity pictures'),
  waitOnStall: flag('hold the readout back while USB is full, instead of dropping samples'),
  globalShutter: flag('expose all pixels at once; false is the rolling shutter'),
  startColumn: integer(0, 345, 'leftmost column of the picture'),
  startRow: integer(0, 259, 'topmost row of the picture'),
  endColumn: integer(0, 345, 'rightmost column of the picture, inclusive'),
  endRow: integer(0, 259, 'bottom row of the picture, inclusive'),
  exposureUs: integer(1, 4_194_303, 'exposure, microseconds'),
  frameIntervalUs: integer(1, 8_388_607, 'start of one picture to the next, microseconds'),
})

const imu = z.strictObject({
  runAccelerometer: flag('measure acceleration'),
  runGyroscope: flag('measure rotation'),
  runTemperature: flag('measure temperature'),
  sampleRateDivider: integer(0, 255, 'samples a second are 1000 / (1 + this)'),
  accelDlpf: integer(0, 7, 'low-pass code: 1 218 Hz, 2 99, 3 45, 4 21, 5 10, 6 5, 7 420'),
  accelRangeG: z.literal([2, 4, 8, 16]).describe('full scale, g'),
  gyroDlpf: integer(
    0,
    7,
    'low-pass code: 1 184 Hz, 2 92, 3 41, 4 20, 5 10, 6 5; 0 and 7 sample at 8 kHz',
  ),
  gyroRangeDegPerSecond: z
    .literal([250, 500, 1000, 2000])
    .describe('full scale, degrees per second'),
})

const pulseUs = (text: string) => integer(1, 1_048_575, `${text}, microseconds`)

const external = z.strictObject({
  runDetector: flag('report signals on the input'),
  detectRising: flag('report rising edges'),
  detectFalling: flag('report falling edges'),
  detectPulses: flag('report pulses'),
  detectPulsePolarity: z.enum(['low', 'high']).describe('level of a pulse'),
  detectPulseLengthUs: pulseUs('shortest pulse reported'),
  runGenerator: flag('drive pulses on the output'),
  generatePulsePolarity: z.enum(['low', 'high']).describe('level of a pulse'),
  generatePulseIntervalUs: pulseUs('start of one pulse to the next'),
  generatePulseLengthUs: pulseUs('length of a pulse'),
  injectOnRising: flag('report rising edges of the output'),
  injectOnFalling: flag('report falling edges of the output'),
})

const usb = z.strictObject({
  earlyPacketDelayUs: z
    .int()
    .min(125)
    .max(1_000_000)
    .multipleOf(125)
    .describe('longest wait for a USB buffer to fill, microseconds in steps of 125'),
})

const description = z.string().describe('what the preset is for')

/** A resolved preset: every bias and every register, by name. */
export const presetSchema = z.strictObject({
  description,
  biases,
  chip,
  mux,
  dvs,
  aps,
  imu,
  external,
  usb,
})
export type Preset = z.infer<typeof presetSchema>

/** A preset file: what differs from the preset named by `extends`. */
export const presetFileSchema = z
  .strictObject({
    $schema: z.string().optional().describe('path of davis346.schema.json, for editors'),
    description,
    extends: z
      .string()
      .regex(/^[a-z0-9-]+$/)
      .optional()
      .describe('name of the preset this one changes'),
    biases: biases
      .partial()
      .optional()
      .describe('on-chip currents and voltages; each is stated whole'),
    chip: chip.partial().optional().describe('chip configuration'),
    mux: mux.partial().optional().describe('event multiplexer'),
    dvs: dvs.partial().optional().describe('events and the filters inside the camera'),
    aps: aps.partial().optional().describe('intensity pictures'),
    imu: imu.partial().optional().describe('inertial sensors'),
    external: external.partial().optional().describe('signal input and pulse generator'),
    usb: usb.partial().optional().describe('transfer to the host'),
  })
  .describe('DAVIS346 preset')
export type PresetFile = z.infer<typeof presetFileSchema>

const gate = z.union([
  z.strictObject({ min: z.int().min(0) }).describe('this version or newer'),
  z.strictObject({ exactly: z.int().min(0) }).describe('this version only'),
])

/** The versions of firmware and logic that the driver was written for, one row a board. */
export const firmwareGatesSchema = z.strictObject({
  boards: z
    .array(
      z.strictObject({
        board: z.string().describe('name in messages'),
        productId: z
          .string()
          .regex(/^0x[0-9a-f]{4}$/)
          .describe('USB product id'),
        firmware: gate.describe('low byte of bcdDevice'),
        logic: gate.describe('logic version'),
        logicPatch: gate.describe('logic patch level'),
      }),
    )
    .min(1),
})
export type FirmwareGates = z.infer<typeof firmwareGatesSchema>

/** JSON Schema of a preset file, committed as firmware-config/davis346.schema.json. */
export function presetJsonSchema(): unknown {
  return z.toJSONSchema(presetFileSchema, { io: 'input' })
}
