import { MODULE, REG } from '../registers.js'
import { SPECIAL, WRAP_US } from '../words.js'
import { ApsProducer } from './aps.js'
import { apsBiased, dvsBiased, responseOf } from './bias-model.js'
import { DvsProducer, type DvsSpan } from './dvs.js'
import { ExternalDetector, SignalGenerator } from './external.js'
import { GatedClock } from './gated-clock.js'
import { type CameraIdentity, cyclesPerUs } from './identity.js'
import { ImuProducer } from './imu.js'
import { PacketFifo } from './packet-fifo.js'
import { RegisterFile } from './register-file.js'
import { drawGradient, type Stimulus } from './stimulus.js'
import { Timeline } from './timeline.js'

/** Room that one step of any producer needs at most: half a column, a frame start, an IMU sample. */
const STEP_WORDS = 512
const MAX_STEP_US = 1000
/** The wrap counter of the logic has 12 bits. */
const WRAPS_BEFORE_RESET = 4096

/**
 * The logic and the sensor of a DAVIS346 without its USB side: registers in, words out. Pure: time enters as uptime in
 * whole microseconds through `advance`, and nothing happens by itself.
 *
 * The sections in brackets are those of the device notes this follows.
 * Modelled: register file, read-only and unknown registers (§3); both orientations (§4); DVS silent and APS white
 * until their biases are enabled and the bias generator is on (§5, §6); any order of run bits, nothing leaves but with
 * multiplexer and USB on, time stands still without 0/1 (§6); timestamps, wraps, multiple wraps after a stall, resets
 * (§7); row-only suppression; global and rolling shutter frames, ROI, latched exposure, snapshot (§8); IMU (§9);
 * external input and generator (§10); filters and their counters (§11); early packets, buffers of 8 KiB (§1, §6.6);
 * loss counted as 0/4, 0/5, 1/4, 2/5 say (§3).
 * The pixels' biases reach the stimulus, which makes the events.
 * Not modelled: the settling of biases, the values of all others; the limit of 12 million events/s; colour; the value
 * 0x7FFF that precedes data while a wrap waits (a wrap always goes first); the maintenance requests of §2.2; a stalled
 * arbiter (1/4) keeps scripted events but not those of a repeating stimulus.
 */
export class Davis346Model {
  readonly registers: RegisterFile
  readonly fifo: PacketFifo
  /** Microseconds since power-up. */
  nowUs = 0
  readonly #identity: CameraIdentity
  readonly #stimulus: Stimulus
  readonly #timeline: Timeline
  readonly #dvs: DvsProducer
  readonly #aps: ApsProducer
  readonly #imu: ImuProducer
  readonly #detector: ExternalDetector
  readonly #generator: SignalGenerator
  /** The timestamp counter. */
  readonly #counter = new GatedClock(0)
  /** Stimulus time: runs while a producer is on. */
  readonly #world: GatedClock
  #muxOn = false
  #biasesChanged = false
  #packetSince = Number.POSITIVE_INFINITY
  #packet = 0
  #edge: { readonly tUs: number; readonly high: boolean } | undefined

  /** `stimulusUs`: stimulus time at power-up. */
  constructor(options: { identity: CameraIdentity; stimulus: Stimulus; stimulusUs?: number }) {
    const { identity, stimulus } = options
    const packetBytes = identity.speed === 'super' ? 1024 : 512
    this.#identity = identity
    this.#stimulus = stimulus
    this.#world = new GatedClock(options.stimulusUs ?? 0)
    this.registers = new RegisterFile(identity)
    this.fifo = new PacketFifo({ buffers: 12, bufferBytes: packetBytes * 8, packetBytes })
    this.#timeline = new Timeline(this.fifo)
    const parts = { identity, stimulus, registers: this.registers, fifo: this.fifo }
    this.#dvs = new DvsProducer({ ...parts, timeline: this.#timeline, startUs: this.stimulusUs })
    this.#aps = new ApsProducer(this.registers, identity)
    this.#imu = new ImuProducer(this.registers, identity)
    this.#detector = new ExternalDetector(this.registers, identity)
    this.#generator = new SignalGenerator(this.registers, identity)
  }

  /** Value of the timestamp counter. */
  get counterUs(): number {
    return this.#counter.at(this.nowUs)
  }

  get stimulusUs(): number {
    return this.#world.at(this.nowUs)
  }

  /** Events whose column word entered the USB buffers. */
  get sentEvents(): number {
    return this.#dvs.sentEvents
  }

  /** Data can leave: multiplexer and USB transfer are on. */
  get streaming(): boolean {
    return this.#muxOn && this.registers.on(REG.usbRun)
  }

