/**
 * How one camera lays its pixels into the stream, as its information registers say. The sensor may be mounted rotated
 * by 90 degrees: then the raw array is 260 columns of 346 rows and `invertXY` is set. The public picture is always
 * 346 by 260 with its origin at the upper left.
 */
export interface StreamLayout {
  /** Ranges of the X and Y words. The logic mirrors the DVS pixels itself; the host only swaps. */
  readonly dvs: { readonly columns: number; readonly rows: number; readonly invertXY: boolean }
  readonly aps: {
    readonly columns: number
    readonly rows: number
    readonly invertXY: boolean
    readonly flipX: boolean
    readonly flipY: boolean
  }
  readonly imu: {
    /** 0 none, 1 MPU6050, 2 MPU9250: decides the temperature formula. */
    readonly type: number
    readonly flipX: boolean
    readonly flipY: boolean
    readonly flipZ: boolean
  }
  /** True frequencies in MHz (cycles per microsecond), deviation applied. */
  readonly clocks: { readonly logicMHz: number; readonly adcMHz: number; readonly usbMHz: number }
}

/** Size of the public picture of the DVS. */
export function publicSize(layout: StreamLayout): { width: number; height: number } {
  const { columns, rows, invertXY } = layout.dvs
  return invertXY ? { width: rows, height: columns } : { width: columns, height: rows }
}
