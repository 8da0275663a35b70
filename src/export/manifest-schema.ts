import { z } from 'zod'

const part = z.enum(['template', 'search']).describe('Which of the two graphs.')
const amount = z.number().min(0)

const partReportSchema = z.strictObject({
  part,
  spikes: amount.describe('Binary spikes sent.'),
  synapticOperations: amount.describe('Accumulates of spikes that arrive.'),
  multiplications: amount.describe('Where bytes come in, or where the target is dense.'),
  neurons: amount.describe('Neurons or values that are computed on the target.'),
  weightBytes: amount.describe('Weights and constants.'),
  stateBytes: amount.describe('State of neurons, or activations that live at once.'),
  microjoules: amount.describe('By the stated convention; without the host.'),
})

const path = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*(\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/)
  .describe('Inside the folder, never outside of it.')

/** manifest.json of an exported folder. */
export const manifestSchema = z.strictObject({
  format: z.literal('evtrackd-export'),
  version: z.literal(1),
  target: z.string().describe('The name given with --target.'),
  model: z.strictObject({ name: z.string(), sha256: z.string() }).describe('What was exported.'),
  report: z
    .strictObject({
      convention: z.string().describe('What the energy counts.'),
      counted_on: z.string().describe('The inputs that the means are of.'),
      parts: z.array(partReportSchema),
    })
    .describe('Means of one inference.'),
  host: z
    .array(
      z.strictObject({
        part,
        layer: z.string(),
        kind: z.string(),
        reads: z.array(z.string()).describe('Layers or inputs.'),
        does: z.string().describe('In words.'),
      }),
    )
    .describe('Layers that the host computes.'),
  details: z.record(z.string(), z.json()).describe('What only this target has.'),
  files: z
    .record(path, z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int() }))
    .describe('Every other file of the folder.'),
})
