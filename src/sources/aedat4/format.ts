import { EvtrackError } from '../../events/errors.js'

/** First 14 bytes of every AEDAT 4.0 file. */
export const MAGIC = Buffer.from('#!AER-DAT4.0\r\n', 'latin1')

/**
 * Largest body taken from or put into one packet, before and after decompression. A camera's packet is far below
 * 1 MiB; a file that claims more is damaged or hostile, and memory must not follow its claims.
 */
export const MAX_PACKET_BYTES = 64 * 1024 * 1024

/** Largest file header read. dv writes 3 to 4 KiB. */
export const MAX_HEADER_BYTES = 4 * 1024 * 1024

/** Largest sensor side accepted. The stages behind allocate planes of this size, so it must not be a file's whim. */
export const MAX_SENSOR_SIDE = 4096

export const STREAM_KINDS = ['events', 'images', 'imu', 'triggers'] as const
export type StreamKind = (typeof STREAM_KINDS)[number]

/** FlatBuffer file identifier of a packet of each kind. */
export const IDENTIFIERS: Readonly<Record<StreamKind, string>> = {
  events: 'EVTS',
  images: 'FRME',
  imu: 'IMUS',
  triggers: 'TRIG',
}

/** Names by the value of the header's compression field. */
export const COMPRESSIONS = ['NONE', 'LZ4', 'LZ4_HIGH', 'ZSTD', 'ZSTD_HIGH'] as const
export type Compression = (typeof COMPRESSIONS)[number]

/** Something in a file that could not be used, and where. */
export interface Problem {
  /** Byte offset in the file. */
  readonly offset: number
  readonly message: string
}

/** The error of a file of which nothing can be used. */
export function unusable(
  message: string,
  options: { path: string; cause?: unknown },
): EvtrackError {
  return new EvtrackError('RECORDING_CORRUPT', message, {
    next: 'Check that the path names an AEDAT 4.0 recording (.aedat4) and that it was copied whole.',
    cause: options.cause,
    data: { path: options.path },
  })
}
