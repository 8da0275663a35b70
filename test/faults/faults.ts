import { brokerRestart, brokerSilent, brokerStall, networkBad } from './broker-faults.js'
import { cameraStall, cameraTwice, cameraUnplug, daemonStall, usbFlood } from './camera-faults.js'
import type { Fault } from './fault.js'
import { diskFull, diskReadOnly, tornConfig, tornSpool } from './file-faults.js'
import {
  clockStep,
  sigkillRecording,
  sigkillSpooling,
  sigtermAnytime,
  twoDaemons,
} from './process-faults.js'

export const FAULTS: readonly Fault[] = [
  brokerRestart,
  brokerStall,
  brokerSilent,
  networkBad,
  diskFull,
  diskReadOnly,
  tornSpool,
  tornConfig,
  cameraUnplug,
  cameraStall,
  cameraTwice,
  usbFlood,
  daemonStall,
  sigtermAnytime,
  sigkillRecording,
  sigkillSpooling,
  twoDaemons,
  clockStep,
]
