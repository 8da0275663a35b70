import { parseArgs } from 'node:util'
import { FaultBench } from './bench.js'
import { FAULTS } from './faults.js'

/** `scripts/faults`: runs faults by name and prints what was promised, what was seen. */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    list: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '1' },
    long: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})
const rounds = values.long ? 25 : Number(values.rounds)
const seed = Number(values.seed)
if (!Number.isInteger(rounds) || rounds < 1 || !Number.isInteger(seed)) {
  process.stderr.write('--rounds and --seed want whole numbers.\n')
  process.exit(2)
}
const unknown = positionals.filter((name) => !FAULTS.some((fault) => fault.name === name))
if (unknown.length > 0) {
  process.stderr.write(`There is no fault ${unknown.join(', ')}. See scripts/faults --list.\n`)
  process.exit(2)
}
if (values.list) {
  for (const { name, title, promise, short } of FAULTS) {
    process.stdout.write(
      `${name}${short ? ' (short set)' : ''}\n    ${title}\n    promised: ${promise}\n`,
    )
  }
  process.exit(0)
}

let failed = 0
for (const fault of FAULTS) {
  if (positionals.length > 0 && !positionals.includes(fault.name)) continue
  const skip = fault.skip?.() ?? false
  if (skip !== false) {
    process.stdout.write(`skip  ${fault.name}: ${skip}\n`)
    continue
  }
  const started = performance.now()
  const bench = await FaultBench.open(seed)
  try {
    const seen = await fault.run(bench, rounds)
    const seconds = ((performance.now() - started) / 1000).toFixed(0)
    if (values.json)
      process.stdout.write(`${JSON.stringify({ fault: fault.name, seed, rounds, seen })}\n`)
    else {
      const words = Object.entries(seen).map(
        ([name, value]) => `${name.replaceAll('_', ' ')} ${value}`,
      )
      process.stdout.write(`ok    ${fault.name} (${seconds} s): ${words.join(', ')}\n`)
    }
  } catch (error) {
    failed += 1
    const text = error instanceof Error ? error.message : String(error)
    process.stdout.write(`FAIL  ${fault.name}: ${text}\n`)
    process.stdout.write(`${bench.daemon?.log.split('\n').slice(-15).join('\n')}\n`)
  } finally {
    await bench.close()
  }
}
process.exit(failed === 0 ? 0 : 1)
