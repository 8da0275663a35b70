import { EvtrackError } from '../events/errors.js'

/** Why there is no connection, to follow a colon, and what to do about it. */
interface Explanation {
  readonly why: string
  readonly next: string
}

const CLIENT_ID: Explanation = {
  why: 'the broker does not take this client id',
  next: 'Give the device another mqtt.device_name.',
}
const WRONG_LOGIN: Explanation = {
  why: 'the broker does not take this user name with this password',
  next: 'Check mqtt.username and the content of mqtt.password_file.',
}
const NOT_AUTHORIZED: Explanation = {
  why: 'the broker refuses the login: wrong user name or password, or no right to connect',
  next: 'Check mqtt.username, the content of mqtt.password_file and the access rules of the broker.',
}
const NO_LOGIN: Explanation = {
  why: 'the broker wants a login and none is configured',
  next: 'Set mqtt.username and mqtt.password_file to a user of the broker.',
}
const TOO_LITTLE: Explanation = {
  why: 'the broker does not offer QoS 1 with retained messages',
  next: 'Allow QoS 1 and retained messages at the broker: evtrackd cannot do without.',
}

/** By the CONNACK codes that an operator can mend: 3.1.1 first, then 5. */
const REFUSALS: Readonly<Record<number, Explanation>> = {
  2: CLIENT_ID,
  4: WRONG_LOGIN,
  5: NOT_AUTHORIZED,
  133: CLIENT_ID,
  134: WRONG_LOGIN,
  135: NOT_AUTHORIZED,
  154: TOO_LITTLE,
  155: TOO_LITTLE,
}

const UNKNOWN_ISSUER: Explanation = {
  why: 'its certificate is signed by an authority that is not trusted here',
  next: 'Set mqtt.ca_file to the certificate of the authority that signed the one of the broker.',
}
const CLIENT_REFUSED: Explanation = {
  why: 'the broker does not accept the client certificate',
  next: 'Set mqtt.cert_file and mqtt.key_file to a certificate that an authority of the broker signed; its log says more.',
}
const NOT_TLS: Explanation = {
  why: 'what listens there does not speak TLS',
  next: 'Use the port for TLS in mqtt.url (usually 8883), or mqtt:// for a broker without it.',
}

/** By the codes of sockets, name resolution and OpenSSL. */
const FAILURES: Readonly<Record<string, Explanation>> = {
  ECONNREFUSED: {
    why: 'nothing listens there',
    next: 'Start the broker, or set mqtt.url to where it listens.',
  },
  ETIMEDOUT: {
    why: 'nothing answers there',
    next: 'Check the address in mqtt.url, the network between and firewalls.',
  },
  EHOSTUNREACH: {
    why: 'no route leads there',
    next: 'Check the address in mqtt.url and the network of this machine.',
  },
  ENETUNREACH: {
    why: 'this machine has no network that leads there',
    next: 'Check the network of this machine: cable, address, gateway.',
  },
  ENOTFOUND: {
    why: 'no machine has that name',
    next: 'Check the host name in mqtt.url and the name resolution of this machine.',
  },
  EAI_AGAIN: {
    why: 'the name cannot be resolved now',
    next: 'Check the name resolution and the network of this machine.',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    why: 'its certificate is made out to another name',
    next: 'Use a name in mqtt.url that the certificate is made out to, or give the broker one for this name.',
  },
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_ISSUER,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_ISSUER,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_ISSUER,
  CERT_SIGNATURE_FAILURE: UNKNOWN_ISSUER,
  DEPTH_ZERO_SELF_SIGNED_CERT: {
    why: 'its certificate is signed by itself and not trusted here',
    next: 'Set mqtt.ca_file to the certificate of the broker.',
  },
  CERT_HAS_EXPIRED: {
    why: 'its certificate has expired',
    next: 'Renew the certificate of the broker, and check the clock of this machine.',
  },
  CERT_NOT_YET_VALID: {
    why: 'its certificate is not valid yet',
    next: 'Check the clock of this machine: a board without a battery learns the time from the network.',
  },
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: {
    why: 'the broker asks for a client certificate and none is configured',
    next: 'Set mqtt.cert_file and mqtt.key_file.',
  },
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: CLIENT_REFUSED,
  ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: CLIENT_REFUSED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: {
    why: 'the client certificate has expired',
    next: 'Renew the certificate in mqtt.cert_file.',
  },
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: {
    why: 'the two sides have no way of encryption in common, or it asks for a client certificate',
    next: 'Set mqtt.cert_file and mqtt.key_file if the broker asks for them; let it offer TLS 1.2 or newer.',
  },
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: {
    why: 'the two sides have no version of TLS in common',
    next: 'Let the broker offer TLS 1.2 or newer.',
  },
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_TLS,
}

