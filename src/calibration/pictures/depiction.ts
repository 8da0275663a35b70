import type { Picture, Row, Verdict } from '../kind.js'
import { type Chart, drawChart } from './chart.js'
import { numberText } from './number-text.js'
import { drawSensor, type SensorView } from './sensor-view.js'

/**
 * What a picture shows, as plain data: it may be sent to another thread, and is drawn where somebody looks. The live page
 * and the report draw the same.
 */
export type Depiction =
  | { readonly form: 'chart'; readonly chart: Chart }
  | { readonly form: 'sensor'; readonly view: SensorView }

/** The verdict that a picture speaks of, in its own words. */
export interface Finding {
  readonly verdict: Verdict
  readonly text: string
}

/** SVG. */
export function draw(depiction: Depiction): string {
  return depiction.form === 'chart' ? drawChart(depiction.chart) : drawSensor(depiction.view)
}

/** For the report: the picture with the row that it explains. */
export function pictureOf(name: string, depiction: Depiction, row?: Row): Picture {
  const found = row === undefined ? {} : { finding: findingOf(row) }
  const whole: Depiction =
    depiction.form === 'chart'
      ? { form: 'chart', chart: { ...depiction.chart, ...found } }
      : { form: 'sensor', view: { ...depiction.view, ...found } }
  const title = depiction.form === 'chart' ? depiction.chart.title : depiction.view.title
  return { name, title, svg: draw(whole) }
}

function findingOf({ name, value, unit, limit, verdict }: Row): Finding {
  const amount = value === null ? '' : `: ${numberText(value)}${unit === '' ? '' : ` ${unit}`}`
  // The unit stands before it already.
  const bound = unit === '' ? limit : limit.replace(` ${unit}`, '')
  return { verdict, text: `${name}${amount}${bound === '' ? '' : ` (${bound})`}` }
}
