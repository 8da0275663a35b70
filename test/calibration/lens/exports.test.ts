import t from 'tap'
import { DEFAULT_BOARD } from '../../../src/calibration/board/board.js'
import { lensExports } from '../../../src/calibration/lens/exports.js'
import { EMULATED_LENS } from '../../../src/calibration/lens/show.js'

/** A tangential term so small that it is printed with an exponent, a principal point that is a whole number. */
const lens = { ...EMULATED_LENS, cx: 173, p1: 4e-7, p2: -0.0003 }
const files = new Map(
  lensExports(lens, { rms: 0.125, views: 21, board: DEFAULT_BOARD }).map(({ name, content }) => [
    name,
    String(content),
  ]),
)

/** The numbers after a key, as any YAML reader sees them: a list in brackets. */
function listAfter(text: string, key: string): string[] {
  const list = /data: \[([^\]]*)\]/.exec(text.slice(text.indexOf(`${key}:`)))!
  return list[1]!.split(',').map((each) => each.trim())
}

const MATRIX = [lens.fx, 0, lens.cx, 0, lens.fy, lens.cy, 0, 0, 1]
const DISTORTION = [lens.k1, lens.k2, lens.p1, lens.p2, lens.k3]

t.test('OpenCV: the header, the matrices, k1 k2 p1 p2 k3', async (t) => {
  const text = files.get('lens-opencv.yml')!
  t.ok(text.startsWith('%YAML:1.0\n---\n'))
  t.same(listAfter(text, 'camera_matrix').map(Number), MATRIX)
  t.same(listAfter(text, 'distortion_coefficients').map(Number), DISTORTION)
  t.match(text, 'camera_matrix: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n')
  t.match(text, 'distortion_coefficients: !!opencv-matrix\n   rows: 5\n   cols: 1\n')
  t.match(text, 'square_size: 0.036\n')
  t.match(text, 'nframes: 21\n')
})

t.test('ROS: camera_info with plumb_bob, no rectification, the same projection', async (t) => {
  const text = files.get('camera_info.yaml')!
  t.match(text, 'image_width: 346\nimage_height: 260\n')
  t.match(text, 'distortion_model: plumb_bob\n')
  t.same(listAfter(text, 'camera_matrix').map(Number), MATRIX)
  t.same(listAfter(text, 'distortion_coefficients').map(Number), DISTORTION)
  t.same(listAfter(text, 'rectification_matrix').map(Number), [1, 0, 0, 0, 1, 0, 0, 0, 1])
  t.same(listAfter(text, 'projection_matrix').map(Number), [
    ...[lens.fx, 0, lens.cx, 0],
    ...[0, lens.fy, lens.cy, 0],
    ...[0, 0, 1, 0],
  ])
})

t.test('every real number has a point: readers of YAML take 4e-7 for a word', async (t) => {
  for (const name of ['lens-opencv.yml', 'camera_info.yaml']) {
    const text = files.get(name)!
    const numbers = ['camera_matrix', 'distortion_coefficients'].flatMap((k) => listAfter(text, k))
    for (const number of numbers) t.match(number, /^-?\d+\.\d+(e[-+]?\d+)?$/)
  }
})

t.test('JSON: the model as evtrackd keeps it', async (t) => {
  t.same(JSON.parse(files.get('lens.json')!), { ...lens, rms: 0.125 })
})
