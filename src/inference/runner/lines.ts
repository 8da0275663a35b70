import { StringDecoder } from 'node:string_decoder'

/**
 * Cuts a stream of bytes into lines. Nothing is dropped: a line that grows beyond `maxBytes` throws RangeError, because
 * whoever writes it does not speak the language.
 */
export class LineSplitter {
  readonly #maxBytes: number
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  push(chunk: Buffer): readonly string[] {
    const text = this.#rest + this.#decoder.write(chunk)
    const lines = text.split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > this.#maxBytes) throw new RangeError('a line is too long')
    return lines
  }
}