/** It hung up without a word: what that means depends on how far it came. */
const HUNG_UP_IN_HANDSHAKE: Explanation = {
  why: 'it hung up when TLS was to begin',
  next: NOT_TLS.next,
}
const HUNG_UP_ENCRYPTED: Explanation = {
  why: 'the broker closed the connection without an answer',
  next: 'If it asks for client certificates, set mqtt.cert_file and mqtt.key_file to ones that it accepts; its log says why.',
}
const HUNG_UP_PLAIN: Explanation = {
  why: 'the broker closed the connection without an answer',
  next: 'If that port wants TLS, use mqtts:// in mqtt.url; else the log of the broker says why.',
}

type Cause = (Error & { code?: unknown }) | undefined

export interface Endpoint {
  readonly host: string
  readonly port: number
  readonly username?: string
  /** Present for TLS. */
  readonly tls?: { readonly cert?: string }
}

/**
 * BROKER_UNREACHABLE for a connection that failed or ended; `cause` as the socket or the protocol gave it. `before`:
 * how far an attempt had come that was not answered.
 */
export function unreachable(
  endpoint: Endpoint,
  cause: Cause,
  before?: 'transport' | 'answer',
): EvtrackError {
  const { host, port } = endpoint
  const { why, next } = explain(endpoint, cause, before)
  return new EvtrackError(
    'BROKER_UNREACHABLE',
    `No connection to the MQTT broker at ${host}:${port}: ${why}.`,
    {
      next,
      ...(cause === undefined ? {} : { cause }),
      data: { host, port, reason: cause?.code ?? 'closed' },
    },
  )
}

/** What an OpenSSL or system code means for the connection to a broker; undefined for one that is not known. */
export function explainCode(code: string): Explanation | undefined {
  return FAILURES[code]
}

function explain(
  endpoint: Endpoint,
  cause: Cause,
  before: 'transport' | 'answer' | undefined,
): Explanation {
  // A name with several addresses fails with one error for each and an empty message.
  const first: Cause = cause instanceof AggregateError ? cause.errors[0] : cause
  const code = first?.code
  if (code === 4 || code === 5 || code === 134 || code === 135) {
    if (endpoint.username === undefined && endpoint.tls?.cert === undefined) return NO_LOGIN
  }
  const known = typeof code === 'number' ? REFUSALS[code] : FAILURES[String(code)]
  if (known !== undefined) return known
  if (code === undefined || code === 'ECONNRESET' || code === 'EPIPE') {
    const encrypted = endpoint.tls !== undefined
    if (before === 'transport' && encrypted) return HUNG_UP_IN_HANDSHAKE
    if (before === 'answer') return encrypted ? HUNG_UP_ENCRYPTED : HUNG_UP_PLAIN
  }
  const why = first === undefined ? 'the broker closed the connection' : plain(first)
  return {
    why,
    next: 'Check the broker, the network between, and mqtt.url. The daemon keeps trying.',
  }
}

/** OpenSSL's own text is for its makers; its `reason` is the part that can be read. */
function plain(cause: Error): string {
  const reason = Reflect.get(cause, 'reason')
  const text = typeof reason === 'string' && reason !== '' ? reason : cause.message
  return (text || 'unknown failure').trim().replace(/\.$/, '')
}
