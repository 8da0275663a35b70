import { EvtrackError } from '../events/errors.js'
import type { CalibrationKind, MeasurementContext, Outcome } from './kind.js'
import { failed, told } from './limits.js'
import { Background } from './pictures/background.js'
import { pictureOf } from './pictures/depiction.js'
import type { Tones } from './pictures/tones.js'
import { zoneMap } from './pictures/zones.js'
import { signedArea } from './polygon.js'
import { fullView } from './prepare.js'
import type { ZonesOptions } from './schema.js'

/** The polygons are judged, drawn and put to use; with a duration, over what the camera sees meanwhile. */
export const zonesKind: CalibrationKind<ZonesOptions> = {
  name: 'zones',
  title: 'Zones',
  ask: 'Give the polygons: --input zones.json, or [calibration.zones] of the configuration.',
  needs: [],
  seconds: 0,
  dataVersion: 1,
  needsCamera: false,
  emulated: 'moving',
  prepare: (preset) => fullView(preset, { images: true }),
  create(context) {
    if (context.options.zones.length === 0) {
      throw new EvtrackError('CALIBRATION_FAILED', 'No zones are given.', {
        next: 'Write them to a file, {"zones": [{"name": "gate", "mode": "count", "polygon": [[10, 10], [90, 10], [90, 80]]}]}, and give it with --input.',
      })
    }
    const { size, options } = context
    const background = new Background(size)
    return {
      events: (batch) => background.events(batch),
      image: (image) => background.image(image),
      progress: () => ({ text: `${options.zones.length} zones`, figures: {} }),
      depict: () => zoneMap(options.zones, size, background.tones()),
      finish: () => outcomeOf(context, background.tones()),
    }
  },
}

function outcomeOf(
  { options, size }: MeasurementContext<ZonesOptions>,
  tones: Tones | undefined,
): Outcome {
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
    pictures: [pictureOf('zones', zoneMap(zones, size, tones))],
    exports: [{ name: 'zones.json', content: `${JSON.stringify({ zones }, null, 2)}\n` }],
  }
}

const area = ({ width, height }: { width: number; height: number }) => width * height
