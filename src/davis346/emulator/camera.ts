import { setImmediate as immediate } from 'node:timers/promises'
import type { Clock } from '../../events/time.js'
import type { UsbDeviceInfo } from '../../usb/port.js'
import { ENDPOINT, USB_ID } from '../registers.js'
import { BulkPipe, type BulkRequest } from './bulk-pipe.js'
import { answerControl, type Setup } from './control-endpoint.js'
import { STRINGS } from './descriptors.js'
import { type CameraIdentity, DEFAULT_IDENTITY } from './identity.js'
import { Davis346Model } from './model.js'
import { type Pace, Pacer } from './pacer.js'
import { type Stimulus, stillStimulus } from './stimulus.js'

export interface EmulatedCameraOptions {
  readonly clock: Clock
  readonly identity?: Partial<CameraIdentity>
  readonly stimulus?: Stimulus
  readonly pace?: Pace
  /** Default true. */
  readonly plugged?: boolean
  readonly busNumber?: number
}

export type ControlOutcome =
  | { readonly status: 'ok'; readonly data: Uint8Array }
  | { readonly status: 'stall' | 'gone' | 'unanswered' }

const TICK_MS = 1
const LAST_ADDRESS = 127

/**
 * One emulated camera on the bus: the model plus what USB adds. It is plugged in and out, its endpoints serve a host
 * (the in-process port or the usbfs shim), and its faults are switched on from outside. A plug-in is a power-up: all
 * registers start afresh; the stimulus goes on.
 */
export class EmulatedCamera {
  readonly pipe = new BulkPipe()
  /** Active configuration: 0 until a host selects 1, for a camera that came up unconfigured. */
  configuration = 1
  /** Who may not open it, and how control requests fail. Set through EmulatedFaults. */
  readonly disturb = {
    denied: false,
    claimedElsewhere: false,
    unconfigured: false,
    stallControl: 0,
    shortControl: 0,
    unansweredControl: 0,
    controlDelayMs: 0,
  }
  readonly #clock: Clock
  readonly #pace: Pace
  readonly #stimulus: Stimulus
  readonly #busNumber: number
  #identity: CameraIdentity
  #model: Davis346Model
  #plugged: boolean
  #address = 1
  #pacer: Pacer
  #ticking = false
  #served = false
  #claimedBy: object | undefined
  #unplugging: Promise<void> = Promise.resolve()
  readonly #plugListeners = new Set<(plugged: boolean) => void>()

  constructor(options: EmulatedCameraOptions) {
    this.#clock = options.clock
    this.#pace = options.pace ?? 'real'
    this.#stimulus = options.stimulus ?? stillStimulus
    this.#busNumber = options.busNumber ?? 1
    this.#identity = { ...DEFAULT_IDENTITY, ...options.identity }
    this.#plugged = options.plugged ?? true
    this.#pacer = this.#newPacer()
    this.#model = new Davis346Model({ identity: this.#identity, stimulus: this.#stimulus })
  }

  get identity(): CameraIdentity {
    return this.#identity
  }

  get plugged(): boolean {
    return this.#plugged
  }

  /** Registers, counters and times. A new one after each plug-in. */
  get model(): Davis346Model {
    return this.#model
  }

