import { createRng } from '../sources/scene/rng.js'
import { readGolden } from './golden.js'
import type { ModelPackage } from './model-package.js'

/** A template and a search crop to verify a network with. */
export interface VerificationInput {
  /** `golden 1`, `random 3 (dense)`. */
  readonly name: string
  readonly template: Uint8Array
  readonly search: Uint8Array
  /** What golden.bin holds of this input, by 'template.' or 'search.' and name; none for random inputs. */
  readonly expected: ReadonlyMap<string, Uint8Array | Float32Array>
}

export function goldenInputs(pkg: ModelPackage): VerificationInput[] {
  const golden = readGolden(pkg)
  const batch = golden.get('template.crop')!.shape[0]!
  return Array.from({ length: batch }, (_, i) => {
    const expected = new Map<string, Uint8Array | Float32Array>()
    for (const [name, { data }] of golden) {
      const each = data.length / batch
      expected.set(name, data.subarray(i * each, (i + 1) * each))
    }
    const template = expected.get('template.crop') as Uint8Array
    const search = expected.get('search.crop') as Uint8Array
    expected.delete('template.crop')
    expected.delete('search.crop')
    return { name: `golden ${i + 1}`, template, search, expected }
  })
}

/**
 * Inputs that nobody chose, the same for the same seed. First one of each kind: a sparse crop as events make them, a dense
 * one of any bytes, an empty and a saturated one (the least and the largest sums); then sparse and dense in turn.
 */
export function randomInputs(pkg: ModelPackage, count: number, seed = 1): VerificationInput[] {
  const { planes, templateSize, searchSize } = pkg.spec
  const rng = createRng(seed)
  return Array.from({ length: count }, (_, i) => {
    const kind = KINDS[i] ?? (i % 2 === 0 ? 'sparse' : 'dense')
    const density = { sparse: rng.range(0.01, 0.3), dense: 1, empty: 0, saturated: 1 }[kind]
    const crop = (side: number) =>
      Uint8Array.from({ length: planes.length * side * side }, () => {
        const value = kind === 'saturated' ? 255 : rng.int(256)
        return rng.chance(density) ? value : 0
      })
    return {
      name: `random ${i + 1} (${kind})`,
      template: crop(templateSize),
      search: crop(searchSize),
      expected: new Map(),
    }
  })
}

const KINDS = ['sparse', 'dense', 'empty', 'saturated'] as const
