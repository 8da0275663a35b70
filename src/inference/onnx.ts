import ort from 'onnxruntime-node'
import { EvtrackError } from '../events/errors.js'

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

/** @throws EvtrackError MODEL_INVALID when the bytes are no graph that the CPU provider runs. */
export async function openGraph(
  bytes: Uint8Array,
  options: { readonly name: string; readonly threads: number },
): Promise<OnnxGraph> {
  let session: ort.InferenceSession
  try {
    session = await ort.InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
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
      const tensors: Record<string, ort.Tensor> = {}
      for (const name in feeds) tensors[name] = toTensor(feeds[name]!)
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

function toTensor(input: TensorInput): ort.Tensor {
  return input.data instanceof Uint8Array
    ? new ort.Tensor('uint8', input.data, input.dims)
    : new ort.Tensor('float32', input.data, input.dims)
}

function describe(value: ort.InferenceSession.ValueMetadata): TensorInfo {
  return value.isTensor
    ? { name: value.name, dtype: value.type, shape: value.shape }
    : { name: value.name, dtype: 'none', shape: [] }
}

function unavailable(name: string, cause: unknown): EvtrackError {
  return new EvtrackError('BACKEND_UNAVAILABLE', `ONNX Runtime failed to run ${name}.`, {
    next: 'Restart evtrackd; if it happens again, run `evtrackd model verify`.',
    cause,
    data: { file: name },
  })
}
