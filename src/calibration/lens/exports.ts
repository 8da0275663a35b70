import type { Board } from '../board/board.js'
import type { ExportFile } from '../kind.js'
import type { LensModel } from './model.js'

/** The lens in the files of other tools. All of them count pixels from the middle of the upper-left one. */
export function lensExports(
  lens: LensModel,
  of: { readonly rms: number; readonly views: number; readonly board: Board },
): ExportFile[] {
  return [
    { name: 'lens-opencv.yml', content: openCvYaml(lens, of) },
    { name: 'camera_info.yaml', content: cameraInfoYaml(lens) },
    { name: 'lens.json', content: `${JSON.stringify({ ...lens, rms: of.rms }, null, 2)}\n` },
  ]
}

/** As cv::FileStorage reads it, with the keys of OpenCV's own calibration program. */
function openCvYaml(
  lens: LensModel,
  { rms, views, board }: { rms: number; views: number; board: Board },
): string {
  return [
    '%YAML:1.0',
    '---',
    `nframes: ${views}`,
    `image_width: ${lens.width}`,
    `image_height: ${lens.height}`,
    `board_width: ${board.columns}`,
    `board_height: ${board.rows}`,
    `square_size: ${real(board.squareMm / 1000)}`,
    ...matrix('camera_matrix', 3, matrixOf(lens)),
    ...matrix('distortion_coefficients', 5, distortionOf(lens)),
    `avg_reprojection_error: ${real(rms)}`,
    '',
  ].join('\n')
}

function matrix(name: string, rows: number, values: readonly number[]): string[] {
  return [
    `${name}: !!opencv-matrix`,
    `   rows: ${rows}`,
    `   cols: ${values.length / rows}`,
    '   dt: d',
    `   data: [ ${values.map(real).join(', ')} ]`,
  ]
}

/** As camera_info_manager of ROS and ROS 2 reads it. */
function cameraInfoYaml(lens: LensModel): string {
  const { fx, fy, cx, cy } = lens
  const block = (name: string, columns: number, values: readonly number[]) => [
    `${name}:`,
    `  rows: ${values.length / columns}`,
    `  cols: ${columns}`,
    `  data: [${values.map(real).join(', ')}]`,
  ]
  return [
    `image_width: ${lens.width}`,
    `image_height: ${lens.height}`,
    'camera_name: davis346',
    ...block('camera_matrix', 3, matrixOf(lens)),
    'distortion_model: plumb_bob',
    ...block('distortion_coefficients', 5, distortionOf(lens)),
    ...block('rectification_matrix', 3, [1, 0, 0, 0, 1, 0, 0, 0, 1]),
    ...block('projection_matrix', 4, [fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0]),
    '',
  ].join('\n')
}

const matrixOf = ({ fx, fy, cx, cy }: LensModel) => [fx, 0, cx, 0, fy, cy, 0, 0, 1]
const distortionOf = ({ k1, k2, p1, p2, k3 }: LensModel) => [k1, k2, p1, p2, k3]

/** Both OpenCV's and Python's reader want a point in every real number, before the exponent, too. */
function real(value: number): string {
  const [digits, exponent] = String(value).split('e') as [string, string | undefined]
  const mantissa = digits.includes('.') ? digits : `${digits}.0`
  return exponent === undefined ? mantissa : `${mantissa}e${exponent}`
}
