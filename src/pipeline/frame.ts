/**
 * A frame is the aggregated tensor of one window: three uint8 planes of the sensor's size, planar, in the network's
 * channel order (trajectory, negative, positive).
 */
export const PLANES = ['trajectory', 'negative', 'positive'] as const
export type Plane = (typeof PLANES)[number]

export interface WindowHeader {
  /** Counts every window the aggregator closed, so a consumer sees how many it missed. */
  readonly seq: number
  readonly tStartUs: number
  readonly tEndUs: number
  /** Events aggregated in this window, after the filters. */
  readonly events: number
  /** Events before the filters. */
  readonly eventsIn: number
  /** Lost or undefined device time immediately before this window, microseconds; 0 for a continuous stream. */
  readonly gapUs: number
  /** True when events inside this window are known to be missing, or time restarted before it. */
  readonly broken: boolean
  /** Host monotonic receive time of the window's last event (or of its closing), microseconds. */
  readonly hostUs: number
}

export interface Frame {
  readonly header: WindowHeader
  readonly width: number
  readonly height: number
  /** 3 * width * height bytes: PLANES in order, each row-major. */
  readonly planes: Uint8Array
}
