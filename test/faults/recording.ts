import { systemClock } from '../../src/events/time.js'
import { createRecordingSource } from '../../src/sources/recording.js'

/** Reads a recording to its end, as far as it can be read: events in it, and the time of the last, device microseconds. */
export async function readRecording(path: string): Promise<{ events: number; lastUs: number }> {
  const source = await createRecordingSource({ path, pace: 'fast', clock: systemClock })
  let events = 0
  let lastUs = Number.NEGATIVE_INFINITY
  try {
    await source.run(
      {
        events: ({ length, t0Us, dtUs }) => {
          events += length
          if (length > 0) lastUs = Math.max(lastUs, t0Us + dtUs[length - 1]!)
        },
        time: () => {},
        gap: () => {},
      },
      new AbortController().signal,
    )
  } finally {
    await source.close()
  }
  return { events, lastUs }
}