  /** A producer is on. */
  get watching(): boolean {
    return this.#world.running
  }

  /** A register write; the model must have been advanced to its time. */
  write(module: number, parameter: number, value: number): void {
    const r = this.registers
    const resetBefore = r.get(REG.muxTimestampReset)
    r.write(module, parameter, value)
    if (module === MODULE.mux) {
      if (resetBefore === 0 && r.on(REG.muxTimestampReset) && this.#identity.master) this.reset()
      this.#counter.run(r.on(REG.muxTimestampRun), this.nowUs)
      if (r.on(REG.muxRun) && !this.#muxOn) this.#timeline.restart()
      this.#muxOn = r.on(REG.muxRun)
      if (!r.on(REG.muxRunChip)) this.#aps.abort()
    }
    if (module === MODULE.bias) this.#biasesChanged = true
    if (module === MODULE.dvs) this.#dvs.configure()
    if (module === MODULE.imu) this.#imu.configure(this.nowUs)
    if (module === MODULE.external) this.#generator.configure(this.nowUs)
    if (module === MODULE.mux || module === MODULE.aps)
      this.#aps.run(r.on(REG.apsRun) && r.on(REG.muxRunChip), this.nowUs)
    const watching =
      this.#dvsOn() ||
      r.on(REG.apsRun) ||
      r.on(REG.externalRunDetector) ||
      this.#imu.nextUs !== Number.POSITIVE_INFINITY
    this.#world.run(watching, this.nowUs)
  }

  /** The counter restarts at 0: a request of the host, or of a sync cable without the host asking. */
  reset(): void {
    this.#counter.set(0, this.nowUs)
    if (this.#muxOn) this.#timeline.reset()
    this.#dvs.interrupt()
  }

  /** Puts arbitrary words into the stream. */
  inject(words: Uint16Array): void {
    this.fifo.push(words, 0, words.length)
    this.#dvs.interrupt()
    this.#notePacket()
  }

  /**
   * Lets time pass until `untilUs`. While the buffers are full, time stands still (the host may still read) unless
   * uptime is below `dropBeforeUs`: then it passes and data are lost as the registers say. Returns the uptime reached.
   */
  advance(untilUs: number, dropBeforeUs: number): number {
    while (this.nowUs < untilUs) {
      if (this.streaming && this.nowUs >= dropBeforeUs && this.fifo.freeWords < STEP_WORDS) break
      // Time below `dropBeforeUs` is spent first, so that a step is either allowed to lose events or not.
      const limitUs = this.nowUs < dropBeforeUs ? Math.min(untilUs, dropBeforeUs) : untilUs
      const mayDrop = limitUs <= dropBeforeUs
      this.#pass(this.#produceDvs(this.#nextStep(limitUs), mayDrop))
    }
    return this.nowUs
  }

  #dvsOn(): boolean {
    const r = this.registers
    return r.on(REG.dvsRun) && r.on(REG.muxRunChip)
  }

  /** Uptime at which something other than a DVS event happens next, `limitUs` at most. */
  #nextStep(limitUs: number): number {
    let next = Math.min(limitUs, this.#aps.nextUs, this.#imu.nextUs, this.#generator.nextUs)
    if (this.#counter.running)
      next = Math.min(next, this.nowUs + WRAP_US - (this.counterUs % WRAP_US))
    next = Math.min(next, this.#packetSince + this.#earlyPacketUs())
    if (this.#world.running) {
      // Short steps, so that an early packet is not later than its delay.
      next = Math.min(next, this.nowUs + MAX_STEP_US)
      this.#edge ??= this.#stimulus.edge?.(this.stimulusUs + limitUs - this.nowUs)
      if (this.#edge) next = Math.min(next, this.nowUs + this.#edge.tUs - this.stimulusUs)
    }
    return Math.max(this.nowUs, next)
  }

  #earlyPacketUs(): number {
    const cycles = this.registers.get(REG.usbEarlyPacketDelay)
    return Math.max(1, Math.floor(cycles / cyclesPerUs(this.#identity, 'usb')))
  }

  /** Produces events before `stepUs`; returns the uptime reached. */
  #produceDvs(stepUs: number, mayDrop: boolean): number {
    const blocked = !this.streaming || !this.#timeline.catchUp(this.counterUs)
    if (!this.#world.running || stepUs === this.nowUs) return stepUs
    if (this.#biasesChanged && dvsBiased(this.registers)) {
      this.#biasesChanged = false
      this.#stimulus.bias?.(responseOf(this.registers))
    }
    const startUs = this.stimulusUs
    const untilUs = startUs + stepUs - this.nowUs
    const mode = this.#dvsMode(mayDrop || !this.streaming)
    const reachedUs = this.#dvs.produce({
      untilUs,
      offsetUs: this.counterUs - startUs,
      frozenUs: this.#counter.running ? -1 : this.counterUs,
      mode,
      blocked,
    })
    // A stalled arbiter does not stop time; its events leave late.
    const leftUs = mode === 'hold' ? 0 : untilUs - Math.min(reachedUs, untilUs)
    this.#notePacket(stepUs - leftUs)
    return stepUs - leftUs
  }

  #dvsMode(mayDrop: boolean): DvsSpan['mode'] {
    if (!this.#muxOn || !this.#dvsOn() || !dvsBiased(this.registers)) return 'discard'
    if (!mayDrop) return 'emit'
    if (this.registers.on(REG.muxDropDvsOnStall)) return 'drop'
    const hold = this.registers.on(REG.dvsWaitOnStall) && !this.#stimulus.period
    return hold ? 'hold' : 'lose'
  }

  /** Time becomes `nowUs`; what is due happens, in the multiplexer's order. */
  #pass(nowUs: number): void {
    this.nowUs = nowUs
    if (this.#muxOn && this.#timeline.pendingWraps(this.counterUs) >= WRAPS_BEFORE_RESET)
      this.reset()
    if (this.streaming) this.#timeline.catchUp(this.counterUs)
    this.#passAps()
    if (this.#imu.nextUs <= nowUs) {
      this.#send(this.#imu.words(this.#stimulus.imu?.(this.stimulusUs)))
      this.#imu.schedule(nowUs)
    }
    this.#passExternal()
    this.#notePacket()
    if (nowUs >= this.#packetSince + this.#earlyPacketUs()) this.fifo.handOver()
    this.#notePacket()
  }

  #passAps(): void {
    const aps = this.#aps
    while (aps.nextUs <= this.nowUs) {
      if (aps.starting) {
        const exposureUs = this.registers.get(REG.apsExposure) / cyclesPerUs(this.#identity, 'adc')
        aps.begin(this.nowUs, {
          draw: (into) => {
            if (!this.#stimulus.image) drawGradient(into)
            else this.#stimulus.image(this.stimulusUs, into, exposureUs)
          },
          biased: apsBiased(this.registers),
        })
      }
      const blocked = this.#muxOn && (!this.streaming || this.fifo.freeWords < STEP_WORDS)
      if (blocked && this.registers.on(REG.apsWaitOnStall)) {
        aps.postpone(this.nowUs)
        return
      }
      const words = aps.words()
      if (aps.stamped) this.#send(words)
      else this.#sendBare(words)
      if (aps.closesColumn) this.#send(Uint16Array.of(SPECIAL.columnEnd))
      aps.advance(this.nowUs)
    }
  }

  #passExternal(): void {
    while (this.#edge && this.#edge.tUs <= this.stimulusUs) {
      for (const special of this.#detector.specials(this.#edge)) this.#sendExternal(special)
      this.#edge = this.#stimulus.edge?.(this.stimulusUs + 1)
    }
    while (this.#generator.nextUs <= this.nowUs) {
      const special = this.#generator.edge()
      if (special !== 0) this.#sendExternal(special)
    }
  }

  #sendExternal(special: number): void {
    if (this.#send(Uint16Array.of(special)) || !this.#muxOn) return
    this.registers.counters.muxStatisticsExternalDropped++
  }

  /** Sends words with a timestamp in front when time has changed. All or nothing; false when there is no room. */
  #send(words: Uint16Array): boolean {
    if (!this.streaming || this.fifo.freeWords < words.length + 3) return false
    this.#timeline.stamp(this.counterUs)
    return this.#sendBare(words)
  }

  #sendBare(words: Uint16Array): boolean {
    if (!this.streaming || this.fifo.freeWords < words.length) return false
    this.fifo.push(words, 0, words.length)
    this.#dvs.interrupt()
    return true
  }

  /**
   * Keeps the time since which words wait in the buffer that is being filled. Of a step until `endUs` only its bounds
   * are known: the first word after silence may be as old as its start, the first one of a next buffer is newer.
   */
  #notePacket(endUs = this.nowUs): void {
    if (!this.fifo.filling) this.#packetSince = Number.POSITIVE_INFINITY
    else if (this.#packet !== this.fifo.handovers) this.#packetSince = endUs
    else if (this.#packetSince === Number.POSITIVE_INFINITY) this.#packetSince = this.nowUs
    this.#packet = this.fifo.handovers
  }
}
