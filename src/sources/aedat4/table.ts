import { decompress, signatureOf } from './codec.js'
import type { FileWindow } from './file-window.js'
import { fieldAt, openFlat, vectorAt } from './flatbuffer.js'
import { type Compression, MAX_PACKET_BYTES } from './format.js'

/**
 * Number of packets listed by the data table at `offset`, or undefined where none can be read. Nothing else is taken
 * from a table: element counts are zero in some writers' files, offsets differ between writers by the packet header's 8
 * bytes, and packets carry all that is needed themselves. A readable table does prove where the packets end.
 */
export async function tableEntries(
  file: FileWindow,
  offset: number,
  compression: Compression,
): Promise<number | undefined> {
  const length = file.size - offset
  if (offset < 0 || length < 16 || length > MAX_PACKET_BYTES) return undefined
  // A look at its first bytes saves reading up to the limit at every damaged place.
  if (!beginsAsTable(await file.view(offset, 16), compression)) return undefined
  try {
    const { bytes } = decompress(await file.view(offset, length), compression)
    const flat = openFlat(bytes, 'FTAB')
    const field = fieldAt(flat, flat.root, 0)
    return field === 0 ? 0 : vectorAt(flat, field, 4).count
  } catch {
    return undefined
  }
}

function beginsAsTable(start: Uint8Array, compression: Compression): boolean {
  if (compression === 'NONE') return String.fromCharCode(...start.subarray(8, 12)) === 'FTAB'
  return signatureOf(compression).every((byte, i) => start[i] === byte)
}
