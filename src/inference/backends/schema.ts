import { z } from 'zod'

export const BACKENDS = ['auto', 'cpu', 'webgpu', 'cuda', 'tensorrt', 'runner'] as const

const runnerSchema = z.strictObject({
  command: z
    .array(z.string().min(1))
    .max(64)
    .default([])
    .describe(
      'Program and arguments of the runner, without a shell; none: the reference runner, ONNX Runtime in a process of its own.',
    ),
  graph: z
    .enum(['int8', 'fp32'])
    .default('fp32')
    .describe('Which graph of the package the runner gets; compilers of chips read fp32.'),
  maxBatch: z
    .int()
    .min(1)
    .max(64)
    .default(8)
    .describe('Targets that are searched in one run; more take several.'),
  deadlineMs: z
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe('A run that takes longer is lost: the runner is killed, the CPU answers instead.'),
  startTimeoutMs: z
    .int()
    .min(1000)
    .max(3_600_000)
    .default(120_000)
    .describe(
      'How long the start and each golden run may take; compiling a network for a chip takes minutes.',
    ),
})

export const inferenceSchema = z
  .strictObject({
    backend: z
      .enum(BACKENDS)
      .default('cpu')
      .describe(
        'Who computes the network. auto: the fastest of runner (where a command is set), tensorrt, cuda, webgpu and cpu that gives every golden number. Whatever fails later is replaced by the CPU and tried again.',
      ),
    ortDir: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Folder with a Node binding of ONNX Runtime and its library, built for this machine, in place of the packaged ones.',
      ),
    checkShare: z
      .number()
      .min(0)
      .max(1)
      .default(0.01)
      .describe(
        'Part of the idle time in which answers of another backend are compared with the CPU; 0: never, 1: always.',
      ),
    runner: runnerSchema.prefault({}).describe('The runner, for backends "runner" and "auto".'),
  })
  .describe('Where the tracker network is computed.')

export type InferenceConfig = z.infer<typeof inferenceSchema>
