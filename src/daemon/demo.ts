import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Box, clampToSensor, DAVIS346_SIZE } from '../events/geometry.js'
import { systemClock } from '../events/time.js'
import { framePng, type PictureBox, TRACKED_COLOR, TRUE_COLOR } from '../pipeline/picture.js'
import type { IncomingMessage } from '../publish/broker.js'
import { LatencyHistogram } from '../publish/latency.js'
import { createMqttBroker } from '../publish/mqtt.js'
import type { TrackEventPayload, TracksPayload } from '../publish/tracks-schema.js'
import { sceneByName } from '../sources/scene/named.js'
import { createScene, type Scene } from '../sources/scene/scene.js'
import { createEvaluator } from '../tracking/evaluate.js'
import type { TrackerKind } from '../tracking/schema.js'
import { type Daemon, startDaemon } from './daemon.js'
import { parseConfig } from './load-config.js'
import { createLog } from './log.js'

/** What the demo ends with; one JSON line. */
export interface DemoResult {
  readonly tracks_messages: number
  readonly tracks: number
  /** Mean IoU of published boxes with the true boxes they lie on; a box on nothing counts 0. */
  readonly mean_iou: number
  readonly latency_ms_p50: number | null
  readonly latency_ms_p99: number | null
  readonly drops: number
}

export interface DemoOutcome {
  readonly result: DemoResult
  readonly png: Buffer | undefined
}

/** Targets hidden more than this are not expected to be seen. */
const HIDDEN_SHARE = 0.5

/**
 * The whole chain on one machine: an emulated DAVIS346 watches a scene, the daemon tracks and publishes to the broker
 * inside it, and an MQTT client of its own connection subscribes as any other program would.
 */
export async function runDemo(options: {
  readonly seconds: number
  readonly scene: string
  readonly seed: number
  readonly tracker: TrackerKind
  readonly print: (line: string) => void
}): Promise<DemoOutcome> {
  const { seconds, print } = options
  const stateDir = await mkdtemp(join(tmpdir(), 'evtrackd-demo-'))
  const config = parseConfig(
    {
      source: { kind: 'emulator', scene: options.scene, seed: options.seed },
      tracking: { tracker: options.tracker },
      mqtt: { url: 'embedded', embedded: { port: 0 } },
      stateDir,
      logLevel: 'warning',
    },
    'the demo',
  )
  const log = createLog({
    level: 'warning',
    journal: false,
    write: (line) => process.stderr.write(line),
  })
  const scene = createScene(sceneByName(options.scene, options.seed))
  let offsetUs: number | undefined
  const daemon = await startDaemon(config, {
    log,
    hooks: {
      onCounters: (counters) => {
        offsetUs = counters.sceneOffsetUs ?? offsetUs
      },
    },
  })
  const { host, port } = daemon.broker
  print(`broker on ${host}:${port}; try: mosquitto_sub -h ${host} -p ${port} -t 'evtrackd/#' -v`)
  const viewer = new Viewer({ print, truth: (tUs) => trueBoxes(scene, tUs, offsetUs) })
  const client = createMqttBroker({
    clientId: 'evtrackd-demo',
    keepaliveSeconds: 30,
    host,
    port,
    protocol: '3.1.1',
  })
  const { topics } = daemon.publisher
  client.start({
    will: { topic: 'evtrackd-demo/status', payload: 'gone', qos: 0 },
    subscriptions: [topics.tracks, topics.trackEvents],
    onConnect: () => print('subscriber connected'),
    onDisconnect: () => {},
    onDrain: () => {},
    onMessage: (message) => viewer.receive(message, topics),
  })
  try {
    await Promise.race([daemon.ready, daemon.done])
    print(`camera streams; tracking for ${seconds} s`)
    for (let second = 1; second <= seconds; second++) {
      await Promise.race([systemClock.sleep(1000), daemon.done])
      viewer.summary(second, daemon)
    }
    return {
      png: await picture(daemon, scene, offsetUs),
      result: viewer.result(daemon),
    }
  } finally {
    await daemon.stop()
    await client.close()
    await rm(stateDir, { recursive: true, force: true })
  }
}

