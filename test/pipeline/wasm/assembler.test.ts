import t from 'tap'
import {
  constant,
  i32,
  signedLeb,
  unsignedLeb,
  when,
  whileLoop,
} from '../../../src/pipeline/wasm/assembler.js'
import { instantiate, Layout } from '../../../src/pipeline/wasm/instance.js'

t.test('variable-length integers, from the tables of the format', async (t) => {
  t.same(unsignedLeb(0), [0])
  t.same(unsignedLeb(127), [0x7f])
  t.same(unsignedLeb(128), [0x80, 0x01])
  t.same(unsignedLeb(624485), [0xe5, 0x8e, 0x26])
  t.same(signedLeb(63), [0x3f])
  t.same(signedLeb(64), [0xc0, 0x00])
  t.same(signedLeb(-64), [0x40])
  t.same(signedLeb(-123456), [0xc0, 0xbb, 0x78])
})

t.test('an assembled function runs: the sum of the odd bytes in memory', async (t) => {
  const { memory, kernel } = instantiate(
    [
      {
        name: 'oddSum',
        params: ['n'],
        result: 'i32',
        locals: { i: 'i32', sum: 'i32', byte: 'i32' },
        body: (l) => [
          whileLoop(i32.ltU(l('i').get, l('n').get), [
            l('byte').set(i32.load8U(l('i').get)),
            when(i32.and(l('byte').get, constant(1)), [
              l('sum').set(i32.add(l('sum').get, l('byte').get)),
            ]),
            l('i').set(i32.add(l('i').get, constant(1))),
          ]),
          l('sum').get,
        ],
      },
    ],
    100,
  )
  new Uint8Array(memory).set([1, 2, 3, 255, 4, 7])
  t.equal(kernel('oddSum')(5), 259)
  t.equal(kernel('oddSum')(0), 0)
})

t.test('a misspelt local is an error at once', async (t) => {
  const typo = {
    name: 'f',
    params: [],
    locals: {},
    body: (l: (n: string) => { get: readonly number[] }) => [l('x').get],
  }
  t.throws(() => instantiate([typo], 1), /no local named x/)
})

t.test('parts of a layout are aligned and do not overlap', async (t) => {
  const layout = new Layout()
  t.same([layout.take(1), layout.take(65), layout.take(64), layout.bytes], [0, 64, 192, 256])
})
