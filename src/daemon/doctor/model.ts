import { openSession, packageFor } from '../open-tracker.js'
import type { Config } from '../schema.js'
import { type Check, failed, ok } from './check.js'

/** The model package's hashes, and its golden vectors on the backend that would run. */
export async function checkModel(config: Config): Promise<Check[]> {
  const checks: Check[] = []
  try {
    const pkg = await packageFor(config)
    if (pkg === undefined) return [ok('model', 'The cluster tracker needs none.')]
    checks.push(
      ok('model', `${pkg.spec.name}, every hash matches (${pkg.spec.sha256.slice(0, 16)}).`),
    )
    const { graph, threads } = config.model
    const started = performance.now()
    const session = await openSession(pkg, { graph, threads, lanes: 1 })
    await session?.close()
    const ms = Math.round(performance.now() - started)
    checks.push(ok('golden run', `onnxruntime cpu ${graph} gives every golden number (${ms} ms).`))
  } catch (error) {
    checks.push(failed(checks.length === 0 ? 'model' : 'golden run', error))
  }
  return checks
}
