import t from 'tap'
import {
  clockStep,
  sigkillRecording,
  sigkillSpooling,
  sigtermAnytime,
  twoDaemons,
} from './process-faults.js'
import { shortSet } from './short-set.js'

shortSet(t, [sigtermAnytime, sigkillRecording, sigkillSpooling, twoDaemons, clockStep])
