import { z } from 'zod'

const file = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
  .describe('In the folder.')

/** `details` in the manifest of a target that is written as segments. */
export const segmentDetailsSchema = z.strictObject({
  fits: z.boolean().describe('Whether the check found room for the whole network.'),
  segments: z
    .array(
      z.strictObject({
        file,
        part: z.enum(['template', 'search']).describe('Which of the two graphs.'),
        input: z.string().describe('The tensor that the segment reads.'),
        layers: z.array(z.string()).min(1).describe('Its convolutions, in sequence.'),
        exponents: z
          .array(z.int())
          .describe('Of each layer: a sum of the file is worth 2^-exponent.'),
        bits: z.array(z.int().positive()).describe('Of the weights of each layer, sign included.'),
        cores: z.array(z.int().min(0)).nullable().describe('A core for each layer, where chosen.'),
      }),
    )
    .describe('Sequences of convolutions; what lies between them is the host.'),
  golden: z
    .strictObject({
      file,
      inputs: z.array(z.string()).describe('Names of the groups in the file.'),
    })
    .describe('Integers that each segment reads and each layer writes.'),
  notes: z.array(z.string()).describe('What the files say and what they do not.'),
})

export type SegmentDetails = z.infer<typeof segmentDetailsSchema>
