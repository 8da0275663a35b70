/** A piece of a frame: words that leave together, `atUs` after the start of the frame. */
export interface Step {
  readonly atUs: number
  /** 'column' opens a column and carries its first samples, 'rest' the others and the column's end. */
  readonly kind: 'start' | 'column' | 'rest' | 'exposureStart' | 'exposureEnd' | 'end'
  /** Signal readout, else reset readout. */
  readonly signal: boolean
  readonly column: number
}

export interface FramePlan {
  readonly columns: number
  /** Readout time of one column. */
  readonly columnUs: number
  readonly exposureUs: number
  readonly global: boolean
}

/**
 * When each piece of a frame leaves, in order. Global shutter: all reset columns, the exposure, all signal columns.
 * Rolling shutter: one ADC serves both readouts, so reset columns take the even places in time and signal columns the
 * odd ones, as far behind their reset as the exposure lasts.
 */
export function planFrame({ columns, columnUs, exposureUs, global }: FramePlan): Step[] {
  const steps: Step[] = [{ atUs: 0, kind: 'start', signal: false, column: 0 }]
  const mark = (kind: Step['kind'], atUs: number) =>
    steps.push({ atUs, kind, signal: false, column: 0 })
  const read = (column: number, atUs: number, signal: boolean) =>
    steps.push(
      { atUs, kind: 'column', signal, column },
      { atUs: atUs + 0.9 * columnUs, kind: 'rest', signal, column },
    )
  if (global) {
    const resetUs = columns * columnUs
    for (let i = 0; i < columns; i++) read(i, i * columnUs, false)
    mark('exposureStart', resetUs)
    mark('exposureEnd', resetUs + exposureUs)
    for (let i = 0; i < columns; i++) read(i, resetUs + exposureUs + i * columnUs, true)
    mark('end', 2 * resetUs + exposureUs)
    return steps
  }
  const lag = Math.max(1, Math.round(exposureUs / (2 * columnUs)))
  for (let i = 0; i < columns + lag; i++) {
    const signalUs = (2 * i + 1) * columnUs
    if (i < columns) read(i, 2 * i * columnUs, false)
    if (i === 0) mark('exposureStart', signalUs)
    if (i === lag) mark('exposureEnd', signalUs)
    if (i >= lag) read(i - lag, signalUs, true)
  }
  mark('end', 2 * (columns + lag) * columnUs)
  return steps
}
