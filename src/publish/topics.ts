/** The topics of one device and its camera, contract version 1. Pure. */

export const COMMANDS = [
  'target/start',
  'target/stop',
  'camera/configure',
  'calibrate/start',
  'calibrate/cancel',
  'record/start',
  'record/stop',
  'snapshot',
  'restart',
] as const
export type Command = (typeof COMMANDS)[number]

export interface Topics {
  readonly base: string
  readonly status: string
  readonly info: string
  readonly health: string
  readonly cameraStatus: string
  readonly tracks: string
  readonly trackEvents: string
  readonly calibration: string
  /** One topic for each command; what the daemon subscribes to, and nothing else. */
  readonly requests: readonly string[]
}

/** `device` and `camera` are [a-z0-9-]; the configuration schema saw to it. */
export function createTopics(device: string, camera: string): Topics {
  const base = `evtrackd/v1/${device}`
  return {
    base,
    status: `${base}/status`,
    info: `${base}/info`,
    health: `${base}/health`,
    cameraStatus: `${base}/camera/${camera}/status`,
    tracks: `${base}/camera/${camera}/tracks`,
    trackEvents: `${base}/camera/${camera}/track_events`,
    calibration: `${base}/camera/${camera}/calibration`,
    requests: COMMANDS.map((command) => `${base}/request/${command}`),
  }
}

/** The command a request topic stands for, or undefined for a topic that is none. */
export function commandOf(topics: Topics, topic: string): Command | undefined {
  return COMMANDS.find((command) => topic === `${topics.base}/request/${command}`)
}

export function defaultResponseTopic(topics: Topics, command: Command): string {
  return `${topics.base}/response/${command}`
}

/**
 * Whether a Response Topic chosen by a client may be published to: a plain topic name (no wildcard, no NUL, at most
 * 1024 characters, not the broker's own `$…`) and, under this device's base, only below `response/`, so that no
 * client can make the daemon speak on its status or request topics.
 */
export function mayRespondTo(topics: Topics, topic: string): boolean {
  if (topic.length === 0 || topic.length > 1024) return false
  if (topic.startsWith('$') || /[+#\0]/.test(topic)) return false
  const own = topic === topics.base || topic.startsWith(`${topics.base}/`)
  return !own || topic.startsWith(`${topics.base}/response/`)
}
