import { z } from 'zod'

const file = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
  .describe('In the folder.')

/** `details` in the manifest of an Akida export. */
export const akidaDetailsSchema = z.strictObject({
  fits: z.boolean().describe('Whether the check found room for the whole network.'),
  pieces: z
    .array(
      z.strictObject({
        file,
        part: z.enum(['template', 'search']).describe('Which of the two graphs.'),
        inputs: z
          .array(z.string())
          .describe('Tensors that come from the host or an earlier piece.'),
        outputs: z.array(z.string()).describe('Tensors that the host or a later piece reads.'),
        layers: z
          .array(
            z.strictObject({
              name: z.string().describe('Layer of the network and tensor of the graph.'),
              bits: z.int().positive().nullable().describe('Of the activation; null: a sum.'),
              unit: z.number().positive().nullable().describe('Rounded to multiples of it.'),
            }),
          )
          .min(1)
          .describe('In the order in which they run.'),
      }),
    )
    .min(1)
    .describe('What runs on the chip between two visits to the host, in order.'),
  golden: z
    .strictObject({
      file,
      inputs: z.array(z.string()).describe('Names of the groups in the file.'),
    })
    .describe('Real values of every tensor of the pieces.'),
})

export type AkidaDetails = z.infer<typeof akidaDetailsSchema>
