import type { KindName, Verdict } from './kind.js'
import { type Depiction, draw } from './pictures/depiction.js'
import { numberText } from './pictures/number-text.js'

/** What a panel of the live page shows of a calibration. */
export interface CalibrationPanel {
  readonly title: string
  /** The most important first. */
  readonly lines: readonly string[]
  /** 0..1 */
  readonly progress: number
  readonly verdict?: 'pass' | 'warn' | 'fail'
  /** Makes the picture, SVG, when somebody looks. */
  readonly picture?: () => string
}

/** As a session tells it; plain data, so that it may come from another thread. */
export interface PanelProgress {
  readonly text: string
  readonly share: number
  readonly figures?: Readonly<Record<string, number>>
  readonly depiction?: Depiction
  /** Once it is over. */
  readonly verdict?: Verdict
}

const TITLES: Readonly<Record<KindName, string>> = {
  'hot-pixels': 'Hot pixels',
  biases: 'Biases of the event pixels',
  noise: 'Background activity filter',
  focus: 'Focus',
  exposure: 'Exposure',
  lens: 'Lens',
  imu: 'Inertial sensors',
  ground: 'Ground',
  zones: 'Zones',
  time: 'Clock',
}

/** Figures that the picture shows already, or that only programs read. */
const UNTOLD = /^(corner_|field_mask|band_|up_)/
const MOST_FIGURES = 8

/** A calibration that runs, as a panel of the live page; undefined for a kind that is not known. */
export function panelOf(kind: string, progress: PanelProgress): CalibrationPanel | undefined {
  const title = (TITLES as Readonly<Record<string, string>>)[kind]
  if (title === undefined) return undefined
  const { text, share, figures = {}, depiction, verdict } = progress
  const told = Object.entries(figures)
    .filter(([name, value]) => !UNTOLD.test(name) && Number.isFinite(value))
    .slice(0, MOST_FIGURES)
    .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${numberText(value)}`)
  return {
    title: `Calibration: ${title}`,
    lines: [text, ...told],
    progress: Math.min(1, Math.max(0, share)),
    ...(verdict !== undefined && { verdict: PANEL_VERDICT[verdict] }),
    ...(depiction !== undefined && { picture: () => draw(depiction) }),
  }
}

const PANEL_VERDICT = { PASS: 'pass', WARN: 'warn', FAIL: 'fail' } as const
