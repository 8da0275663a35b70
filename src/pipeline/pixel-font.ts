/** A 3 × 5 pixel font for labels in pictures: upper-case letters, digits and a little punctuation, drawn at double size. */
const GLYPHS: Readonly<Record<string, string>> = {
  A: '010101111101101',
  B: '110101110101110',
  C: '011100100100011',
  D: '110101101101110',
  E: '111100110100111',
  F: '111100110100100',
  G: '011100101101011',
  H: '101101111101101',
  I: '111010010010111',
  J: '001001001101010',
  K: '101110100110101',
  L: '100100100100111',
  M: '101111111101101',
  N: '110101101101101',
  O: '010101101101010',
  P: '110101110100100',
  Q: '010101101111011',
  R: '110101110110101',
  S: '011100010001110',
  T: '111010010010010',
  U: '101101101101111',
  V: '101101101101010',
  W: '101101111111101',
  X: '101101010101101',
  Y: '101101010010010',
  Z: '111001010100111',
  '0': '111101101101111',
  '1': '010110010010111',
  '2': '111001111100111',
  '3': '111001011001111',
  '4': '101101111001001',
  '5': '111100111001111',
  '6': '111100111101111',
  '7': '111001010010010',
  '8': '111101111101111',
  '9': '111101111001111',
  '.': '000000000000010',
  ',': '000000000010100',
  ':': '000010000010000',
  '-': '000000111000000',
  '/': '001001010100100',
  '=': '000111000111000',
  '%': '101001010100101',
  '(': '010100100100010',
  ')': '010001001001010',
  '+': '000010111010000',
  _: '000000000000111',
}

const SIZE = 2
export const TEXT_HEIGHT = 5 * SIZE

/** Pixels that a text takes from left to right. */
export function textWidth(text: string): number {
  return text.length * 4 * SIZE
}

/** Calls `dot` for each set pixel of the text, relative to its upper-left corner. Unknown characters leave a space. */
export function drawText(text: string, dot: (x: number, y: number) => void): void {
  let left = 0
  for (const char of text.toUpperCase()) {
    const bits = GLYPHS[char]
    for (let i = 0; bits !== undefined && i < 15; i++) {
      if (bits[i] !== '1') continue
      const x = left + (i % 3) * SIZE
      const y = Math.floor(i / 3) * SIZE
      for (let k = 0; k < SIZE * SIZE; k++) dot(x + (k % SIZE), y + Math.floor(k / SIZE))
    }
    left += 4 * SIZE
  }
}
