import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type Hdf5Group, readHdf5, writeHdf5 } from '../../src/export/hdf5.js'

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-hdf5-'))

t.test('groups, text, scalars and compressed arrays come back as they were', async (t) => {
  const large = Float32Array.from({ length: 3 * 500 * 900 }, (_, i) => i % 977)
  const path = join(dir, 'all.h5')
  await writeHdf5(path, {
    version: { text: '1.0' },
    node: {
      edges: { text: ['a', 'b', 'b', 'Größe'], shape: [2, 2] },
      one: { data: BigInt64Array.of(7n), shape: [] },
      bytes: { data: Uint8Array.of(1, 255), shape: [2] },
      signed: { data: Int8Array.of(-1, 1), shape: [1, 2] },
      whole: { data: Int32Array.of(-70000), shape: [1] },
      large: { data: large, shape: [3, 500, 900] },
      deeper: { text: { text: 'a group may be called text' } },
    },
  })
  const read = await readHdf5(path)
  t.same([...read.keys()].sort(), [
    '/node/bytes',
    '/node/deeper/text',
    '/node/edges',
    '/node/large',
    '/node/one',
    '/node/signed',
    '/node/whole',
    '/version',
  ])
  t.same(read.get('/version'), { shape: [], values: ['1.0'] })
  t.same(read.get('/node/edges'), { shape: [2, 2], values: ['a', 'b', 'b', 'Größe'] })
  t.same(read.get('/node/one'), { shape: [], values: BigInt64Array.of(7n) })
  t.same(read.get('/node/signed'), { shape: [1, 2], values: Int8Array.of(-1, 1) })
  t.same(read.get('/node/large')?.shape, [3, 500, 900])
  t.ok(
    Buffer.from(large.buffer).equals(
      Buffer.from((read.get('/node/large')!.values as Float32Array).buffer.slice(0)),
    ),
  )
})

t.test('what cannot be written or read is refused', async (t) => {
  const write = (content: Hdf5Group) => writeHdf5(join(dir, 'bad.h5'), content)
  await t.rejects(write({ 'a/b': { text: 'x' } }), /no HDF5 link name/)
  await t.rejects(write({ a: { data: Uint8Array.of(1, 2), shape: [3] } }), /2 values, expected 3/)
  const path = join(dir, 'no.h5')
  writeFileSync(path, 'this is no HDF5 file')
  await t.rejects(readHdf5(path), /is no HDF5 file/)
  await t.rejects(readHdf5(join(dir, 'missing.h5')), /missing.h5 cannot be read/)
  const cut = join(dir, 'cut.h5')
  await writeHdf5(cut, { group: { numbers: { data: new Uint8Array(9000), shape: [9000] } } })
  const bytes = readFileSync(cut)
  writeFileSync(cut, bytes.subarray(0, bytes.length >> 1))
  await t.rejects(readHdf5(cut), /cut.h5 is damaged/)
  if (existsSync('/dev/full')) {
    await t.rejects(writeHdf5('/dev/full', { numbers: { data: Uint8Array.of(1), shape: [1] } }), {
      code: 'CONFIG_INVALID',
      message: /No space left on device/,
    })
  }
})
