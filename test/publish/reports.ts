import type { CameraReport, HealthReport } from '../../src/publish/publisher.js'

/** What a daemon in good health tells its publisher. */
export const HEALTH: HealthReport = {
  events_per_second: 1234,
  last_event_age_ms: 2,
  drops: { usb_overrun: 0, frame_pool: 3 },
  usb: { errors: 0, reconnects: 1 },
  recording: null,
  skipped_windows: 0,
  inference_ms: { p50: 4, p99: 6, count: 100 },
  energy: null,
  clock: { offset_us: 12.5, drift_ppm: -3 },
  temperature_c: null,
  memory: { rss_bytes: 1e8, heap_used_bytes: 2e7 },
}

export const CAMERA: CameraReport = { state: 'streaming', last_event_age_ms: 1.5 }
