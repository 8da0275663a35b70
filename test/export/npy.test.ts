import t from 'tap'
import { decodeNpy, encodeNpy } from '../../src/export/npy.js'

t.test('arrays come back as they were, and start at a multiple of 64', (t) => {
  const arrays = [
    { shape: [2, 3], data: Float32Array.of(1, -2.5, 3, 0, 5, 6e8) },
    { shape: [4], data: Uint8Array.of(0, 1, 254, 255) },
    { shape: [1, 1, 2], data: Int32Array.of(-7, 7) },
  ]
  for (const array of arrays) {
    const file = encodeNpy(array)
    t.equal((file.length - array.data.byteLength) % 64, 0)
    t.same(decodeNpy(file), array)
  }
  const header = Buffer.from(encodeNpy(arrays[1]!)).toString('latin1', 10, 74)
  t.match(header, "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }")
  t.end()
})

t.test('what is no such file is refused', (t) => {
  const file = encodeNpy({ shape: [4], data: Uint8Array.of(1, 2, 3, 4) })
  t.throws(() => decodeNpy(new Uint8Array(4)), RangeError)
  t.throws(() => decodeNpy(file.subarray(0, file.length - 1)), /3 bytes of data, expected 4/)
  const other = new Uint8Array(Buffer.from(file).toString('latin1').length)
  other.set(Buffer.from(Buffer.from(file).toString('latin1').replace('|u1', '>f8'), 'latin1'))
  t.throws(() => decodeNpy(other), />f8/)
  t.end()
})
