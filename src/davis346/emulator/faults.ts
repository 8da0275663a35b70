import type { EmulatedCamera } from './camera.js'
import type { CameraIdentity } from './identity.js'

/** What can go wrong with a camera, on command. */
export interface CameraFaults {
  /** The data endpoint halts: reads end with a stall until the host clears it. */
  stallBulk(): void
  /** The reads in flight end with a bus error. */
  failBulk(): void
  /** The next `count` control requests stall. */
  stallControl(count?: number): void
  /** The next `count` IN requests return one byte too few. */
  shortControl(count?: number): void
  /** The next `count` control requests are never answered. */
  hangControl(count?: number): void
  /** Every control request takes `ms` from now on; 0 ends it. */
  slowControl(ms: number): void
  /** The camera accepts everything and sends nothing. */
  silence(on: boolean): void
  /** The next `count` completed transfers are lost on the bus. */
  loseTransfers(count?: number): void
  /** `count` pseudo-random words in the stream; the same seed gives the same words. */
  garbage(count: number, seed?: number): void
  /** A transfer with an odd number of bytes. */
  oddByte(): void
  /** The timestamps restart without a request, as over a sync cable. */
  resetTimestamps(): void
  /** No permission to open. */
  deny(on: boolean): void
  /** Another program has claimed the interface. */
  claimElsewhere(on: boolean): void
  /** From the next plug-in on: no configuration is active, as on a system that leaves devices alone. */
  unconfigured(on: boolean): void
  /** Other firmware, logic or sensor, from the next plug-in on. */
  replace(identity: Partial<CameraIdentity>): void
  plug(): Promise<void>
  /** 'reads': pending reads end before the bus reports the unplug; 'bus': after. */
  unplug(first?: 'reads' | 'bus'): Promise<void>
}

export function createFaults(camera: EmulatedCamera): CameraFaults {
  const { disturb, pipe } = camera
  return {
    stallBulk() {
      pipe.halted = true
      camera.serveSoon()
    },
    failBulk: () => pipe.fail('error'),
    stallControl: (count = 1) => {
      disturb.stallControl = count
    },
    shortControl: (count = 1) => {
      disturb.shortControl = count
    },
    hangControl: (count = 1) => {
      disturb.unansweredControl = count
    },
    slowControl: (ms) => {
      disturb.controlDelayMs = ms
    },
    silence(on) {
      pipe.silent = on
      camera.serveSoon()
    },
    loseTransfers: (count = 1) => {
      pipe.loseTransfers = count
    },
    garbage(count, seed = 1) {
      const words = new Uint16Array(count)
      let state = seed >>> 0 || 1
      for (let i = 0; i < count; i++) {
        state ^= state << 13
        state ^= state >>> 17
        state ^= state << 5
        words[i] = state & 0xffff
      }
      camera.model.inject(words)
      camera.serveSoon()
    },
    oddByte() {
      camera.model.fifo.pushStrayByte(0x5a)
      camera.serveSoon()
    },
    resetTimestamps: () => camera.model.reset(),
    deny: (on) => {
      disturb.denied = on
    },
    claimElsewhere: (on) => {
      disturb.claimedElsewhere = on
    },
    unconfigured: (on) => {
      disturb.unconfigured = on
    },
    replace: (identity) => camera.replace(identity),
    plug: () => camera.plug(),
    unplug: (first) => camera.unplug(first),
  }
}
