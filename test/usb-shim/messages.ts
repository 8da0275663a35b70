/** The messages of wire.c. A message is u32 length (of what follows), u8 type, payload, little endian. */
export const TO_HOST = { attach: 1, detach: 2, ready: 3, complete: 4, reply: 5 } as const
export const TO_SERVER = { open: 16, close: 17, submit: 18, discard: 19, request: 20 } as const

/** Transfer types of usbfs. */
export const URB_TYPE = { interrupt: 1, control: 2, bulk: 3 } as const

/**
 * One message. A part that is only a length announces bytes that the caller writes right behind it, so that large
 * payloads are not copied.
 */
export function frame(
  type: number,
  ...parts: (Uint8Array | { readonly length: number })[]
): Buffer {
  const inlined = parts.filter((part) => part instanceof Uint8Array)
  const total = parts.reduce((sum, part) => sum + part.length, 0)
  const message = Buffer.alloc(5 + inlined.reduce((sum, part) => sum + part.length, 0))
  message.writeUInt32LE(1 + total, 0)
  message[4] = type
  let at = 5
  for (const part of inlined) {
    message.set(part, at)
    at += part.length
  }
  return message
}

/** Cuts a byte stream into messages: type and payload, valid until the next chunk is pushed. */
export class MessageReader {
  #rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): Buffer[] {
    const messages: Buffer[] = []
    let bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk
    while (bytes.length >= 4) {
      const end = 4 + bytes.readUInt32LE(0)
      if (bytes.length < end) break
      messages.push(bytes.subarray(4, end))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes
    return messages
  }
}
