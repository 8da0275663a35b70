import { EvtrackError } from '../events/errors.js'
import { nowUs } from '../events/time.js'
import type { ConfigureRequest } from '../publish/request-schema.js'
import type { CommandResult } from '../publish/requests.js'
import { type CameraPlan, planCameras } from './camera-plan.js'
import { configFile, type Layer, type LayerSources, readLayers } from './config-layers.js'
import { Changes } from './configure-command.js'
import { type Daemon, startDaemon } from './daemon.js'
import type { Operations } from './daemon-types.js'
import { type Log, prefixed } from './log.js'
import { ModelKeeper, modelsOf } from './model-keeper.js'
import type { Notifier } from './notify.js'
import { ProgressJudge } from './progress.js'
import { planReload } from './reload.js'
import type { Config } from './schema.js'
import { besideEmbedded, sameBroker } from './shared-broker.js'
import { keptConfigFile } from './state-dir.js'
import { type StatusReport, statusLine, statusReport } from './status-report.js'

interface Camera {
  readonly id: string
  readonly daemon: Daemon
  readonly judge: ProgressJudge
  restartNeeded: readonly string[]
}

export interface ServiceOptions {
  readonly sources: LayerSources
  readonly log: Log
  readonly notifier: Notifier
  /** The configuration of the first camera, whenever it has changed: what the process itself goes by. */
  readonly onConfig?: (config: Config) => void
}

/** Checking the golden vectors takes a second; a board with a slow disk gets this long. */
const OPENING_MS = 60_000

/**
 * The daemon as a service: reads the layers of the configuration, runs a daemon for each camera, takes on a changed
 * configuration, starts anew on command, and tells systemd.
 */
export class Service {
  readonly #options: ServiceOptions
  readonly #changes = new Map<string, Changes>()
  #cameras: Camera[] = []
  #expected = 0
  #turn: Promise<unknown> = Promise.resolve()
  #restart = false
  #stopping = false
  #announced = false
  #stuck = ''

  constructor(options: ServiceOptions) {
    this.#options = options
  }

