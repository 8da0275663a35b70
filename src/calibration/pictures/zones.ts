import type { Size } from '../../events/geometry.js'
import type { Zone } from '../schema.js'
import type { Depiction } from './depiction.js'
import { COLORS, type Color } from './svg.js'
import type { Tones } from './tones.js'

const COLOR: Readonly<Record<Zone['mode'], Color>> = {
  include: COLORS.good,
  exclude: COLORS.bad,
  count: COLORS.cool,
}
const MEANING: Readonly<Record<Zone['mode'], string>> = {
  include: 'only this is watched',
  exclude: 'ignored',
  count: 'targets are counted',
}

export function zoneMap(zones: readonly Zone[], size: Size, tones: Tones | undefined): Depiction {
  const modes = [...new Set(zones.map(({ mode }) => mode))]
  return {
    form: 'sensor',
    view: {
      title: 'Zones in the picture',
      size,
      ...(tones !== undefined && { tones }),
      legend: modes.map((mode) => ({ label: MEANING[mode], color: COLOR[mode] })),
      outlines: zones.map(({ name, mode, polygon }) => ({
        points: polygon,
        color: COLOR[mode],
        closed: true,
        filled: true,
        label: name,
      })),
    },
  }
}
