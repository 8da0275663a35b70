import type { BackendReport } from '../../inference/backends/backend.js'
import type { ModelPackage } from '../../inference/model-package.js'
import { trialText } from '../backend-news.js'
import { openSession } from '../open-model.js'
import { packageFor } from '../open-tracker.js'
import type { Config } from '../schema.js'
import { type Check, failed, ok, warn } from './check.js'

/** The model package's hashes, its golden vectors on the CPU, and how the configured backend does. */
export async function checkModel(config: Config): Promise<Check[]> {
  const checks: Check[] = []
  try {
    const pkg = await packageFor(config)
    if (pkg === undefined) return [ok('model', 'The cluster tracker needs none.')]
    checks.push(
      ok('model', `${pkg.spec.name}, every hash matches (${pkg.spec.sha256.slice(0, 16)}).`),
    )
    checks.push(...(await checkBackend(pkg, config)))
  } catch (error) {
    checks.push(failed(checks.length === 0 ? 'model' : 'golden run', error))
  }
  return checks
}

async function checkBackend(pkg: ModelPackage, { model, inference }: Config): Promise<Check[]> {
  const { graph, threads } = model
  const started = performance.now()
  const { session, backend } = await openSession(pkg, { graph, threads, lanes: 1, inference })
  const ms = Math.round(performance.now() - started)
  const golden = ok('golden run', `onnxruntime cpu ${graph} gives every golden number (${ms} ms).`)
  try {
    await backend?.settled
    return backend === undefined ? [golden] : [golden, backendCheck(backend.report)]
  } finally {
    await session.close()
  }
}

function backendCheck({ wanted, description, fallback, trials }: BackendReport): Check {
  const told = trials.map(trialText).join('; ')
  if (!fallback) return ok('backend', `${description}${told === '' ? '' : `: ${told}`}.`)
  return warn(
    'backend',
    `${wanted} cannot be used, the CPU computes instead: ${told}.`,
    'See docs/runner.md and docs/jetson.md for what it needs, or set inference.backend = "cpu".',
  )
}
