import t from 'tap'
import { brokerRestart, brokerSilent, brokerStall, networkBad } from './broker-faults.js'
import { shortSet } from './short-set.js'

shortSet(t, [brokerRestart, brokerStall, brokerSilent, networkBad])
