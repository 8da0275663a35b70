import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect, type PeerCertificate } from 'node:tls'
import { explainCode } from '../../publish/unreachable.js'
import { type Check, fail, ok, warn } from './check.js'

const CONNECT_MS = 10_000
const DAY_MS = 86_400_000
/** A certificate that ends this soon should be renewed while everything still works. */
const SOON_DAYS = 30

interface Pem {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/**
 * Looks at the certificate of the broker without trusting it, so that what is wrong with it can be told with its names
 * and dates. Gives nothing where no certificate is shown: the connection itself tells why.
 */
export async function checkBrokerCertificate(
  at: { readonly host: string; readonly port: number },
  pem: Pem,
  nowMs: number = Date.now(),
): Promise<Check[]> {
  const name = 'broker certificate'
  const shown = await certificateOf(at, pem)
  if (shown === undefined) return []
  const { certificate, problem } = shown
  const facts = describe(certificate)
  if (problem === undefined) {
    const until = Date.parse(certificate.valid_to)
    return [
      expiry(name, `${facts}.`, { until, nowMs, next: 'Renew the certificate of the broker.' }),
    ]
  }
  const { why, next } = explainCode(problem) ?? {
    why: `its certificate is not valid (${problem})`,
    next: 'Check the certificate of the broker and mqtt.ca_file.',
  }
  return [fail(name, `No trust in ${at.host}: ${why}. It is ${facts}.`, next)]
}

/** The certificate that this device shows: whether it is valid now. */
export function checkClientCertificate(pem: string, nowMs: number = Date.now()): Check {
  const name = 'client certificate'
  const { subject, issuer, validFrom, validTo } = new X509Certificate(pem)
  const facts = `made out to ${commonName(subject)} by ${commonName(issuer)}, valid until ${day(validTo)}`
  if (Date.parse(validFrom) > nowMs) {
    return fail(
      name,
      `It is not valid before ${day(validFrom)}.`,
      'Check the clock of this machine.',
    )
  }
  const next = 'Renew the certificate in mqtt.cert_file.'
  return expiry(name, `It is ${facts}.`, { until: Date.parse(validTo), nowMs, next })
}

function expiry(
  name: string,
  text: string,
  { until, nowMs, next }: { until: number; nowMs: number; next: string },
): Check {
  const message = `${text.charAt(0).toUpperCase()}${text.slice(1)}`
  const days = Math.floor((until - nowMs) / DAY_MS)
  if (until < nowMs) return fail(name, `It has expired. ${message}`, next)
  if (days < SOON_DAYS) return warn(name, `It ends in ${days} days. ${message}`, next)
  return ok(name, message)
}

function certificateOf(
  { host, port }: { readonly host: string; readonly port: number },
  pem: Pem,
): Promise<{ certificate: PeerCertificate; problem: string | undefined } | undefined> {
  return new Promise((resolve) => {
    const servername = isIP(host) ? {} : { servername: host }
    // Nothing is said over this connection: it is only looked at.
    const socket = connect({ host, port, ...servername, ...pem, rejectUnauthorized: false })
    socket.setTimeout(CONNECT_MS, () => socket.destroy())
    socket.on('error', () => {})
    socket.once('close', () => resolve(undefined))
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerCertificate()
      // Typed as an error, given as its code.
      const problem = socket.authorized ? undefined : String(socket.authorizationError)
      resolve(certificate.valid_to === undefined ? undefined : { certificate, problem })
      socket.destroy()
    })
  })
}

function describe({ subject, subjectaltname, issuer, valid_to }: PeerCertificate): string {
  const names = subjectaltname?.replace(/(DNS|IP Address):/g, '') ?? nameOf(subject)
  return `made out to ${names} by ${nameOf(issuer)}, valid until ${day(valid_to)}`
}

function nameOf(part: PeerCertificate['subject'] | undefined): string {
  return String(part?.CN ?? part?.O ?? '(no name)')
}

function commonName(lines: string): string {
  return /^CN=(.*)$/m.exec(lines)?.[1] ?? lines.replaceAll('\n', ', ')
}

function day(text: string): string {
  return new Date(text).toISOString().slice(0, 10)
}
