import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const hasOpenssl = existsSync('/usr/bin/openssl')

export interface Pair {
  readonly cert: string
  readonly key: string
}

/** Authorities and certificates in a folder of their own, made by openssl. */
export class Pki {
  readonly dir = mkdtempSync(join(tmpdir(), 'evtrackd-pki-'))

  authority(name: string): Pair {
    const pair = this.#pair(name)
    const files = ['-keyout', pair.key, '-out', pair.cert]
    this.#openssl('req', '-x509', ...KEY, '-days', '365', '-subj', `/CN=${name}`, ...files)
    return pair
  }

  /** `names` as openssl writes them, such as DNS:broker.example. Negative `days`: it has expired. */
  certificate(name: string, by: Pair, { names = '', days = 365 } = {}): Pair {
    const pair = this.#pair(name)
    const request = join(this.dir, `${name}.csr`)
    const extensions = join(this.dir, `${name}.ext`)
    writeFileSync(
      extensions,
      `basicConstraints=CA:FALSE\n${names === '' ? '' : `subjectAltName=${names}\n`}`,
    )
    this.#openssl('req', ...KEY, '-subj', `/CN=${name}`, '-keyout', pair.key, '-out', request)
    const issuer = ['-CA', by.cert, '-CAkey', by.key, '-CAcreateserial']
    const files = ['-in', request, '-extfile', extensions, '-out', pair.cert]
    this.#openssl('x509', '-req', ...issuer, '-days', String(days), ...files)
    return pair
  }

  #pair(name: string): Pair {
    return { cert: join(this.dir, `${name}.pem`), key: join(this.dir, `${name}.key`) }
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const
