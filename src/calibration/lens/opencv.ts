import { EvtrackError } from '../../events/errors.js'

/**
 * OpenCV, compiled to WebAssembly: the one file through which it enters. It takes seconds and some hundred megabytes
 * of memory to load, so nothing loads it but a lens calibration that runs. Only what is used of it is declared here.
 */
export interface OpenCv {
  readonly CV_8UC1: number
  readonly CV_32FC2: number
  readonly CV_32FC3: number
  readonly CV_64F: number
  readonly INTER_CUBIC: number
  readonly DICT_4X4_50: number
  readonly CALIB_FIX_K3: number
  readonly Mat: { new (): Mat; new (rows: number, columns: number, type: number): Mat }
  readonly MatVector: { new (): MatVector }
  readonly Size: { new (width: number, height: number): object }
  readonly aruco_CharucoBoard: {
    new (squares: object, square: number, marker: number, dictionary: Handle, ids: Mat): BoardHandle
  }
  readonly aruco_CharucoDetector: {
    new (
      board: BoardHandle,
      corners: CornerOptions,
      markers: MarkerOptions,
      refine: Handle,
    ): Detector
  }
  readonly aruco_CharucoParameters: { new (): CornerOptions }
  readonly aruco_DetectorParameters: { new (): MarkerOptions }
  readonly aruco_RefineParameters: {
    new (distance: number, correctionRate: number, checkOrders: boolean): Handle
  }
  getPredefinedDictionary(name: number): Handle
  resize(from: Mat, to: Mat, size: object, fx: number, fy: number, how: number): void
  /** Object points, picture points, size, matrix, distortion, rotations, shifts, three kinds of error, flags. */
  calibrateCameraExtended(
    ...of: [MatVector, MatVector, object, Mat, Mat, MatVector, MatVector, Mat, Mat, Mat, number]
  ): number
  /** Object points, picture points, matrix, distortion, rotation, shift. */
  solvePnP(...of: [Mat, Mat, Mat, Mat, Mat, Mat]): boolean
  exceptionFromPtr(address: number): { readonly msg: string }
}

/** Memory of the library: nothing frees it but delete(). */
export interface Handle {
  delete(): void
}

export interface Mat extends Handle {
  readonly data: Uint8Array
  readonly data32F: Float32Array
  readonly data32S: Int32Array
  readonly data64F: Float64Array
  total(): number
}

export interface MatVector extends Handle {
  get(index: number): Mat
  push_back(mat: Mat): void
}

export interface BoardHandle extends Handle {
  generateImage(size: object, into: Mat, margin: number, borderBits: number): void
}

export interface CornerOptions extends Handle {
  minMarkers: number
  tryRefineMarkers: boolean
}

export interface MarkerOptions extends Handle {
  adaptiveThreshWinSizeMin: number
  adaptiveThreshWinSizeMax: number
  adaptiveThreshWinSizeStep: number
  perspectiveRemovePixelPerCell: number
  perspectiveRemoveIgnoredMarginPerCell: number
}

interface Detector extends Handle {
  detectBoard(picture: Mat, corners: Mat, ids: Mat, markers: MatVector, markerIds: Mat): void
}

export type { Detector }

let loading: Promise<OpenCv> | undefined

/** Loads the library once. Throws CALIBRATION_FAILED where it is missing or does not start. */
export function loadOpenCv(): Promise<OpenCv> {
  loading ??= load()
  return loading
}

async function load(): Promise<OpenCv> {
  try {
    const module: { default: unknown } = await import('@techstark/opencv-js')
    return (await module.default) as OpenCv
  } catch (cause) {
    loading = undefined
    throw new EvtrackError('CALIBRATION_FAILED', 'OpenCV could not be loaded.', {
      next: 'Install evtrackd again: the package @techstark/opencv-js is missing or damaged, or memory is short.',
      cause,
    })
  }
}

/** Calls the library with a collector of what is to be freed, and turns what it throws into errors with words. */
export function withOpenCv<T>(cv: OpenCv, use: (own: <H extends Handle>(handle: H) => H) => T): T {
  const owned: Handle[] = []
  try {
    return use((handle) => {
      owned.push(handle)
      return handle
    })
  } catch (error) {
    // The library throws addresses of C++ exceptions.
    if (typeof error !== 'number') throw error
    throw new OpenCvError(cv.exceptionFromPtr(error).msg.trim())
  } finally {
    for (const handle of owned.reverse()) handle.delete()
  }
}

/** Something the library refused; the caller knows what that means. */
export class OpenCvError extends Error {
  override readonly name = 'OpenCvError'
}
