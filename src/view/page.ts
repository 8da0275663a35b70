import { createHash } from 'node:crypto'

/** The page as it is served: its bytes, and the headers that let a browser run these scripts and styles and no others. */
export interface ServedPage {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** `html` is one self-contained file: its scripts and styles stand in it. */
export function servePage(html: string): ServedPage {
  const policy = [
    "default-src 'none'",
    `script-src ${hashes(html, 'script')}`,
    `style-src ${hashes(html, 'style')}`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  return {
    body: Buffer.from(html),
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
    },
  }
}

/** A browser takes an inline element for allowed when the policy names the hash of its text. */
function hashes(html: string, element: 'script' | 'style'): string {
  const found = html.matchAll(new RegExp(`<${element}[^>]*>([\\s\\S]*?)</${element}>`, 'g'))
  const sources = [...found].map(
    ([, text]) => `'sha256-${createHash('sha256').update(text!).digest('base64')}'`,
  )
  return sources.length === 0 ? "'none'" : sources.join(' ')
}
