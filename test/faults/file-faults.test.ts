import t from 'tap'
import { diskFull, diskReadOnly, tornConfig, tornSpool } from './file-faults.js'
import { shortSet } from './short-set.js'

shortSet(t, [diskFull, diskReadOnly, tornSpool, tornConfig])
