import { systemClock } from '../events/time.js'
import { createRecordingSource } from '../sources/recording.js'

/** How long a recording lasts and whose it is. */
export async function scanRecording(path: string, signal: AbortSignal) {
  const recording = await createRecordingSource({ path, pace: 'fast', clock: systemClock })
  let first = Number.NaN
  let last = Number.NaN
  const reached = (tUs: number) => {
    if (Number.isNaN(first)) first = tUs
    if (!(tUs < last)) last = tUs
  }
  try {
    await recording.run(
      {
        events: ({ length, t0Us, dtUs }) => {
          if (length > 0) {
            reached(t0Us + dtUs[0]!)
            reached(t0Us + dtUs[length - 1]!)
          }
        },
        time: reached,
        image: ({ tUs }) => reached(tUs),
        imu: ({ tUs }) => reached(tUs),
        gap: () => {},
      },
      signal,
    )
  } finally {
    await recording.close()
  }
  signal.throwIfAborted()
  const { serial } = recording.info
  return { seconds: Math.max(0, (last - first) / 1e6) || 0, serial }
}
