import { EvtrackError } from '../events/errors.js'
import type { ModelPackage } from './model-package.js'
import type { LogitSession } from './session.js'
import type { TemplateState } from './tracker-session.js'

/**
 * Runs the package's golden inputs and compares every boundary tensor for equality: the network is exact, so one
 * different number means a different network, a broken file or a backend that rounds.
 * The float graph of a package with a stated fidelity is not exact: one rounding that falls the other way changes all
 * spikes after it. It may differ from its reference by as much as twice what the int8 graph does, and no more.
 * @throws EvtrackError MODEL_INVALID naming the first tensor that differs.
 */
export async function verifyGolden(
  session: LogitSession,
  pkg: ModelPackage,
  graph: 'int8' | 'fp32' = 'int8',
): Promise<void> {
  const golden = readGolden(pkg)
  const inputs = golden.get('template.crop')!
  const crops = golden.get('search.crop')!
  const batch = inputs.shape[0]!
  const bytes = inputs.data.length / batch
  const states: TemplateState[] = []
  for (let i = 0; i < batch; i++) {
    const crop = (inputs.data as Uint8Array).subarray(i * bytes, (i + 1) * bytes)
    states.push(await session.template(crop))
  }
  for (const { name } of pkg.manifest.state) {
    const each = golden.get(`template.${name}`)!.data.length / batch
    for (let i = 0; i < batch; i++) {
      const expected = golden.get(`template.${name}`)!.data.subarray(i * each, (i + 1) * each)
      expectEqual(pkg, `template.${name}`, {
        actual: states[i]!.tensors[name]!,
        expected,
        from: i * each,
      })
    }
  }
  const logits = await session.searchLogits(crops.data as Uint8Array, states)
  for (const name of ['score', 'size', 'offset'] as const) {
    const tensor = `search.${name}_logit`
    if (graph === 'fp32' && pkg.manifest.fidelity !== null) {
      expectNear(pkg, `float.${name}_logit`, { actual: logits[name], golden, exact: tensor })
      continue
    }
    expectEqual(pkg, tensor, { actual: logits[name], expected: golden.get(tensor)!.data, from: 0 })
  }
}

export interface GoldenValues {
  readonly shape: readonly number[]
  readonly data: Uint8Array | Float32Array
}

/** Golden tensors by 'template.' or 'search.' and name, batch first. */
export function readGolden(pkg: ModelPackage): Map<string, GoldenValues> {
  const { file, tensors } = pkg.manifest.golden
  const content = pkg.files[file]!
  return new Map(
    tensors.map(({ name, dtype, shape, offset }) => {
      const length = shape.reduce((a, b) => a * b, 1)
      const start = content.byteOffset + offset
      const data =
        dtype === 'uint8'
          ? new Uint8Array(content.buffer, start, length)
          : new Float32Array(content.buffer, start, length)
      return [name, { shape, data }]
    }),
  )
}

function expectEqual(
  pkg: ModelPackage,
  tensor: string,
  {
    actual,
    expected,
    from,
  }: {
    readonly actual: ArrayLike<number>
    readonly expected: ArrayLike<number>
    readonly from: number
  },
): void {
  for (let i = 0; i < expected.length; i++) {
    if (actual[i] === expected[i]) continue
    throw new EvtrackError(
      'MODEL_INVALID',
      `Model package ${pkg.spec.name} is refused: golden tensor ${tensor} differs at element ${from + i}: ${actual[i]}, expected ${expected[i]}.`,
      {
        next: 'Copy the package again; if it differs still, this backend does not compute it exactly: choose another.',
        data: { tensor, element: from + i, actual: actual[i], expected: expected[i] },
      },
    )
  }
}

/** Mean difference that two float programs of one network may have at any rate: no spike has to fall the other way. */
const ROUNDING = 1e-3

function expectNear(
  pkg: ModelPackage,
  tensor: string,
  {
    actual,
    golden,
    exact,
  }: {
    readonly actual: Float32Array
    readonly golden: ReadonlyMap<string, GoldenValues>
    readonly exact: string
  },
): void {
  const expected = golden.get(tensor)!.data
  const limit = 2 * meanDifference(golden.get(exact)!.data, expected) + ROUNDING
  const found = meanDifference(actual, expected)
  if (found <= limit) return
  throw new EvtrackError(
    'MODEL_INVALID',
    `Model package ${pkg.spec.name} is refused: golden tensor ${tensor} differs by ${found.toFixed(4)} on average, expected at most ${limit.toFixed(4)}.`,
    {
      next: 'Copy the package again; if it differs still, use the int8 graph, which is exact.',
      data: { tensor, difference: found, limit },
    },
  )
}

function meanDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < b.length; i++) sum += Math.abs(a[i]! - b[i]!)
  return sum / b.length
}
