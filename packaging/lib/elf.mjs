/** Little-endian ELF64 programs as the loader sees them: a table of program headers, and the bytes that these name. */

const PROGRAM_HEADER_BYTES = 56
export const PT_LOAD = 1
export const PT_NOTE = 4

/** @typedef {{ type: number, flags: number, offset: number, address: number, physical: number, fileBytes: number, memoryBytes: number, align: number }} ProgramHeader */

/**
 * @param {Buffer} file
 * @returns {ProgramHeader[]} in the order of the file; throws when it is no ELF64 or does not hold what it names
 */
export function programHeaders(file) {
  const isElf64Little =
    file.length > 64 && file.readUInt32BE(0) === 0x7f454c46 && file.readUInt16BE(4) === 0x0201
  if (!isElf64Little) throw new Error('not a little-endian ELF64 file')
  const table = Number(file.readBigUInt64LE(32))
  const count = file.readUInt16LE(56)
  if (table + count * PROGRAM_HEADER_BYTES > file.length)
    throw new Error('the ELF file is cut short')
  return Array.from({ length: count }, (_, i) => {
    const at = table + i * PROGRAM_HEADER_BYTES
    const word = (/** @type {number} */ n) => Number(file.readBigUInt64LE(at + n))
    const header = {
      type: file.readUInt32LE(at),
      flags: file.readUInt32LE(at + 4),
      offset: word(8),
      address: word(16),
      physical: word(24),
      fileBytes: word(32),
      memoryBytes: word(40),
      align: word(48),
    }
    if (header.offset + header.fileBytes > file.length) throw new Error('the ELF file is cut short')
    return header
  })
}

/**
 * Overwrites the table in place.
 * @param {Buffer} file @param {readonly ProgramHeader[]} headers as many as it has now
 */
export function writeProgramHeaders(file, headers) {
  if (headers.length !== file.readUInt16LE(56))
    throw new Error('the table of program headers has no room')
  let at = Number(file.readBigUInt64LE(32))
  for (const header of headers) {
    file.writeUInt32LE(header.type, at)
    file.writeUInt32LE(header.flags, at + 4)
    const { offset, address, physical, fileBytes, memoryBytes, align } = header
    for (const word of [offset, address, physical, fileBytes, memoryBytes, align]) {
      at += 8
      file.writeBigUInt64LE(BigInt(word), at)
    }
    at += 8
  }
}

/** Where the table of program headers ends. @param {Buffer} file @returns {number} */
export function endOfProgramHeaders(file) {
  return Number(file.readBigUInt64LE(32)) + file.readUInt16LE(56) * PROGRAM_HEADER_BYTES
}
