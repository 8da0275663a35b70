import { framePng, TRACKED_COLOR } from '../pipeline/picture.js'
import { boxPayload } from '../publish/payloads.js'
import type { CommandResult } from '../publish/requests.js'
import type { Snapshot } from './inference-thread.js'

/** A window and its confirmed tracks as the answer to `snapshot`: one screen pixel a sensor pixel, PNG in base64. */
export function snapshotResult({ frame, tracks }: Snapshot): CommandResult {
  const { header, width, height } = frame
  const boxes = tracks.map(({ box, id }) => ({ box, color: TRACKED_COLOR, label: id }))
  return {
    ok: true,
    result: {
      media_type: 'image/png',
      width,
      height,
      seq: header.seq,
      t_start_us: header.tStartUs,
      t_end_us: header.tEndUs,
      tracks: tracks.map(({ id, box }) => ({ id, box: boxPayload(box, { width, height }) })),
      data: framePng(frame, boxes, { scale: 1 }).toString('base64'),
    },
  }
}

/** No window comes while there is no camera. */
export const NO_WINDOW: CommandResult = {
  ok: false,
  code: 'NOT_READY',
  message: 'No window came within 2 s: the source does not stream.',
}
