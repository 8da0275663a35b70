import type { IncomingHttpHeaders } from 'node:http'

/**
 * Who may ask. The page has no login, so a browser must not be turned against it: a name that somebody points at this
 * machine (DNS rebinding) is refused by the Host header, and other sites by Origin and Sec-Fetch-Site.
 */

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'] as const

export interface Refusal {
  readonly status: 403 | 415
  readonly message: string
  readonly next: string
}

/** The host of a Host header without its port, lower case; undefined for anything that is not a host. */
export function hostName(header: string | undefined): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/i.exec(header ?? '')
  return match?.[1]?.toLowerCase()
}

/** Names by which the page may be asked for. */
export function knownHosts(config: {
  readonly host: string
  readonly allowedHosts: readonly string[]
}): ReadonlySet<string> {
  const own = config.host.includes(':') ? `[${config.host}]` : config.host
  return new Set([...LOOPBACK_NAMES, own, ...config.allowedHosts])
}

/** Undefined when the request may be served. Of several things wrong, the first is told. */
export function refuse(
  headers: IncomingHttpHeaders,
  asked: { readonly hosts: ReadonlySet<string>; readonly kind: 'page' | 'data' | 'command' },
): Refusal | undefined {
  const host = hostName(headers.host)
  if (host === undefined || !asked.hosts.has(host)) {
    return {
      status: 403,
      message: 'The page is not served under this host name.',
      next: 'Open it as http://127.0.0.1 with its port, or add the name to view.allowed_hosts.',
    }
  }
  const foreign: Refusal = {
    status: 403,
    message: 'Requests from other sites are refused.',
    next: 'Use the page itself.',
  }
  const site = headers['sec-fetch-site']
  const fromHere = site === undefined || site === 'same-origin' || site === 'none'
  // A link on another site may lead to the page; only the page may ask for more.
  if (asked.kind !== 'page' && !fromHere) return foreign
  const { origin } = headers
  if (origin !== undefined && origin.replace(/^https?:\/\//, '') !== headers.host) return foreign
  if (asked.kind === 'command' && !/^application\/json\b/.test(headers['content-type'] ?? '')) {
    return {
      status: 415,
      message: 'A command is sent as application/json.',
      next: 'Set the header Content-Type.',
    }
  }
  return undefined
}
