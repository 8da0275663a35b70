import { z } from 'zod'

const installed = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]*$/)
  .describe('Name of an installed package.')

/** active.json in the folder of installed model packages. */
export const modelPointerSchema = z.strictObject({
  active: installed.nullable().describe('In use; null: the configuration decides.'),
  previous: installed.nullable().describe('In use before; null: the configuration decided.'),
  proven: z.boolean().describe('Its first windows went well.'),
  reverted: z
    .strictObject({
      name: installed,
      at: z.string().describe('When, ISO 8601.'),
      code: z.string().describe('Error code.'),
      message: z.string().describe('Why, as a sentence.'),
    })
    .nullable()
    .describe('The package that was taken back last, and why.'),
})

export type ModelPointer = z.infer<typeof modelPointerSchema>
