import { EvtrackError } from '../events/errors.js'

/** What to do about the CONNACK codes that an operator can mend: 3.1.1 first, then 5. */
const REFUSALS: Readonly<Record<number, string>> = {
  2: 'Give the device another mqtt.deviceName: the broker does not take this client id.',
  4: 'Check mqtt.username and mqtt.password_file.',
  5: 'Check mqtt.username, mqtt.password_file and the access rules of the broker.',
  133: 'Give the device another mqtt.deviceName: the broker does not take this client id.',
  134: 'Check mqtt.username and mqtt.password_file.',
  135: 'Check mqtt.username, mqtt.password_file and the access rules of the broker.',
  154: 'Allow QoS 1 and retained messages at the broker: evtrackd cannot do without.',
  155: 'Allow QoS 1 and retained messages at the broker: evtrackd cannot do without.',
}

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Start the broker, or set mqtt.url to where it listens.',
  ENOTFOUND: 'Check the host name in mqtt.url and the name resolution of this machine.',
  EAI_AGAIN: 'Check the name resolution of this machine.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Use the name in mqtt.url that the certificate is made out to.',
  SELF_SIGNED_CERT_IN_CHAIN: 'Set mqtt.ca_file to the authority that signed the certificate.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'Set mqtt.ca_file to the certificate of the broker.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'Set mqtt.ca_file to the authority that signed the certificate.',
  CERT_HAS_EXPIRED: 'Renew the certificate of the broker, and check the clock of this machine.',
}

/** BROKER_UNREACHABLE for a connection that failed or ended; `cause` as the socket or the protocol gave it. */
export function unreachable(
  endpoint: { readonly host: string; readonly port: number },
  cause: (Error & { code?: unknown }) | undefined,
): EvtrackError {
  const code = cause?.code
  const reason = cause === undefined ? 'the broker closed the connection' : describe(cause)
  const next =
    (typeof code === 'number' ? REFUSALS[code] : FAILURES[String(code)]) ??
    'Check the broker, the network between, and mqtt.url. The daemon keeps trying.'
  return new EvtrackError(
    'BROKER_UNREACHABLE',
    `No connection to the MQTT broker at ${endpoint.host}:${endpoint.port}: ${reason}.`,
    {
      next,
      ...(cause === undefined ? {} : { cause }),
      data: { host: endpoint.host, port: endpoint.port, reason: code ?? 'closed' },
    },
  )
}

function describe(cause: Error): string {
  // A name with several addresses fails with one error for each and an empty message.
  const message = cause instanceof AggregateError ? cause.errors.map(String).join('; ') : ''
  return (cause.message || message || 'unknown failure').replace(/\.$/, '')
}
