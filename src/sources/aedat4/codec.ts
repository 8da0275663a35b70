import { decompress as decompressZstd } from 'fzstd'
import { decompressFrameSync } from 'lz4-napi'
import { type Compression, MAX_PACKET_BYTES } from './format.js'

/**
 * Undoing a packet's compression. Both formats are first walked block by block without decoding: that proves the frame
 * complete, finds where it ends, and bounds its decompressed size before a byte is allocated.
 *
 * lz4-napi is the LZ4 of choice: it decodes linked and independent blocks, verifies the frame's checksums, is
 * prebuilt for x64 and arm64, and compresses on libuv's pool, away from the thread that reads the camera.
 */

/** How many bytes a body's codec begins with, and which: used to find packets again after damage. */
export function signatureOf(compression: Compression): Uint8Array {
  if (compression === 'NONE') return new Uint8Array(0)
  return compression.startsWith('LZ4') ? LZ4_MAGIC : ZSTD_MAGIC
}

const LZ4_MAGIC = Uint8Array.of(0x04, 0x22, 0x4d, 0x18)
const ZSTD_MAGIC = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd)

/** A body's decompressed bytes, and how many of the given bytes the frame took. */
export interface Decoded {
  readonly bytes: Uint8Array
  readonly consumed: number
}

/** Throws with the reason when the body is not one complete frame of the codec, or would grow beyond the limit. */
export function decompress(body: Uint8Array, compression: Compression): Decoded {
  if (compression === 'NONE') return decodeNone(body)
  return compression.startsWith('LZ4') ? decodeLz4(body) : decodeZstd(body)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function decodeNone(body: Uint8Array): Decoded {
  if (body.byteLength < 8) throw new Error(`${body.byteLength} bytes are too few for a packet`)
  return { bytes: body, consumed: viewOf(body).getUint32(0, true) + 4 }
}

function requireMagic(body: Uint8Array, magic: Uint8Array): void {
  for (let i = 0; i < 4; i++) {
    if (body[i] !== magic[i]) throw new Error('its compressed body does not begin as one')
  }
}

function requireBounded(bytes: number): void {
  if (!(bytes <= MAX_PACKET_BYTES)) {
    throw new Error(`it would decompress to ${bytes} bytes, more than ${MAX_PACKET_BYTES}`)
  }
}

function decodeLz4(body: Uint8Array): Decoded {
  const { end, bound } = measureLz4(body)
  requireBounded(bound)
  const frame = body.subarray(0, end)
  const bytes = decompressFrameSync(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength))
  return { bytes, consumed: end }
}

/** Walks an LZ4 frame (version 1). Reads beyond its end throw RangeError: the frame is cut. */
function measureLz4(body: Uint8Array): { end: number; bound: number } {
  requireMagic(body, LZ4_MAGIC)
  const view = viewOf(body)
  const flags = view.getUint8(4)
  const sizeCode = (view.getUint8(5) >> 4) & 7
  if (flags >> 6 !== 1 || sizeCode < 4) throw new Error('its LZ4 frame header is invalid')
  if ((flags & 1) !== 0) throw new Error('its LZ4 frame needs a dictionary')
  const blockBytes = 1 << (8 + 2 * sizeCode)
  const checksumBytes = (flags & 0x10) === 0 ? 0 : 4
  let at = 7 + ((flags & 8) === 0 ? 0 : 8)
  let bound = 0
  for (;;) {
    const word = view.getUint32(at, true)
    at += 4
    if (word === 0) break
    const size = word & 0x7fffffff
    // A stored block says its size; a compressed byte stands for at most 255.
    bound += word > 0x7fffffff ? size : Math.min(blockBytes, size * 255)
    at += size + checksumBytes
  }
  const end = at + ((flags & 4) === 0 ? 0 : 4)
  if (end > body.byteLength) throw new Error('its LZ4 frame is cut')
  return { end, bound }
}

function decodeZstd(body: Uint8Array): Decoded {
  const { end, contentBytes } = measureZstd(body)
  requireBounded(contentBytes)
  const bytes = new Uint8Array(contentBytes)
  decompressZstd(body.subarray(0, end), bytes)
  return { bytes, consumed: end }
}

/** Walks a Zstandard frame; the format demands that the content size is stated. */
function measureZstd(body: Uint8Array): { end: number; contentBytes: number } {
  requireMagic(body, ZSTD_MAGIC)
  const view = viewOf(body)
  const flags = view.getUint8(4)
  const single = (flags & 0x20) !== 0
  if ((flags & 3) !== 0) throw new Error('its Zstandard frame needs a dictionary')
  let at = single ? 5 : 6
  let contentBytes: number
  if (flags >> 6 === 0) {
    if (!single) throw new Error('its Zstandard frame does not state its content size')
    contentBytes = view.getUint8(at)
    at += 1
  } else if (flags >> 6 === 1) {
    contentBytes = view.getUint16(at, true) + 256
    at += 2
  } else {
    contentBytes = view.getUint32(at, true)
    if (flags >> 6 === 3) contentBytes += view.getUint32(at + 4, true) * 4294967296
    at += flags >> 6 === 3 ? 8 : 4
  }
  let blocks = 0
  for (;;) {
    blocks++
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16)
    const type = (header >> 1) & 3
    if (type === 3 || header >> 3 > 0x20000) throw new Error('its Zstandard frame is invalid')
    at += 3 + (type === 1 ? 1 : header >> 3)
    if ((header & 1) !== 0) break
  }
  const end = at + ((flags & 4) === 0 ? 0 : 4)
  if (end > body.byteLength) throw new Error('its Zstandard frame is cut')
  if (contentBytes > blocks * 0x20000) {
    throw new Error(
      `its Zstandard frame claims ${contentBytes} bytes, more than its blocks can hold`,
    )
  }
  return { end, contentBytes }
}
