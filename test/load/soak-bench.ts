import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { soak } from './soak.js'
import { soakPlot } from './soak-plot.js'

/** `scripts/soak`: prints a line a sample, writes OUT.svg and OUT.json. */

const { values } = parseArgs({
  options: {
    scene: { type: 'string', default: 'demo' },
    hours: { type: 'string', default: '24' },
    minutes: { type: 'string', default: '60' },
    every: { type: 'string', default: '20' },
    out: { type: 'string', default: 'soak' },
  },
})
const { scene, out } = values
const plan = {
  scene,
  hours: Number(values.hours),
  minutes: Number(values.minutes),
  everySeconds: Number(values.every),
}
if (!(plan.hours > 0 && plan.minutes > 0 && plan.everySeconds > 0)) {
  process.stderr.write(
    '--hours (of device time), --minutes and --every (seconds) want numbers above 0.\n',
  )
  process.exit(2)
}
const fixed = (value: number | null) => (value === null ? '–' : value.toFixed(2))
const { samples, requests, refused, state } = await soak(plan, (sample) => {
  const { minutes, hours, rssMb, heapMb, descriptors, p50, p99 } = sample
  process.stdout.write(
    `${minutes.toFixed(1)} min, ${hours.toFixed(2)} h of device time: ${rssMb.toFixed(0)} MB resident, ` +
      `${heapMb.toFixed(0)} MB heap, ${descriptors} files, window p50 ${fixed(p50)} p99 ${fixed(p99)} ms\n`,
  )
})
const last = samples.at(-1)!
const half = (from: number, to: number) => {
  const part = samples.slice(Math.floor(samples.length * from), Math.floor(samples.length * to))
  return part.reduce((sum, sample) => sum + sample.rssMb, 0) / part.length
}
const summary =
  `${last.hours.toFixed(1)} h of "${scene}" in ${last.minutes.toFixed(0)} min, ${requests} requests, ` +
  `${refused.length} refused; resident ${half(0.25, 0.5).toFixed(0)} MB in the second quarter, ${half(0.75, 1).toFixed(0)} MB in the last`
writeFileSync(`${out}.svg`, soakPlot(samples, summary))
writeFileSync(`${out}.json`, `${JSON.stringify({ plan, samples, requests, refused, state })}\n`)
process.stdout.write(`${summary}; the daemon is ${state}\n`)
for (const each of new Set(refused)) process.stdout.write(`refused: ${each}\n`)
