import { type Box, clampToSensor, type Size } from '../events/geometry.js'
import type { OnGround, StepResult, Track, TrackEvent, TrackSummary } from '../tracking/track.js'
import type { TrackEventPayload, TrackPayload, TracksPayload } from './tracks-schema.js'

/** Pure functions from what tracking knows to what is published. Numbers keep two decimals; scores keep four. */

type PixelBox = [number, number, number, number]

export function round2(value: number): number {
  // Adding 0 turns -0 into 0.
  return Math.round(value * 100) / 100 + 0
}

function round4(value: number): number {
  return Math.round(value * 10_000) / 10_000 + 0
}

/** Edges are rounded, not sizes, so that the right and lower edge cannot leave the sensor by rounding. */
export function boxPayload(box: Box, sensor: Size): PixelBox {
  const inside = clampToSensor(box, sensor)
  const x = round2(inside.x)
  const y = round2(inside.y)
  const right = round2(inside.x + inside.w)
  const bottom = round2(inside.y + inside.h)
  return [x, y, round2(right - x), round2(bottom - y)]
}

/** `track` is confirmed: tracking publishes no tentative one. */
export function trackPayload(track: Track, sensor: Size): TrackPayload {
  const box = boxPayload(track.box, sensor)
  return {
    id: track.id,
    state: track.state as TrackPayload['state'],
    score: round4(track.score),
    box,
    center: [round2(box[0] + box[2] / 2), round2(box[1] + box[3] / 2)],
    velocity: [round2(track.velocity.x), round2(track.velocity.y)],
    age_ms: round2(track.ageUs / 1000),
    t_us: track.tUs,
    ...(track.label === undefined ? {} : { label: track.label }),
    ...(track.zones === undefined ? {} : { zones: [...track.zones] }),
    ...(track.undistorted === undefined
      ? {}
      : { undistorted: undistortedPayload(track.undistorted) }),
    ...(track.ground === undefined ? {} : { ground: groundPayload(track.ground) }),
  }
}

function undistortedPayload({ box, velocity }: NonNullable<Track['undistorted']>) {
  const values: PixelBox = [round2(box.x), round2(box.y), round2(box.w), round2(box.h)]
  return {
    box: values,
    center: pair({ x: box.x + box.w / 2, y: box.y + box.h / 2 }),
    velocity: pair(velocity),
  }
}

function groundPayload({ position, positionSigma, velocity, velocitySigma }: OnGround) {
  return {
    position: pair(position),
    position_sigma: pair(positionSigma),
    velocity: pair(velocity),
    velocity_sigma: pair(velocitySigma),
  }
}

function pair({ x, y }: { readonly x: number; readonly y: number }): [number, number] {
  return [round2(x), round2(y)]
}

export function tracksPayload(
  step: StepResult,
  context: { readonly sensor: Size; readonly atUs: number; readonly latencyMs: number },
): TracksPayload {
  return {
    seq: step.seq,
    t_start_us: step.tStartUs,
    t_end_us: step.tEndUs,
    at: context.atUs,
    latency_ms: round2(Math.max(0, context.latencyMs)),
    tracks: step.tracks.map((track) => trackPayload(track, context.sensor)),
    ...(step.zones === undefined ? {} : { zones: step.zones.map((zone) => ({ ...zone })) }),
  }
}

export function trackEventPayload(
  event: TrackEvent,
  context: {
    readonly sensor: Size
    readonly atUs: number
    readonly bootId: string
    readonly seq: number
  },
): TrackEventPayload {
  const { sensor } = context
  return {
    boot_id: context.bootId,
    seq: context.seq,
    at: context.atUs,
    event: event.kind,
    track: event.after.id,
    ...(event.before === undefined ? {} : { before: trackPayload(event.before, sensor) }),
    after: trackPayload(event.after, sensor),
    ...(event.summary === undefined ? {} : { summary: summaryPayload(event.summary, sensor) }),
  }
}

function summaryPayload(summary: TrackSummary, sensor: Size) {
  return {
    t_start_us: summary.startUs,
    t_end_us: summary.endUs,
    windows: summary.windows,
    mean_score: round4(summary.meanScore),
    path_px: round2(summary.pathPixels),
    first_box: boxPayload(summary.firstBox, sensor),
    last_box: boxPayload(summary.lastBox, sensor),
    reason: summary.endReason,
  }
}