  /** Runs until stop(), or until a recording has ended. Rejects with EvtrackError when it cannot start or go on. */
  async run(): Promise<void> {
    const { notifier } = this.#options
    const { watchdogMs } = notifier
    const timer = watchdogMs === undefined ? undefined : setInterval(() => this.#beat(), watchdogMs)
    try {
      let plan = await this.#startFirst()
      while (!this.#stopping) {
        try {
          await Promise.all(this.#cameras.map(({ daemon }) => daemon.done))
        } catch (error) {
          await this.#stopAll()
          if (this.#stopping || !this.#keeper(plan).takeBack(error, modelsOf(this.daemons)))
            throw error
          this.#restart = true
        }
        await this.#stopAll()
        if (!this.#restart || this.#stopping) return
        this.#restart = false
        plan = await this.#startAnew(plan)
      }
    } finally {
      clearInterval(timer)
      notifier.stopping()
      await this.#stopAll()
      await notifier.close()
    }
  }

  /** Ends in order. Idempotent. */
  stop(): void {
    this.#stopping = true
    void this.#stopAll()
  }

  /** Reads the configuration anew and takes on what can be; an invalid one changes nothing. */
  reload(): Promise<void> {
    return this.#inTurn(() => this.#reload())
  }

  async #reload(): Promise<void> {
    const { log, notifier } = this.#options
    notifier.reloading(nowUs())
    let plan: CameraPlan[] | undefined
    try {
      plan = this.#plan()
      for (const camera of this.#cameras) {
        const next = plan.find(({ id }) => id === camera.id)
        if (next !== undefined) await this.#adopt(camera, next.config)
      }
      const same = plan.map(({ id }) => id).join() === this.#cameras.map(({ id }) => id).join()
      if (!same) log.warning('cameras were added or removed: this needs a restart')
    } catch (error) {
      if (!(error instanceof EvtrackError)) throw error
      log.error(`the new configuration is not taken, the old one stays: ${error.message}`, {
        code: error.code,
        next: error.next,
      })
      if (plan === undefined) return
      const tried = modelsOf(plan).filter((name) => !modelsOf(this.daemons).includes(name))
      this.#keeper(plan).takeBack(error, tried)
    } finally {
      if (this.#announced) notifier.ready(this.#line())
    }
  }

  /** One for each camera that runs. */
  get daemons(): readonly Daemon[] {
    return this.#cameras.map(({ daemon }) => daemon)
  }

  report(): StatusReport {
    return statusReport(this.daemons, {
      configFile: configFile(this.#options.sources).path,
      restartNeeded: [...new Set(this.#cameras.flatMap(({ restartNeeded }) => restartNeeded))],
    })
  }

  #plan(changed?: ReadonlyMap<string, readonly Layer[]>): CameraPlan[] {
    const { sources } = this.#options
    const changes = new Map([...this.#changes].map(([id, each]) => [id, each.layers()]))
    for (const [id, layers] of changed ?? []) changes.set(id, [...layers])
    return planCameras(readLayers(sources), { env: sources.env, changes })
  }

  /** Starts a daemon for each camera; when one cannot start, none runs. */
  async #start(plan: readonly CameraPlan[]): Promise<void> {
    const { log, sources, onConfig } = this.#options
    this.#cameras = []
    this.#expected = plan.length
    let endpoint: Daemon['broker'] | undefined
    for (const { id, config } of plan) {
      if (this.#stopping) return
      if (!this.#changes.has(id)) {
        this.#changes.set(id, new Changes(keptConfigFile(config, sources.env)))
      }
      if (this.#cameras.length === 0) onConfig?.(config)
      if (config.mqtt.allowInsecure) {
        log.warning('mqtt.allow_insecure: whoever reaches the broker may send requests')
      }
      const shared = endpoint?.embedded ? besideEmbedded(config, endpoint) : config
      const daemon = await startDaemon(shared, {
        log: id === '' ? log : prefixed(log, id),
        hooks: {
          onState: () => this.#stateChanged(),
          onModelJudged: (name, outcome, error) =>
            this.#keeper(plan).judged(name, outcome, { error, camera: id }),
        },
        operations: this.#operations(id),
      })
      endpoint ??= daemon.broker
      this.#cameras.push({ id, daemon, judge: new ProgressJudge(OPENING_MS), restartNeeded: [] })
    }
  }

  /** An installed model that cannot be started with is taken back, and the one before is used. */
  async #startFirst(): Promise<CameraPlan[]> {
    const plan = this.#plan()
    try {
      await this.#start(plan)
      return plan
    } catch (error) {
      await this.#stopAll()
      if (!this.#keeper(plan).takeBack(error, modelsOf(plan))) throw error
      const before = this.#plan()
      await this.#start(before)
      return before
    }
  }

  #keeper(plan: readonly CameraPlan[]): ModelKeeper {
    return new ModelKeeper(plan[0]!.store, { log: this.#options.log, changes: this.#changes })
  }

  /** What was right when it was asked for may be wrong now: then it goes on as before. */
  async #startAnew(before: CameraPlan[]): Promise<CameraPlan[]> {
    let plan: CameraPlan[] | undefined
    try {
      plan = this.#plan()
      await this.#start(plan)
      return plan
    } catch (error) {
      if (!(error instanceof EvtrackError)) throw error
      if (plan !== undefined) this.#keeper(plan).takeBack(error, modelsOf(plan))
      const { code, next, message } = error
      this.#options.log.error(`not started anew, the old configuration stays: ${message}`, {
        code,
        next,
      })
      await this.#stopAll()
      await this.#start(before)
      return before
    }
  }

  async #stopAll(): Promise<void> {
    // In the order of start reversed: the first one may hold the broker of the others.
    for (const { daemon } of [...this.#cameras].reverse()) await daemon.stop()
  }

  #operations(id: string): Operations {
    return {
      restart: async () => {
        // What cannot be read or judged now could not be started with either.
        this.#plan()
        this.#restart = true
        // After the answer has been handed to the broker.
        setImmediate(() => void this.#stopAll())
        return { ok: true, result: {} }
      },
      'camera/configure': (request) => this.#inTurn(() => this.#configure(id, request)),
    }
  }

  async #configure(id: string, request: ConfigureRequest): Promise<CommandResult> {
    const camera = this.#cameras.find((each) => each.id === id)
    const changes = this.#changes.get(id)
    if (camera === undefined || changes === undefined) {
      return { ok: false, code: 'NOT_READY', message: 'The daemon is starting.' }
    }
    const { layers, commit } = changes.plan(request)
    const next = this.#plan(new Map([[id, layers]])).find((each) => each.id === id)
    if (next === undefined) {
      return { ok: false, code: 'NOT_READY', message: 'This camera waits for a restart.' }
    }
    const plan = await this.#adopt(camera, next.config, commit)
    return { ok: true, result: { applied: plan.live, restart: plan.restart } }
  }

  /** Changes of the configuration come one after another. */
  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action)
    this.#turn = result.catch(() => {})
    return result
  }

  async #adopt(camera: Camera, next: Config, commit?: () => void) {
    const { log, onConfig } = this.#options
    const { daemon } = camera
    // A broker that was started inside has another address than the configuration names.
    const plan = planReload(daemon.config, { ...next, mqtt: sameBroker(next, daemon.config) })
    await daemon.reconfigure(plan.config, commit)
    if (camera === this.#cameras[0]) onConfig?.(plan.config)
    camera.restartNeeded = plan.restart
    log.info('configuration taken', {
      camera: camera.id === '' ? undefined : camera.id,
      applied: plan.live.join(',') || 'nothing',
      restart: plan.restart.join(',') || undefined,
    })
    return plan
  }

  #stateChanged(): void {
    const { notifier } = this.#options
    if (this.#cameras.length < this.#expected || this.#stopping) return
    const opened = this.#cameras.every(({ daemon }) => daemon.facts.inference === 'ready')
    // A camera that is not there is a state: the service is up when everything but the camera is.
    if (!this.#announced && opened) {
      this.#announced = true
      notifier.ready(this.#line())
    } else notifier.status(this.#line())
  }

  #line(): string {
    return this.#cameras
      .map(({ id, daemon }) => `${id === '' ? '' : `${id} `}${statusLine(daemon)}`)
      .join('; ')
  }

  /** A sign of life, unless a part has not moved since the last. */
  #beat(): void {
    const { log, notifier } = this.#options
    const nowMs = performance.now()
    const verdicts = this.#cameras.map(({ judge, daemon }) =>
      judge.judge(daemon.facts.progress(), nowMs),
    )
    const stuck = verdicts.find((verdict) => verdict !== 'alive') ?? ''
    if (stuck === '') notifier.alive()
    else if (stuck !== this.#stuck) {
      log.error('a thread does not move, the watchdog is not fed', { thread: stuck })
    }
    this.#stuck = stuck
  }
}