  get info(): UsbDeviceInfo {
    const address = {
      vendorId: USB_ID.vendor,
      productId: USB_ID.productFx3,
      bcdDevice: this.#identity.firmware,
      busNumber: this.#busNumber,
      deviceAddress: this.#address,
      speed: this.#identity.speed,
    }
    if (this.disturb.denied) return { ...address, access: 'denied' }
    return { ...address, ...STRINGS, serial: this.#identity.serial, access: 'ok' }
  }

  onPlug(listener: (plugged: boolean) => void): () => void {
    this.#plugListeners.add(listener)
    return () => this.#plugListeners.delete(listener)
  }

  /** Other firmware, logic or sensor: seen by hosts from the next plug-in on. */
  replace(identity: Partial<CameraIdentity>): void {
    this.#identity = { ...this.#identity, ...identity }
  }

  async plug(): Promise<void> {
    await this.#unplugging
    if (this.#plugged) return
    const stimulusUs = this.#model.stimulusUs
    this.#model = new Davis346Model({
      identity: this.#identity,
      stimulus: this.#stimulus,
      stimulusUs,
    })
    this.#pacer = this.#newPacer()
    this.#address = (this.#address % LAST_ADDRESS) + 1
    this.pipe.halted = false
    this.configuration = this.disturb.unconfigured ? 0 : 1
    this.#plugged = true
    for (const listener of [...this.#plugListeners]) listener(true)
  }

  /** The reads end, then the bus hears of it, or the other way round: both are seen with real hosts. */
  unplug(first: 'reads' | 'bus' = 'reads'): Promise<void> {
    if (this.#plugged) {
      this.#plugged = false
      this.#claimedBy = undefined
      this.#unplugging = this.#tellUnplugged(first)
    }
    return this.#unplugging
  }

  async #tellUnplugged(first: 'reads' | 'bus'): Promise<void> {
    const tell = () => {
      for (const listener of [...this.#plugListeners]) listener(false)
    }
    await immediate()
    if (first === 'bus') tell()
    this.pipe.fail('gone')
    await immediate()
    if (first === 'reads') tell()
  }

  /** CLAIMINTERFACE: one owner at a time. */
  claim(owner: object): boolean {
    if (this.disturb.claimedElsewhere) return false
    if (this.#claimedBy !== undefined && this.#claimedBy !== owner) return false
    this.#claimedBy = owner
    return true
  }

  release(owner: object): void {
    if (this.#claimedBy === owner) this.#claimedBy = undefined
  }

  async control(setup: Setup, data: Uint8Array): Promise<ControlOutcome> {
    const { disturb } = this
    if (disturb.controlDelayMs > 0) await this.#clock.sleep(disturb.controlDelayMs)
    else await immediate()
    if (!this.#plugged) return { status: 'gone' }
    if (disturb.unansweredControl > 0) {
      disturb.unansweredControl--
      return { status: 'unanswered' }
    }
    if (disturb.stallControl > 0) {
      disturb.stallControl--
      return { status: 'stall' }
    }
    this.#pacer.serve(this.#model, this.pipe)
    const answer = answerControl({ identity: this.#identity, model: this.#model }, setup, data)
    this.#keepTicking()
    if (!answer) return { status: 'stall' }
    const isIn = (setup.type & 0x80) !== 0
    if (isIn && disturb.shortControl > 0) {
      disturb.shortControl--
      return { status: 'ok', data: answer.subarray(0, answer.length - 1) }
    }
    return { status: 'ok', data: answer }
  }

  submit(request: BulkRequest): void {
    this.pipe.submit(request)
    if (!this.#plugged) this.pipe.fail('gone')
    else this.serveSoon()
  }

  /** CLEAR_FEATURE(ENDPOINT_HALT) also throws away what the camera had queued. */
  async clearHalt(endpoint: number): Promise<'ok' | 'gone'> {
    await immediate()
    if (!this.#plugged) return 'gone'
    if (endpoint === ENDPOINT.data) {
      this.#pacer.serve(this.#model, this.pipe)
      this.pipe.halted = false
      this.#model.fifo.flush()
    }
    return 'ok'
  }

  /** Lets `us` of device time pass at the manual pace. */
  advance(us: number): void {
    this.#pacer.manualUs += us
    this.#pacer.serve(this.#model, this.pipe)
  }

  /** Serves the host at the next turn of the event loop and then as time passes. */
  serveSoon(): void {
    if (this.#served) return
    this.#served = true
    void immediate().then(() => {
      this.#served = false
      if (!this.#plugged) return
      this.#pacer.serve(this.#model, this.pipe)
      this.#keepTicking()
    })
  }

  #newPacer(): Pacer {
    return new Pacer({ clock: this.#clock, pace: this.#pace, stimulus: this.#stimulus })
  }

  #keepTicking(): void {
    if (!this.#ticking && this.#worthTicking()) void this.#tick()
  }

  /** Time needs a push only while somebody reads a running camera; else it is made up for when somebody asks. */
  #worthTicking(): boolean {
    return (
      this.#plugged && this.#pace !== 'manual' && this.#model.streaming && this.pipe.pending > 0
    )
  }

  async #tick(): Promise<void> {
    this.#ticking = true
    while (this.#worthTicking()) {
      if (this.#pacer.ahead(this.#model, this.pipe)) await immediate()
      else await this.#clock.sleep(TICK_MS)
      if (this.#plugged) this.#pacer.serve(this.#model, this.pipe)
    }
    this.#ticking = false
  }
}
