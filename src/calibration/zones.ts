import { EvtrackError } from '../events/errors.js'
import type { Rgb } from '../pipeline/picture.js'
import { COLORS } from './chart.js'
import type { CalibrationKind, MeasurementContext, Outcome } from './kind.js'
import { failed, told } from './limits.js'
import { signedArea } from './polygon.js'
import type { Zone, ZonesOptions } from './schema.js'
import { sensorMapPng } from './sensor-map.js'

const COLOR: Record<Zone['mode'], Rgb> = {
  include: COLORS.good,
  exclude: COLORS.bad,
  count: COLORS.cool,
}

/** Nothing is measured: the polygons are judged, drawn and put to use. */
export const zonesKind: CalibrationKind<ZonesOptions> = {
  name: 'zones',
  title: 'Zones',
  ask: 'Give the polygons: --input zones.json, or [calibration.zones] of the configuration.',
  needs: [],
  seconds: 0,
  dataVersion: 1,
  needsCamera: false,
  emulated: 'still',
  create(context) {
    if (context.options.zones.length === 0) {
      throw new EvtrackError('CALIBRATION_FAILED', 'No zones are given.', {
        next: 'Write them to a file, {"zones": [{"name": "gate", "mode": "count", "polygon": [[10, 10], [90, 10], [90, 80]]}]}, and give it with --input.',
      })
    }
    return {
      progress: () => ({ text: `${context.options.zones.length} zones`, figures: {} }),
      finish: () => outcomeOf(context),
    }
  },
}

function outcomeOf({ options, size }: MeasurementContext<ZonesOptions>): Outcome {
  const { zones } = options
  const off = zones.filter(({ polygon }) =>
    polygon.some(([x, y]) => x < 0 || y < 0 || x > size.width || y > size.height),
  )
  const outside = off.map(({ name }) =>
    failed(
      `zone ${name} leaves the sensor`,
      `Corners lie within 0..${size.width} and 0..${size.height}; check whether x and y were swapped.`,
    ),
  )
  const seen = zones.map(({ name, mode, polygon }) =>
    told(
      `${mode} zone ${name}`,
      (100 * Math.abs(signedArea(polygon))) / area(size),
      '% of the sensor',
    ),
  )
  return {
    rows: [...outside, ...seen],
    data: { zones },
    settings: {
      regions: zones.flatMap(({ mode, polygon }) => (mode === 'count' ? [] : [{ mode, polygon }])),
      zones: zones.flatMap(({ mode, name, polygon }) =>
        mode === 'count' ? [{ name, polygon }] : [],
      ),
    },
    pictures: [
      {
        name: 'zones',
        title: 'Green: watched; red: ignored; blue: counted',
        png: sensorMapPng({
          size,
          outlines: zones.map(({ mode, polygon }) => ({ points: polygon, color: COLOR[mode] })),
        }),
      },
    ],
    exports: [{ name: 'zones.json', content: `${JSON.stringify({ zones }, null, 2)}\n` }],
  }
}

const area = ({ width, height }: { width: number; height: number }) => width * height
