import { modelDir, modelNames } from '../daemon/models.js'
import { EvtrackError } from '../events/errors.js'
import { BACKENDS, type Backend, type Difference } from '../inference/difference-ledger.js'
import { loadModelPackage, type ModelPackage } from '../inference/model-package.js'
import { createTrackerSession } from '../inference/session.js'
import { type Verification, verifyLayers } from '../inference/verify-layers.js'
import { print, printJson, table } from './output.js'

interface VerifyOptions {
  readonly backend: Backend | 'all'
  readonly random: string
  readonly json?: boolean
}

/**
 * Runs every layer of a package on every backend and prints what differs. Exit status 1 at any difference; a package that
 * cannot be opened at all is refused by an error (exit 78).
 */
export async function verify(name: string | undefined, options: VerifyOptions): Promise<void> {
  const backends = options.backend === 'all' ? BACKENDS : [options.backend]
  const random = parseCount(options.random)
  const reports = []
  for (const each of name === undefined ? modelNames() : [name]) {
    const pkg = await loadModelPackage(modelDir(each))
    const { name: model, sha256 } = pkg.spec
    const verification =
      pkg.network === null
        ? await verifyOutputs(pkg, backends)
        : await verifyLayers(pkg, { backends, random })
    reports.push({ model, sha256, backends, ...verification })
  }
  if (options.json) printJson(reports)
  else for (const report of reports) printReport(report)
  if (reports.some((report) => !report.exact)) process.exitCode = 1
}

function parseCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 0 && count <= 1000) return count
  throw new EvtrackError('CONFIG_INVALID', `--random ${text} is no number of inputs.`, {
    next: 'Give a whole number from 0 to 1000, for example --random 8.',
  })
}

/** A package that describes no integers has its golden vectors only; a difference throws. */
async function verifyOutputs(
  pkg: ModelPackage,
  backends: readonly Backend[],
): Promise<Verification> {
  for (const backend of backends) {
    if (backend === 'executor') continue
    const session = await createTrackerSession(pkg, {
      graph: backend === 'cpu-int8' ? 'int8' : 'fp32',
    })
    await session.close()
  }
  const inputs = pkg.manifest.golden.tensors[0]?.shape[0] ?? 0
  return {
    exact: true,
    inputs: Array.from({ length: inputs }, (_, i) => `golden ${i + 1}`),
    layers: [],
    firstDifference: null,
    proof: null,
  }
}

type Report = Verification & { readonly model: string; readonly backends: readonly Backend[] }

function printReport({ model, backends, exact, inputs, layers, firstDifference, proof }: Report) {
  print(`${model}: ${inputs.join(', ')}`)
  if (layers.length > 0) {
    print(
      table(
        ['part', 'layer', 'kind', 'shape', 'spikes', 'rate', ...backends.map((b) => `Δ ${b}`)],
        layers.map((layer) => [
          layer.part,
          layer.name,
          layer.kind,
          layer.shape.join('x'),
          layer.spikes === null ? '' : String(layer.spikes),
          layer.rate === null ? '' : layer.rate.toFixed(3),
          ...backends.map((backend) => String(layer.maxDifference[backend] ?? '')),
        ]),
      ),
    )
    print('spikes, rate: sum and mean per neuron over the golden inputs.')
    print(
      'Δ: largest difference over all inputs; executor: to the golden vectors, others: to the executor.',
    )
  }
  if (proof === null)
    print(
      'The package describes no integers: golden vectors only (equal; a float graph with a stated fidelity: near).',
    )
  else {
    const { largestSum, limit, problems } = proof
    print(
      problems.length === 0
        ? `For any input: no sum exceeds ${largestSum} (float32 is exact below ${limit}), no rounding meets a tie.`
        : problems.join('\n'),
    )
  }
  const verdict = proof === null ? 'golden vectors match' : 'exact'
  const where = firstDifference === null ? '' : `: ${describe(firstDifference)}`
  print(`${model}: ${exact ? verdict : `NOT EXACT${where}`}`)
}

function describe({ backend, part, layer, input, against, difference }: Difference): string {
  return `first at layer ${layer} of the ${part}: ${backend} differs from the ${against} by ${difference} on ${input}`
}
