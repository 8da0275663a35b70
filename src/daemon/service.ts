import { EvtrackError } from '../events/errors.js'
import { nowUs, systemClock } from '../events/time.js'
import type { ConfigureRequest } from '../publish/request-schema.js'
import type { CommandResult } from '../publish/requests.js'
import type { CalibrationNews } from './calibration-news.js'
import { type CameraPlan, planCameras } from './camera-plan.js'
import { configFile, type Layer, type LayerSources, readLayers } from './config-layers.js'
import { Changes } from './configure-command.js'
import { type Daemon, startDaemon } from './daemon.js'
import type { Operations } from './daemon-types.js'
import { withoutDamagedState } from './damaged-state.js'
import { type Log, logRefusal, prefixed } from './log.js'
import { ModelKeeper, modelsOf } from './model-keeper.js'
import type { Notifier } from './notify.js'
import { Pulse } from './pulse.js'
import { planReload } from './reload.js'
import type { Config } from './schema.js'
import { openSharedBroker, type SharedBroker, sameBroker } from './shared-broker.js'
import { keptConfigFile, stateDir } from './state-dir.js'
import { lockState } from './state-lock.js'
import { type StatusReport, statusLine, statusReport } from './status-report.js'
import { type CameraRun, newCameraRun, Supervision } from './supervision.js'
import { Turns } from './turns.js'
import { Watchers } from './watchers.js'

export interface ServiceOptions {
  readonly sources: LayerSources
  readonly log: Log
  readonly notifier: Notifier
  /** The configuration of the first camera, whenever it has changed: what the process itself goes by. */
  readonly onConfig?: (config: Config) => void
}

/**
 * The daemon as a service: reads the layers of the configuration, runs a daemon for each camera, takes on a changed
 * configuration, starts anew on command, and tells systemd. A camera that fails while others work is started anew alone.
 */
export class Service {
  /** News of calibrations, with the camera's id in topics. */
  readonly calibrations = new Watchers<[CalibrationNews, string]>()
  readonly #options: ServiceOptions
  readonly #changes = new Map<string, Changes>()
  /** State directories that are this process's own until it ends. */
  readonly #locks = new Map<string, () => void>()
  #cameras: CameraRun[] = []
  #supervision: Supervision | undefined
  #broker: SharedBroker | undefined
  #expected = 0
  /** Changes of the configuration come one after another. */
  readonly #turns = new Turns()
  #restart = false
  #stopping = false
  #announced = false

  constructor(options: ServiceOptions) {
    this.#options = options
  }