function trueBoxes(
  scene: Scene,
  deviceUs: number,
  offsetUs: number | undefined,
): { id: number; box: Box }[] | undefined {
  if (offsetUs === undefined) return undefined
  return scene
    .truth(deviceUs - offsetUs)
    .filter((truth) => truth.hidden <= HIDDEN_SHARE)
    .map(({ id, box }) => ({ id, box: clampToSensor(box, DAVIS346_SIZE) }))
}

async function picture(daemon: Daemon, scene: Scene, offsetUs: number | undefined) {
  const { frame, tracks } = await daemon.snapshot()
  const truths = trueBoxes(scene, frame.header.tEndUs, offsetUs) ?? []
  const boxes: PictureBox[] = [
    ...truths.map(({ box }) => ({ box, color: TRUE_COLOR })),
    ...tracks.map((t) => ({ box: t.box, color: TRACKED_COLOR, label: `${t.state} ${t.id}` })),
  ]
  const caption = `green: tracked  white: true  t=${(frame.header.tEndUs / 1e6).toFixed(2)} s  ${frame.header.events} events`
  return framePng(frame, boxes, { scale: 3, caption })
}

/** What a person sees of the tracks, and what is measured of them. */
class Viewer {
  readonly #print: (line: string) => void
  readonly #truth: (tUs: number) => { id: number; box: Box }[] | undefined
  readonly #all = createEvaluator()
  #second = createEvaluator()
  readonly #latency = new LatencyHistogram()
  readonly #ids = new Set<string>()
  #messages = 0
  #messagesBefore = 0
  #live = 0

  constructor(options: {
    print: (line: string) => void
    truth: (tUs: number) => { id: number; box: Box }[] | undefined
  }) {
    this.#print = options.print
    this.#truth = options.truth
  }

  receive(message: IncomingMessage, topics: { tracks: string; trackEvents: string }): void {
    const payload: unknown = JSON.parse(message.payload.toString('utf8'))
    if (message.topic === topics.tracks) this.#tracks(payload as TracksPayload)
    if (message.topic === topics.trackEvents) this.#event(payload as TrackEventPayload)
  }

  #tracks(payload: TracksPayload): void {
    this.#messages++
    this.#latency.record(payload.latency_ms)
    this.#live = payload.tracks.length
    const tracks = payload.tracks.map(({ id, box: [x, y, w, h] }) => {
      this.#ids.add(id)
      return { id, box: { x, y, w, h } }
    })
    const truths = this.#truth(payload.t_end_us)
    if (truths === undefined) return
    this.#all.add(tracks, truths)
    this.#second.add(tracks, truths)
  }

  #event({ event, track, after, summary }: TrackEventPayload): void {
    const [x, y, w, h] = after.box.map(Math.round)
    const at = `${w} x ${h} px at (${x}, ${y})`
    const life =
      summary === undefined
        ? ''
        : `: ${summary.reason}, ${summary.windows} windows, ${Math.round(summary.path_px)} px of path`
    if (event !== 'update') this.#print(`  ${event.padEnd(10)} ${track}  ${at}${life}`)
  }

  summary(second: number, daemon: Daemon): void {
    const { meanIou, precision, matched } = this.#second.score()
    const rate = this.#messages - this.#messagesBefore
    const { p50 } = daemon.publisher.latency.percentiles()
    const events = daemon.facts.health().events_per_second
    this.#print(
      `${String(second).padStart(4)} s  ${this.#live} tracks  ${String(rate).padStart(3)} messages/s  ` +
        `${events === null ? '?' : (events / 1e6).toFixed(2)} M events/s  latency ${p50 ?? '?'} ms  ` +
        `IoU ${matched === 0 ? '-' : (meanIou * precision).toFixed(2)}`,
    )
    this.#messagesBefore = this.#messages
    this.#second = createEvaluator()
  }

  result(daemon: Daemon): DemoResult {
    const { meanIou, precision } = this.#all.score()
    const { p50, p99 } = this.#latency.percentiles()
    const drops = Object.values(daemon.facts.drops()).reduce((a, b) => a + b, 0)
    return {
      tracks_messages: this.#messages,
      tracks: this.#ids.size,
      mean_iou: Math.round(meanIou * precision * 1000) / 1000,
      latency_ms_p50: p50,
      latency_ms_p99: p99,
      drops,
    }
  }
}
