import t from 'tap'
import { cameraStall, cameraTwice, cameraUnplug, usbFlood } from './camera-faults.js'
import { shortSet } from './short-set.js'

shortSet(t, [cameraUnplug, usbFlood, cameraStall, cameraTwice])
