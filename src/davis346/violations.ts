import { createCounters } from '../events/counters.js'

/**
 * What the decoder counts. The first group is what it delivered; all others are violations of the protocol, each met
 * by the remedy named here. None of them stops the stream.
 */
export const DECODER_COUNTERS = [
  'events',
  'images',
  'imuSamples',
  'triggers',
  'resets',
  /** A special word that no logic version is known to send: skipped. */
  'unknownSpecial',
  'unknownMisc8',
  'unknownMisc10',
  /** A wrap word of zero wraps: skipped. */
  'wrapOfZero',
  /** Wraps that would take time far ahead of the host's clock: skipped, time stays where it is. */
  'wrapAhead',
  /** Time went back without a reset: held at the newest time. */
  'timeBackwards',
  /** Y beyond the array: skipped, the last good row stays. */
  'rowOutOfRange',
  /** X beyond the array: the event is dropped. */
  'columnOutOfRange',
  /** X with no Y since the start or the last resync: the event is dropped. */
  'columnBeforeRow',
  /** A transfer ended inside a word: its byte was carried into the next one. */
  'oddByte',
  /** A carried byte turned out to have lost its partner: dropped, one word lost. */
  'oddByteDropped',
  /** A frame started before the last one had ended: the last one is dropped. */
  'apsFrameUnfinished',
  /** Samples, columns, exposure marks or a frame end in an impossible place: skipped. */
  'apsOutOfPlace',
  /** More samples or columns than the region has: skipped. */
  'apsExcess',
  /** A column of too few samples. */
  'apsRowCount',
  /** A frame of too few columns: dropped. */
  'apsColumnCount',
  /** A region that does not fit the sensor: the whole sensor is assumed. */
  'apsRegion',
  /** Bytes of a region or chunks of an exposure that nothing asks for: skipped. */
  'apsInfoExcess',
  /** A sample with too few or too many bytes: dropped. */
  'imuByteCount',
  /** IMU words outside of a sample: skipped. */
  'imuOutOfPlace',
  /** A sample that never said which sensors and scales it has: dropped. */
  'imuWithoutConfig',
] as const

export type DecoderCounter = (typeof DECODER_COUNTERS)[number]

export const createDecoderCounters = () => createCounters(DECODER_COUNTERS)
export type DecoderCounters = ReturnType<typeof createDecoderCounters>
