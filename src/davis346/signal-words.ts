import type { ApsImage, ImuSample, Trigger, TriggerKind } from '../events/signals.js'
import { createFrameAssembler } from './frames.js'
import { createImuAssembler } from './imu.js'
import type { StreamLayout } from './layout.js'
import type { DecoderCounters } from './violations.js'
import { MISC8, MISC10, SPECIAL } from './words.js'

export interface SignalSink {
  image?(image: ApsImage): void
  imu?(sample: ImuSample): void
  trigger?(trigger: Trigger): void
}

/** The words that carry no DVS event and no time: pictures, IMU samples, external signals. */
export interface SignalWords {
  special(number: number, tUs: number): void
  misc8(data: number): void
  misc10(data: number): void
  /** Consumes a run of ADC samples; returns the index of the first other word. */
  samples(words: Uint16Array, from: number, end: number): number
  trigger(kind: TriggerKind, tUs: number): void
  /** Ignores the picture and the sample in progress. */
  ignore(): void
}

export function createSignalWords(
  layout: StreamLayout,
  counters: DecoderCounters,
  sink: SignalSink,
): SignalWords {
  const { values, index: at } = counters
  const frames = createFrameAssembler(layout, counters)
  const imu = createImuAssembler(layout, counters)
  const scratch: { tUs: number; kind: TriggerKind } = { tUs: 0, kind: 'reset' }

  function trigger(kind: TriggerKind, tUs: number): void {
    values[at.triggers]!++
    scratch.tUs = tUs
    scratch.kind = kind
    sink.trigger?.(scratch)
  }

  return {
    samples: frames.samples,
    trigger,

    ignore() {
      frames.ignore()
      imu.ignore()
    },

    misc8(data) {
      const byte = data & 0xff
      const sub = data >> 8
      if (sub === MISC8.imuByte) imu.byte(byte)
      else if (sub === MISC8.roiHigh) frames.roiByte(true, byte)
      else if (sub === MISC8.roiLow) frames.roiByte(false, byte)
      else if (sub === MISC8.imuConfig) imu.config(byte)
      else values[at.unknownMisc8]!++
    },

    misc10(data) {
      if (data >> 10 === MISC10.exposure) frames.exposureChunk(data & 0x3ff)
      else values[at.unknownMisc10]!++
    },

    special(number, tUs) {
      switch (number) {
        case SPECIAL.externalFalling:
          trigger('external-falling', tUs)
          break
        case SPECIAL.externalRising:
          trigger('external-rising', tUs)
          break
        case SPECIAL.externalPulse:
          trigger('external-pulse', tUs)
          break
        case SPECIAL.generatorFalling:
          trigger('generator-falling', tUs)
          break
        case SPECIAL.generatorRising:
          trigger('generator-rising', tUs)
          break
        case SPECIAL.imuStart:
          imu.start()
          break
        case SPECIAL.imuEnd:
          if (imu.end(tUs)) {
            values[at.imuSamples]!++
            sink.imu?.(imu.sample)
          }
          break
        case SPECIAL.globalFrameStart:
        case SPECIAL.rollingFrameStart:
          frames.start(tUs)
          trigger('frame-start', tUs)
          break
        case SPECIAL.frameEnd:
          if (frames.end(tUs)) {
            values[at.images]!++
            sink.image?.(frames.image)
          }
          trigger('frame-end', tUs)
          break
        case SPECIAL.resetColumnStart:
          frames.column('reset')
          break
        case SPECIAL.signalColumnStart:
          frames.column('signal')
          break
        case SPECIAL.columnEnd:
          frames.columnEnd()
          break
        case SPECIAL.exposureStart:
          frames.exposureStart(tUs)
          trigger('exposure-start', tUs)
          break
        case SPECIAL.exposureEnd:
          frames.exposureEnd(tUs)
          trigger('exposure-end', tUs)
          break
        default:
          values[at.unknownSpecial]!++
      }
    },
  }
}
