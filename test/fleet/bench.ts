import { parseArgs } from 'node:util'
import { hasMosquitto } from '../publish/real-brokers.js'
import { Fleet, type Storm, type Sustained } from './fleet.js'

/** `scripts/bench-fleet`: what one broker and one subscriber sustain of a fleet, and how it comes back. */

const { values } = parseArgs({
  options: {
    devices: { type: 'string', default: '200' },
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '20' },
    processes: { type: 'string', default: '2' },
    down: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
})
const whole = (name: 'devices' | 'rate' | 'seconds' | 'processes' | 'down') => {
  const value = Number(values[name])
  if (!Number.isInteger(value) || value < 1) {
    process.stderr.write(`--${name} is ${values[name]}: give a whole number of 1 or more.\n`)
    process.exit(2)
  }
  return value
}
if (!hasMosquitto) {
  process.stderr.write('mosquitto is missing: sudo apt-get install mosquitto\n')
  process.exit(2)
}

const devices = whole('devices')
const rate = whole('rate')
const plan = { devices, rate, seconds: whole('seconds'), processes: whole('processes') }
const say = (line: string) => values.json || process.stdout.write(`${line}\n`)
const ms = (value: number | null) => (value === null ? '–' : value.toFixed(1))
const share = (value: number) => value.toFixed(2)

say(
  'devices  offered/s  received/s  missing  dropped  p50 ms  p95 ms  p99 ms  late ms  cores: broker devices subscriber',
)
const sustained: Sustained[] = []
for (const count of ladder(devices)) {
  const fleet = await Fleet.start({ ...plan, devices: count })
  try {
    const result = await fleet.sustain()
    sustained.push(result)
    const { offered, received, missing, dropped, p50, p95, p99, lateMs, cpu } = result
    const cells: [string, number][] = [
      [String(count), 7],
      [offered.toFixed(0), 11],
      [received.toFixed(0), 12],
      [String(missing), 9],
      [String(dropped), 9],
      [ms(p50), 8],
      [ms(p95), 8],
      [ms(p99), 8],
      [lateMs.toFixed(0), 9],
      [share(cpu.broker), 15],
      [share(cpu.devices), 8],
      [share(cpu.subscriber), 11],
    ]
    say(cells.map(([text, width]) => text.padStart(width)).join(''))
  } finally {
    await fleet.close()
  }
}

const fleet = await Fleet.start(plan)
let storm: Storm
try {
  storm = await fleet.storm(whole('down'))
} finally {
  await fleet.close()
}
say(
  `\n${storm.devices} devices, broker killed for ${storm.downSeconds} s: ${storm.failedAttempts} failures told, back after ` +
    `${ms(storm.firstMs)} (first) ${ms(storm.halfMs)} (half) ${ms(storm.allMs)} ms (all), at most ${storm.busiest} connections ` +
    `in 100 ms; ${storm.eventsArrived} of ${storm.eventsOffered} events of the outage arrived`,
)
if (values.json) process.stdout.write(`${JSON.stringify({ sustained, storm }, null, 2)}\n`)

/** An eighth, a quarter, a half and all of the devices. */
function ladder(all: number): number[] {
  const steps = [all / 8, all / 4, all / 2, all].map(Math.floor).filter((count) => count >= 1)
  return [...new Set(steps)]
}