  /** Runs until stop(), or until a recording has ended. Rejects with EvtrackError when it cannot start or go on. */
  async run(): Promise<void> {
    const { notifier, log } = this.#options
    const { watchdogMs } = notifier
    const pulse = new Pulse(notifier, log)
    const beat = () => pulse.beat(this.#cameras)
    const timer = watchdogMs === undefined ? undefined : setInterval(beat, watchdogMs)
    try {
      let plan = await this.#startFirst()
      while (!this.#stopping) {
        try {
          await this.#supervision?.watch(this.#cameras)
        } catch (error) {
          if (this.#stopping || !this.#restart) throw error
        } finally {
          await this.#stopAll()
        }
        if (!this.#restart || this.#stopping) return
        this.#restart = false
        plan = await this.#startAnew(plan)
      }
    } finally {
      clearInterval(timer)
      notifier.stopping()
      await this.#stopAll()
      for (const release of this.#locks.values()) release()
      await notifier.close()
    }
  }

  /** Ends in order. Idempotent. */
  stop(): void {
    this.#stopping = true
    void this.#stopAll()
  }

  #supervisionOf(plan: readonly CameraPlan[]): Supervision {
    return new Supervision({
      log: this.#options.log,
      clock: systemClock,
      start: ({ id, config }) => this.#startCamera(id, config, plan),
      endsAll: (error) => {
        const inUse = modelsOf(this.#cameras.map(({ daemon }) => daemon))
        if (this.#stopping || !this.#keeper(plan).takeBack(error, inUse)) return false
        this.#restart = true
        return true
      },
      onChange: () => this.#stateChanged(),
    })
  }

  /** Reads the configuration anew and takes on what can be; an invalid one changes nothing. */
  reload(): Promise<void> {
    return this.#turns.next(() => this.#reload())
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
      logRefusal(log, 'the new configuration is not taken, the old one stays', error)
      if (plan === undefined) return
      const tried = modelsOf(plan).filter((name) => !modelsOf(this.daemons).includes(name))
      this.#keeper(plan).takeBack(error, tried)
    } finally {
      if (this.#announced) notifier.ready(statusLine(this.#cameras))
    }
  }

  /** One for each camera that runs. */
  get daemons(): readonly Daemon[] {
    return this.#cameras.flatMap(({ daemon, failure }) => (failure === undefined ? [daemon] : []))
  }

  report(): StatusReport {
    return statusReport(this.#cameras, {
      configFile: configFile(this.#options.sources).path,
      restartNeeded: [...new Set(this.#cameras.flatMap(({ restartNeeded }) => restartNeeded))],
    })
  }

  #plan(changed?: ReadonlyMap<string, readonly Layer[]>): CameraPlan[] {
    const { sources, log } = this.#options
    const changes = new Map([...this.#changes].map(([id, each]) => [id, each.layers()]))
    for (const [id, layers] of changed ?? []) changes.set(id, [...layers])
    return withoutDamagedState(log, () =>
      planCameras(readLayers(sources), { env: sources.env, changes }),
    )
  }

  /** Starts a daemon for each camera; when one cannot start, none runs. */
  async #start(plan: readonly CameraPlan[]): Promise<void> {
    const { log, sources, onConfig } = this.#options
    this.#cameras = []
    this.#expected = plan.length
    this.#supervision = this.#supervisionOf(plan)
    this.#broker = await openSharedBroker(plan.map(({ config }) => config))
    for (const { id, config } of plan) {
      if (this.#stopping) return
      if (!this.#changes.has(id)) {
        this.#changes.set(id, new Changes(keptConfigFile(config, sources.env)))
      }
      if (this.#cameras.length === 0) onConfig?.(config)
      const dir = stateDir(config, sources.env)
      if (!this.#locks.has(dir)) this.#locks.set(dir, lockState(dir, log))
      if (config.mqtt.allowInsecure) {
        log.warning('mqtt.allow_insecure: whoever reaches the broker may send requests')
      }
      const own = this.#broker?.beside(config) ?? config
      this.#cameras.push(newCameraRun({ id, daemon: await this.#startCamera(id, own, plan) }))
    }
  }

  #startCamera(id: string, config: Config, plan: readonly CameraPlan[]): Promise<Daemon> {
    const { log } = this.#options
    return startDaemon(config, {
      log: id === '' ? log : prefixed(log, id),
      hooks: {
        onCalibration: (news) => this.calibrations.tell(news, config.mqtt.cameraId),
        onState: () => this.#stateChanged(),
        onModelJudged: (name, outcome, error) => {
          const inUse = modelsOf(this.#cameras.map(({ daemon }) => daemon))
          this.#keeper(plan).judged(name, outcome, { error, camera: id, inUse })
        },
      },
      operations: this.#operations(id),
    })
  }

  /** An installed model that cannot be started with is taken back, and the one before is used. */
  async #startFirst(): Promise<CameraPlan[]> {
    const plan = this.#plan()
    try {
      await this.#start(plan)
      this.#keeper(plan).prune(modelsOf(plan))
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
      logRefusal(this.#options.log, 'not started anew, the old configuration stays', error)
      await this.#stopAll()
      await this.#start(before)
      return before
    }
  }

  async #stopAll(): Promise<void> {
    const broker = this.#broker
    this.#supervision?.stop()
    for (const { daemon } of [...this.#cameras].reverse()) await daemon.stop()
    await broker?.close()
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
      'camera/configure': (request) => this.#turns.next(() => this.#configure(id, request)),
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

  async #adopt(camera: CameraRun, next: Config, commit?: () => void) {
    const { log, onConfig } = this.#options
    const { daemon } = camera
    // A broker that was started inside has another address than the configuration names.
    const plan = planReload(daemon.config, { ...next, mqtt: sameBroker(next, daemon.config) })
    await this.#supervision?.reconfigure(camera, plan.config, commit)
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
    for (const camera of this.#cameras) this.#supervision?.settle(camera)
    const opened = this.#cameras.every(
      ({ daemon, failure }) => failure !== undefined || daemon.facts.inference === 'ready',
    )
    // A camera that is not there is a state: the service is up when everything but the camera is.
    if (!this.#announced && opened) {
      this.#announced = true
      notifier.ready(statusLine(this.#cameras))
    } else notifier.status(statusLine(this.#cameras))
  }
}
