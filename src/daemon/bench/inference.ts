import type { ModelPackage } from '../../inference/model-package.js'
import { createTrackerSession } from '../../inference/session.js'

export interface InferenceResult {
  readonly model: string
  readonly graph: 'int8' | 'fp32'
  readonly batch: number
  readonly runs: number
  readonly msP50: number
  readonly msP99: number
  readonly msMin: number
}

/** Times one search inference of `batch` targets on this thread, on the package's golden crops. */
export async function benchInference(
  pkg: ModelPackage,
  options: { readonly graph: 'int8' | 'fp32'; readonly batch: number; readonly runs: number },
): Promise<InferenceResult> {
  const { graph, batch, runs } = options
  const session = await createTrackerSession(pkg, { graph, threads: 1 })
  try {
    const { templateSize, searchSize, planes } = session.spec
    const golden = (name: string, bytes: number) => {
      const tensor = pkg.manifest.golden.tensors.find((t) => t.name === name)!
      return pkg.files[pkg.manifest.golden.file]!.slice(tensor.offset, tensor.offset + bytes)
    }
    const template = golden('template.crop', planes.length * templateSize ** 2)
    const one = golden('search.crop', planes.length * searchSize ** 2)
    const crops = new Uint8Array(one.length * batch)
    for (let i = 0; i < batch; i++) crops.set(one, i * one.length)
    const state = await session.template(template)
    const states = Array.from({ length: batch }, () => state)
    const times: number[] = []
    for (let i = 0; i < runs + 5; i++) {
      const started = performance.now()
      await session.search(crops, states)
      if (i >= 5) times.push(performance.now() - started)
    }
    times.sort((a, b) => a - b)
    const at = (share: number) =>
      times[Math.min(times.length - 1, Math.floor(share * times.length))]!
    return {
      model: pkg.spec.name,
      graph,
      batch,
      runs,
      msP50: at(0.5),
      msP99: at(0.99),
      msMin: times[0]!,
    }
  } finally {
    await session.close()
  }
}
