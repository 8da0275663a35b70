import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveLayers } from '../../../src/daemon/config-layers.js'
import { Changes } from '../../../src/daemon/configure-command.js'
import { planReload } from '../../../src/daemon/reload.js'
import { DAVIS346_SIZE } from '../../../src/events/geometry.js'
import { buildPassMap } from '../../../src/pipeline/mask.js'
import { REQUEST_CODES, responseSchema } from '../../../src/publish/request-schema.js'
import { type CommandHandlers, RequestDesk } from '../../../src/publish/requests.js'
import { COMMANDS, commandOf, createTopics, mayRespondTo } from '../../../src/publish/topics.js'
import { settle } from '../../publish/manual-clock.js'
import { ScriptedBroker } from '../../publish/scripted-broker.js'
import { type FuzzTarget, finite, promise, withoutNumbers } from '../harness.js'
import { awkwardText, type Json, mutateBytes, mutateJson, toText } from '../mutate.js'

const TOPICS = createTopics('mast-3', 'davis346')
const SIZE = DAVIS346_SIZE
/** An answer that says no; what a snapshot gives back is larger, and made of no text of the client's. */
const MAX_REFUSAL_BYTES = 8192

/**
 * Requests as they come from a broker, with the handlers that judge them: an input is two lines, the topic and the
 * Response Topic, and the payload.
 */
