import type { IncomingMessage, ServerResponse } from 'node:http'

/** Small answers, and the bodies of requests. */

/** Nothing is kept by a cache, read as another type, or drawn into another site's page. */
const PRIVATE = {
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
} as const

export function sendBytes(
  response: ServerResponse,
  body: Buffer,
  headers: Readonly<Record<string, string>>,
): void {
  response.writeHead(200, { ...PRIVATE, ...headers, 'content-length': body.length })
  response.end(body)
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  // The socket may have gone while the answer was found.
  if (response.headersSent || response.destroyed) return
  const body = JSON.stringify(value)
  response.writeHead(status, {
    ...PRIVATE,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    // What is left of a refused request is not read.
    ...(status >= 400 && { connection: 'close' }),
  })
  response.end(body)
}

export function sendFailure(
  response: ServerResponse,
  status: number,
  failure: { readonly message: string; readonly next?: string },
): void {
  const { message, next } = failure
  sendJson(response, status, {
    ok: false,
    code: status === 503 ? 'NOT_READY' : 'REQUEST_INVALID',
    message,
    ...(next !== undefined && { next }),
  })
}

/** The body of a request as text; undefined when it is longer than `maxBytes` or breaks off. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const parts: Buffer[] = []
    let bytes = 0
    const give = (body: string | undefined) => {
      request.off('data', take)
      // Not read any further, and not destroyed: the answer travels over the same connection.
      request.pause()
      resolve(body)
    }
    const take = (part: Buffer) => {
      bytes += part.length
      if (bytes > maxBytes) give(undefined)
      else parts.push(part)
    }
    request.on('data', take)
    request.once('end', () => give(Buffer.concat(parts).toString('utf8')))
    request.once('close', () => give(undefined))
    request.once('error', () => give(undefined))
  })
}
