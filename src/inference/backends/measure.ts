import { readGolden } from '../golden.js'
import type { ModelPackage } from '../model-package.js'
import type { TrackerSession } from '../tracker-session.js'

const RUNS = 5

/** Median time of a search of one target on the package's first golden crops, milliseconds. */
export async function searchTime(session: TrackerSession, pkg: ModelPackage): Promise<number> {
  const golden = readGolden(pkg)
  const first = (name: string) => {
    const { shape, data } = golden.get(name)!
    return (data as Uint8Array).slice(0, data.length / shape[0]!)
  }
  const state = await session.template(first('template.crop'))
  const crop = first('search.crop')
  const times: number[] = []
  for (let i = 0; i < RUNS; i++) {
    const started = performance.now()
    await session.search(crop, [state])
    times.push(performance.now() - started)
  }
  return times.toSorted((a, b) => a - b)[RUNS >> 1]!
}