export function createRequestsTarget(): FuzzTarget {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-fuzz-'))
  const broker = new ScriptedBroker()
  broker.connect()
  let us = 0
  const clock = {
    // Requests come slowly enough for the limit of their rate.
    nowUs: () => (us += 1_000_000),
    wallUs: () => us,
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
  }
  let calls: string[] = []
  const changes = new Changes(join(dir, 'changes.json'))
  const desk = new RequestDesk({
    topics: TOPICS,
    handlers: judging(changes, (call) => calls.push(call)),
    sensor: SIZE,
    broker,
    clock,
  })
  const ask = async (topic: string, payload: Buffer, responseTopic?: string) => {
    broker.published.length = 0
    calls = []
    desk.receive({
      topic,
      payload,
      retain: false,
      ...(responseTopic !== undefined && { responseTopic }),
    })
    // Answers are ready after a few turns: the handlers here wait for nothing outside.
    for (let i = 0; i < 20 && broker.published.length === 0; i++) await settle()
    return [...broker.published]
  }
  return {
    name: 'requests',
    seeds: seeds(),
    mutate(rng, input, pool) {
      const { topic, response, payload } = split(input)
      const other = `evtrackd/v1/mast-3/request/${rng.pick(COMMANDS)}`
      const where = rng.chance(0.1) ? other : rng.chance(0.02) ? awkwardText(rng) : topic
      const answer = rng.chance(0.1) ? `evtrackd/v1/${awkwardText(rng)}` : response
      try {
        if (rng.chance(0.15)) throw new Error('as bytes')
        const text = toText(mutateJson(rng, JSON.parse(payload.toString()) as Json))
        return Buffer.from(`${oneLine(where)}\n${oneLine(answer)}\n${text}`)
      } catch {
        return mutateBytes(rng, input, { pool, tokens: TOKENS, maxBytes: 20_000 })
      }
    },
    async run(input) {
      const { topic, response, payload } = split(input)
      const answers = await ask(topic, payload, response === '' ? undefined : response)
      const outcome = judge(topic, response, answers)
      const good = await ask(TOPICS.requests[0]!, Buffer.from('{"box":[1,2,30,40]}'))
      promise(good.length === 1 && JSON.parse(good[0]!.payload).ok === true, 'a good request fails')
      return `${outcome} ${calls.length}`
    },
    close: async () => {
      desk.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function judge(topic: string, response: string, answers: ScriptedBroker['published']): string {
  const command = commandOf(TOPICS, topic)
  if (command === undefined) {
    promise(answers.length === 0, `an answer to ${topic}`)
    return 'no command'
  }
  promise(answers.length === 1, `${answers.length} answers`)
  const [answer] = answers
  promise(mayRespondTo(TOPICS, answer!.topic), `an answer on ${answer!.topic}`)
  const own = response === '' || !mayRespondTo(TOPICS, response)
  promise(answer!.topic === (own ? `${TOPICS.base}/response/${command}` : response), 'misled')
  const parsed = responseSchema.safeParse(JSON.parse(answer!.payload))
  promise(parsed.success, `an answer against the contract: ${answer!.payload.slice(0, 300)}`)
  if (parsed.data.ok) return `${command} ok ${Object.keys(parsed.data.result).join()}`
  const { code, message } = parsed.data
  promise(code !== 'INTERNAL', `an error inside: ${answer!.payload}`)
  const bytes = Buffer.byteLength(answer!.payload)
  promise(bytes <= MAX_REFUSAL_BYTES, `a refusal of ${bytes} bytes, ${code}`)
  const known = (REQUEST_CODES as readonly string[]).includes(code) || code === 'CONFIG_INVALID'
  promise(known, `the code ${code}`)
  return `${command} ${code} ${withoutNumbers(message)}`
}

/** The handlers of the daemon, as far as they judge what they are given. */
function judging(changes: Changes, note: (call: string) => void): CommandHandlers {
  const done = async (call: string, result: Record<string, unknown> = {}) => {
    note(call)
    finite(result, call)
    return { ok: true, result } as const
  }
  const start = resolveLayers([])
  return {
    'target/start': ({ box, label }) => {
      const { x, y, w, h } = box
      finite(box, 'box')
      promise(x >= 0 && y >= 0 && w > 0 && h > 0, 'a box without area')
      promise(x + w <= SIZE.width && y + h <= SIZE.height, 'a box off the sensor')
      promise(label === undefined || (label.length > 0 && label.length <= 64), 'a long label')
      return done('start', { id: 'boot-1' })
    },
    'target/stop': ({ id }) => {
      promise(id.length > 0 && id.length <= 128, 'a long id')
      return done('stop', { id })
    },
    'camera/configure': (request) => {
      const { layers, commit } = changes.plan(request)
      const { config } = resolveLayers(layers)
      const plan = planReload(start.config, config)
      buildPassMap(config.filters, SIZE)
      finite(config.filters, 'filters')
      promise(config.mqtt.url === start.config.mqtt.url, 'a request leads to another broker')
      promise(!/[./\\]/.test(config.camera.preset), 'a request names a path')
      promise(config.stateDir === start.config.stateDir, 'a request names a path')
      commit()
      return done('configure', { applied: plan.live, restart: plan.restart })
    },
    'calibrate/start': ({ kind, seconds }) => {
      promise(kind.length > 0 && kind.length <= 32, 'a long kind')
      promise(seconds === undefined || (seconds > 0 && seconds <= 3600), 'a long calibration')
      return done('calibrate', { id: 'c1' })
    },
    'calibrate/cancel': () => done('cancel'),
    'record/start': ({ seconds }) => {
      promise(seconds === undefined || (seconds > 0 && seconds <= 86_400), 'a long recording')
      return done('record', { name: 'a.aedat4' })
    },
    'record/stop': () => done('stop recording'),
    snapshot: () => done('snapshot'),
    restart: () => done('restart'),
  }
}

function split(input: Uint8Array): { topic: string; response: string; payload: Buffer } {
  const bytes = Buffer.from(input)
  const first = bytes.indexOf(10)
  const second = bytes.indexOf(10, first + 1)
  if (first < 0 || second < 0) return { topic: bytes.toString(), response: '', payload: bytes }
  return {
    topic: bytes.toString('utf8', 0, first),
    response: bytes.toString('utf8', first + 1, second),
    payload: bytes.subarray(second + 1),
  }
}

function oneLine(text: string): string {
  return text.replaceAll('\n', ' ')
}

function seeds(): Uint8Array[] {
  const whole = {
    camera: { preset: 'night', biases: { PrBp: { coarse: 2, fine: 58 } } },
    model: { name: 'evt-compact' },
    filters: {
      background_activity_us: 5000,
      refractory_us: 100,
      regions: [{ mode: 'exclude', box: [0, 0, 346, 40] }],
      hot_pixels: [[1, 2]],
    },
    aggregation: { window_us: 30_000, hop_us: 10_000 },
    tracking: { max_targets: 4 },
    mqtt: { tracks_per_second: 10, health_interval_ms: 1000 },
    log_level: 'debug',
    persist: true,
    reset: true,
    transaction: 'a1',
  }
  const requests: [string, unknown][] = [
    ['target/start', { box: [120, 80, 40, 30], label: 'lorry', transaction: 7 }],
    ['target/stop', { id: 'boot-1' }],
    ['camera/configure', { filters: { background_activity_us: 5000 } }],
    ['camera/configure', whole],
    ['record/start', { seconds: 10 }],
    ['record/stop', {}],
    ['calibrate/start', { kind: 'hot-pixels', seconds: 5, options: { share: 0.1 } }],
    ['calibrate/cancel', { id: 'c1' }],
    ['snapshot', { transaction: 'x' }],
    ['restart', {}],
  ]
  return requests.map(([command, body]) =>
    Buffer.from(
      `evtrackd/v1/mast-3/request/${command}\nevtrackd/v1/mast-3/response/me\n${JSON.stringify(body)}`,
    ),
  )
}

const TOKENS = [
  '1e999',
  '-1e999',
  '"transaction":',
  '{',
  '}',
  '[',
  ']',
  ',',
  '\ufeff',
  '"__proto__":{',
].map((text) => Buffer.from(text))
