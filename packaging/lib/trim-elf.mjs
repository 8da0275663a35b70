import { endOfProgramHeaders, programHeaders } from './elf.mjs'

/**
 * Cuts an ELF file after its last loadable byte: the section table and what only it names (symbols and DWARF of static
 * functions) go, about 18 MB of Node. The loader reads program headers and the dynamic segment alone, so the program
 * and every symbol that a native add-on links against stay. Needs no binutils for the other architecture.
 * @param {Buffer} file a little-endian ELF64 executable or library
 * @returns {Buffer} the shorter file; throws when it is something else
 */
export function trimElf(file) {
  const ends = programHeaders(file).map(({ offset, fileBytes }) => offset + fileBytes)
  const trimmed = Buffer.from(file.subarray(0, Math.max(endOfProgramHeaders(file), ...ends)))
  trimmed.writeBigUInt64LE(0n, 40) // e_shoff
  trimmed.writeUInt16LE(0, 60) // e_shnum
  trimmed.writeUInt16LE(0, 62) // e_shstrndx
  return trimmed
}
