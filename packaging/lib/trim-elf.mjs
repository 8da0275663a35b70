/**
 * Cuts an ELF file after its last loadable byte: the section table and what only it names (symbols and DWARF of static
 * functions) go, about 12 MB of Node. The loader reads program headers and the dynamic segment alone, so the program
 * and every symbol that a native add-on links against stay. Needs no binutils for the other architecture.
 */

const PROGRAM_HEADER_BYTES = 56

/**
 * @param {Buffer} file a little-endian ELF64 executable or library
 * @returns {Buffer} the shorter file; throws when it is something else
 */
export function trimElf(file) {
  const isElf64Little =
    file.length > 64 && file.readUInt32BE(0) === 0x7f454c46 && file.readUInt16BE(4) === 0x0201
  if (!isElf64Little) throw new Error('not a little-endian ELF64 file')
  const headers = Number(file.readBigUInt64LE(32))
  const count = file.readUInt16LE(56)
  let end = headers + count * PROGRAM_HEADER_BYTES
  for (let i = 0; i < count; i += 1) {
    const at = headers + i * PROGRAM_HEADER_BYTES
    const offset = Number(file.readBigUInt64LE(at + 8))
    const bytes = Number(file.readBigUInt64LE(at + 32))
    if (offset + bytes > file.length) throw new Error('the ELF file is cut short')
    end = Math.max(end, offset + bytes)
  }
  const trimmed = Buffer.from(file.subarray(0, end))
  trimmed.writeBigUInt64LE(0n, 40) // e_shoff
  trimmed.writeUInt16LE(0, 60) // e_shnum
  trimmed.writeUInt16LE(0, 62) // e_shstrndx
  return trimmed
}
