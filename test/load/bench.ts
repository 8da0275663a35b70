import { parseArgs } from 'node:util'
import { load } from './load.js'

/** `scripts/bench-load`: the whole daemon under events as fast as the sensor makes them, with many targets. */

const { values } = parseArgs({
  options: {
    rates: { type: 'string', default: '1,4,8,12,24' },
    targets: { type: 'string', default: '8' },
    seconds: { type: 'string', default: '15' },
    json: { type: 'boolean', default: false },
  },
})
const rates = values.rates.split(',').map(Number)
const [targets, seconds] = [Number(values.targets), Number(values.seconds)]
if (![...rates, targets, seconds].every((value) => value > 0)) {
  process.stderr.write('--rates, --targets and --seconds want numbers above 0.\n')
  process.exit(2)
}

const ms = (value: number | null) => (value === null ? '–' : value.toFixed(1))
for (const rate of rates) {
  const result = await load({ eventsPerSecond: rate * 1e6, targets, seconds })
  if ('unavailable' in result) {
    process.stderr.write(`${result.unavailable}\n`)
    process.exit(1)
  }
  if (values.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`)
    continue
  }
  const { made, taken, drops, messages, p50, p99, daemonCores, cameraCores, rssMb, state } = result
  const lost = Object.entries(drops).filter(([, count]) => count > 0)
  process.stdout.write(
    `${rate} M events/s, ${targets} targets, ${seconds} s: camera made ${(made / 1e6).toFixed(2)} M/s, taken ` +
      `${(taken / 1e6).toFixed(2)} M/s, ${messages.toFixed(1)} messages/s, age p50 ${ms(p50)} p99 ${ms(p99)} ms, ` +
      `daemon ${daemonCores.toFixed(2)} cores (camera ${cameraCores.toFixed(2)}), ${rssMb.toFixed(0)} MB, ${state}; lost: ` +
      `${lost.map(([hop, count]) => `${hop} ${count}`).join(', ') || 'nothing'}\n`,
  )
}
