import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type * as Ort from 'onnxruntime-node'
import { EvtrackError } from '../events/errors.js'
import { BINDING, checkOrtDirectory } from './backends/ort-directory.js'

// The native library starts a telemetry thread unless its environment says no before the first session. Assigning here
// reaches it from the main thread only (a worker's process.env is a copy), so the daemon sets it too before it starts one.
process.env['ORT_DISABLE_TELEMETRY'] = '1'

export type TensorData = Uint8Array | Float32Array

export interface TensorInput {
  readonly data: TensorData
  readonly dims: readonly number[]
}

export interface TensorInfo {
  readonly name: string
  readonly dtype: string
  /** Numbers, or the names of free dimensions. */
  readonly shape: readonly (number | string)[]
}

/** One loaded ONNX graph. The only place that knows ONNX Runtime. */
export interface OnnxGraph {
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
  /**
   * Blocks the calling thread for the length of the inference, from the next turn of its loop on: inputs must not change
   * until the promise settles. Outputs are fresh arrays.
   * @throws EvtrackError BACKEND_UNAVAILABLE
   */
  run(feeds: Readonly<Record<string, TensorInput>>): Promise<Record<string, TensorData>>
  close(): Promise<void>
}

/** Execution providers of ONNX Runtime that its Node binding can be built with, on Linux. */
export const PROVIDERS = ['cpu', 'webgpu', 'cuda', 'tensorrt'] as const
export type Provider = (typeof PROVIDERS)[number]

/** Who computes a graph. */
export interface Runtime {
  /** What it cannot compute is computed by the CPU. */
  readonly provider?: Provider
  /** A folder with a binding and its library in place of the packaged ones; one for the whole process. */
  readonly ortDir?: string | undefined
}

let loaded: { readonly ort: typeof Ort; readonly dir: string | undefined } | undefined

/**
 * Loads ONNX Runtime, once a process. Without a folder it is whatever was loaded before, else the packaged one.
 * @throws EvtrackError CONFIG_INVALID for a folder that does not fit; BACKEND_UNAVAILABLE where it cannot be loaded.
 */
function load(dir: string | undefined): typeof Ort {
  if (loaded !== undefined && (dir === undefined || dir === loaded.dir)) return loaded.ort
  if (dir !== undefined) checkOrtDirectory(dir)
  if (loaded !== undefined) {
    throw new EvtrackError(
      'BACKEND_UNAVAILABLE',
      `ONNX Runtime of ${dir} cannot be used beside that of ${loaded.dir ?? 'the package'}.`,
      { next: 'Restart evtrackd: a process can hold one ONNX Runtime.' },
    )
  }
  const require = createRequire(import.meta.url)
  if (dir !== undefined) {
    // The JavaScript half asks for its native half by this name, and is given the other one.
    const packaged = join(
      dirname(require.resolve('onnxruntime-node/package.json')),
      `bin/napi-v6/${process.platform}/${process.arch}/${BINDING}`,
    )
    try {
      require(join(dir, BINDING))
    } catch (cause) {
      throw new EvtrackError(
        'BACKEND_UNAVAILABLE',
        `ONNX Runtime of ${dir} cannot be loaded: ${cause instanceof Error ? cause.message : cause}.`,
        { next: `Run \`ldd ${join(dir, BINDING)}\`: a library that it needs is missing.`, cause },
      )
    }
    require.cache[packaged] = require.cache[require.resolve(join(dir, BINDING))]
  }
  loaded = { ort: require('onnxruntime-node') as typeof Ort, dir }
  return loaded.ort
}

/** The providers that the native half was built with; their own libraries may still be missing. */
export function builtProviders(ortDir?: string): readonly string[] {
  return load(ortDir)
    .listSupportedBackends()
    .map(({ name }) => name)
}

/**
 * @throws EvtrackError MODEL_INVALID when the bytes are no graph that the CPU provider runs; BACKEND_UNAVAILABLE when
 * another provider does not take it.
 */
export async function openGraph(
  bytes: Uint8Array,
  options: Runtime & { readonly name: string; readonly threads: number },
): Promise<OnnxGraph> {
  const { provider = 'cpu' } = options
  const ort = load(options.ortDir)
  let session: Ort.InferenceSession
  try {
    session = await ort.InferenceSession.create(bytes, {
      executionProviders: provider === 'tensorrt' ? ['tensorrt', 'cuda'] : [provider],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      // Kept between runs: fresh pages from the system cost a twentieth of an inference.
      enableCpuMemArena: true,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      // Pool threads may spin between the operators of a run, where a sleep costs more than an operator, and must
      // sleep between runs: an idle one that spins takes a core from the capture thread.
      extra: {
        session: {
          intra_op: { allow_spinning: options.threads > 1 ? '1' : '0' },
          force_spinning_stop: '1',
        },
      },
    })
  } catch (cause) {
    if (provider !== 'cpu') throw refusedBy(provider, options.name, cause)
    throw new EvtrackError(
      'MODEL_INVALID',
      `${options.name} is no graph that ONNX Runtime can run.`,
      {
        next: 'Copy the model package again from where it came from, or choose another one.',
        cause,
        data: { file: options.name },
      },
    )
  }
  let closed = false
  return {
    inputs: session.inputMetadata.map(describe),
    outputs: session.outputMetadata.map(describe),
    async run(feeds) {
      if (closed) throw unavailable(options.name, new Error('the session is closed'))
      const tensors: Record<string, Ort.Tensor> = {}
      for (const name in feeds) tensors[name] = toTensor(ort, feeds[name]!)
      try {
        const results = await session.run(tensors)
        const outputs: Record<string, TensorData> = {}
        for (const name in results) outputs[name] = results[name]!.data as TensorData
        return outputs
      } catch (cause) {
        throw unavailable(options.name, cause)
      }
    },
    async close() {
      if (closed) return
      closed = true
      await session.release()
    },
  }
}

function toTensor(ort: typeof Ort, input: TensorInput): Ort.Tensor {
  return input.data instanceof Uint8Array
    ? new ort.Tensor('uint8', input.data, input.dims)
    : new ort.Tensor('float32', input.data, input.dims)
}

function describe(value: Ort.InferenceSession.ValueMetadata): TensorInfo {
  return value.isTensor
    ? { name: value.name, dtype: value.type, shape: value.shape }
    : { name: value.name, dtype: 'none', shape: [] }
}

function refusedBy(provider: Provider, name: string, cause: unknown): EvtrackError {
  const why = firstLine(cause)
  return new EvtrackError(
    'BACKEND_UNAVAILABLE',
    `ONNX Runtime cannot run ${name} on ${provider}: ${why}.`,
    {
      next: 'Check its driver and libraries with `evtrackd doctor`; docs/jetson.md names them. Or set inference.backend = "cpu".',
      cause,
      data: { provider, file: name },
    },
  )
}

/** ONNX Runtime says where in its sources it gave up, and then why. */
function firstLine(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause)
  const line = text.trim().split('\n')[0] ?? ''
  return (line.split(' was false. ').at(-1) ?? line).replace(/\.$/, '').slice(0, 300)
}

function unavailable(name: string, cause: unknown): EvtrackError {
  return new EvtrackError('BACKEND_UNAVAILABLE', `ONNX Runtime failed to run ${name}.`, {
    next: 'Restart evtrackd; if it happens again, run `evtrackd model verify`.',
    cause,
    data: { file: name },
  })
}
