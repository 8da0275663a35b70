import type { Size } from '../events/geometry.js'
import type { Percentiles } from '../publish/latency.js'
import { trackPayload } from '../publish/payloads.js'
import type { TrackPayload } from '../publish/tracks-schema.js'
import type { PackedWindow } from './feed.js'
import type { PanelSummary } from './panels.js'

/** What the page says about the daemon beside the window. Rates and percentiles are those of the health message. */
export interface ViewState {
  readonly evtrackd: string
  readonly device: string
  readonly camera: string
  /** Of the whole daemon, as published. */
  readonly state: string
  readonly reason: string | null
  readonly source: string
  readonly tracker: string
  readonly broker: string
  readonly events_per_second: number | null
  readonly latency_ms: Percentiles
  readonly inference_ms: Percentiles
  readonly temperature_c: number | null
  /** Running totals by hop. */
  readonly drops: Readonly<Record<string, number>>
  readonly skipped_windows: number
}

export interface WindowHead {
  readonly seq: number
  readonly t_start_us: number
  readonly t_end_us: number
  readonly events: number
  /** Some events of the window are known to be missing. */
  readonly broken: boolean
  /** From the window's last event to this answer, milliseconds. */
  readonly age_ms: number
  readonly width: number
  readonly height: number
  readonly tracks: readonly TrackPayload[]
}

/** One answer: JSON, followed by the pixels of the window if there is one. */
export interface AnswerHead {
  /** Absent when no window came in time. */
  readonly window?: WindowHead
  /** Absent when it is as it was. */
  readonly state?: ViewState
  /** Names of those that can be looked at; comes with the state. */
  readonly cameras?: readonly string[]
  readonly panels?: readonly PanelSummary[]
  /** Windows this page was too slow for. */
  readonly dropped: number
}

export function windowHead({ frame, tracks }: PackedWindow, nowUs: number): WindowHead {
  const { header, width, height } = frame
  const sensor: Size = { width, height }
  return {
    seq: header.seq,
    t_start_us: header.tStartUs,
    t_end_us: header.tEndUs,
    events: header.events,
    broken: header.broken,
    age_ms: Math.max(0, Math.round((nowUs - header.hostUs) / 10) / 100),
    width,
    height,
    tracks: tracks.map((track) => trackPayload(track, sensor)),
  }
}

/** Bytes of the JSON as uint32 little-endian, the JSON in UTF-8, the pixels (see pixels.ts). */
export function encodeAnswer(head: AnswerHead, pixels: Buffer | undefined): Buffer {
  const json = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(json.length)
  return Buffer.concat([length, json, ...(pixels === undefined ? [] : [pixels])])
}
