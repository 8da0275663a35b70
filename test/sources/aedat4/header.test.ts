import t from 'tap'
import { decodeHeader, encodeHeader } from '../../../src/sources/aedat4/header.js'
import { parseXml } from '../../../src/sources/aedat4/xml.js'

const content = {
  compression: 'LZ4',
  size: { width: 346, height: 260 },
  source: 'DAVIS346_00000489',
  tsOffsetUs: 1_600_000_000_000_000,
} as const

t.test('a written header has the layout of the format', (t) => {
  const file = encodeHeader(content)
  t.equal(file.toString('latin1', 0, 14), '#!AER-DAT4.0\r\n')
  const header = file.subarray(14)
  t.equal(header.length % 8, 0)
  t.equal(header.readUInt32LE(0), header.length - 4)
  t.equal(header.readUInt32LE(4), 20)
  t.equal(header.toString('latin1', 8, 12), 'IOHE')
  t.same(
    [14, 16, 18, 20, 22].map((at) => header.readUInt16LE(at)),
    [10, 24, 4, 8, 20],
  )
  t.equal(header.readInt32LE(24), 10)
  t.equal(header.readInt32LE(28), 1, 'LZ4')
  t.equal(file.readBigInt64LE(46), -1n, 'no table yet, at the offset that closing patches')
  t.equal(header.readUInt32LE(44), 4)
  const length = header.readUInt32LE(48)
  const xml = header.toString('utf8', 52, 52 + length)
  t.equal(header.length, Math.ceil((53 + length) / 8) * 8)
  t.match(
    xml,
    /^<dv version="2.0">\n {4}<node name="outInfo" path="\/mainloop\/Recorder\/outInfo\/">/,
  )
  t.match(xml, /<attr key="sizeX" type="int">346<\/attr>/)
  t.match(xml, /<attr key="tsOffset" type="long">1600000000000000<\/attr>/)
  t.equal(xml.match(/<node /g)?.length, 9)
  t.equal(xml.match(/<\/node>/g)?.length, 9)
  t.end()
})

t.test('what was written is read', (t) => {
  const header = decodeHeader(encodeHeader({ ...content, source: 'A "&<b>' }).subarray(14))
  t.equal(header.compression, 'LZ4')
  t.equal(header.dataTablePosition, -1)
  t.same(
    header.streams.map(({ id, kind, identifier, name }) => [id, kind, identifier, name]),
    [
      [0, 'events', 'EVTS', 'events'],
      [1, 'images', 'FRME', 'frames'],
      [2, 'imu', 'IMUS', 'imu'],
      [3, 'triggers', 'TRIG', 'triggers'],
    ],
  )
  for (const stream of header.streams) {
    t.equal(stream.source, 'A "&<b>')
    t.equal(stream.tsOffsetUs, 1_600_000_000_000_000)
  }
  t.same(header.streams[0]?.size, { width: 346, height: 260 })
  t.equal(header.streams[2]?.size, undefined)
  t.end()
})

t.test('an unknown compression is refused', (t) => {
  const header = encodeHeader(content).subarray(14)
  header.writeInt32LE(9, 28)
  t.throws(() => decodeHeader(header), /compression 9/)
  t.end()
})

t.test('the XML reader takes what comes', (t) => {
  const tree = parseXml(
    '<?xml version="1.0"?><dv><node name="a"/><node name="b"><attr key="k" type="string">v</attr>' +
      '<attr key="empty" type="string"></attr><other x="1">t</other><node name="c"></node></node></node>',
  )
  t.same(
    tree.children.map((node) => node.name),
    ['a', 'b'],
  )
  t.equal(tree.children[1]?.attributes.get('k'), 'v')
  t.equal(tree.children[1]?.attributes.get('empty'), '')
  t.equal(tree.children[1]?.children[0]?.name, 'c')
  const deep = parseXml(
    `${'<node name="n">'.repeat(5000)}${'</node>'.repeat(5000)}<node name="z"/>`,
  )
  t.same(
    deep.children.map((node) => node.name),
    ['n', 'z'],
    'nesting beyond need is passed over',
  )
  t.end()
})
