// Times searches of a model package in the runtime: `time-package.mjs FOLDER GRAPH`. Answers each line on standard input
// with the processor milliseconds of one search, on one thread, on the package's first golden crops.
import { createInterface } from 'node:readline'
import { readGolden } from '../../dist/src/inference/golden.js'
import { loadModelPackage } from '../../dist/src/inference/model-package.js'
import { createTrackerSession } from '../../dist/src/inference/session.js'

const [dir, graph] = process.argv.slice(2)
const pkg = await loadModelPackage(dir)
const session = await createTrackerSession(pkg, { graph, threads: 1 })
const golden = readGolden(pkg)
const first = (name) => {
  const { data, shape } = golden.get(name)
  return data.slice(0, data.length / shape[0])
}
const crop = first('search.crop')
const state = await session.template(first('template.crop'))
process.stdout.write('ready\n')
for await (const _ of createInterface({ input: process.stdin })) {
  const began = process.cpuUsage()
  await session.search(crop, [state])
  const { user, system } = process.cpuUsage(began)
  process.stdout.write(`${(user + system) / 1000}\n`)
}
await session.close()
