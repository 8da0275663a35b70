import { z } from 'zod'

/** The `view` slice of the configuration. */

/** This machine and nobody else: the page has no login. */
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/
/** A host name or IPv4 address as a browser writes it. */
const HOST_NAME = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/

export const viewSchema = z
  .strictObject({
    enabled: z.boolean().default(false).describe('Serve the live page.'),
    host: z
      .string()
      .regex(LOOPBACK, {
        message:
          'expected a loopback address such as 127.0.0.1; from elsewhere use `ssh -L` or a proxy with a login',
      })
      .default('127.0.0.1')
      .describe('Loopback address that the page is served on; it has no login of its own.'),
    port: z.int().min(0).max(65_535).default(8346).describe('TCP port; 0 takes a free one.'),
    framesPerSecond: z
      .int()
      .min(1)
      .max(60)
      .default(30)
      .describe('Windows shown a second, at most; what a slow browser cannot take is left out.'),
    maxViewers: z
      .int()
      .min(1)
      .max(16)
      .default(4)
      .describe('Pages that may look at once; further ones are told to wait.'),
    allowedHosts: z
      .array(z.string().regex(HOST_NAME, { message: 'expected a host name in lower case' }))
      .max(16)
      .default([])
      .describe('Names, beside those of loopback, by which a proxy asks for the page.'),
  })
  .describe('The live page.')
export type ViewConfig = z.infer<typeof viewSchema>
