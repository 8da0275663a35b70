import type { Preset } from '../davis346/schema.js'

/** The preset with nothing between the pixels and the host: no filter, no region, both polarities. */
export function fullView(preset: Preset, { images }: { images: boolean }): Preset {
  return {
    ...preset,
    dvs: {
      ...preset.dvs,
      run: true,
      pixelFilter: [],
      backgroundActivity: false,
      refractory: false,
      skip: false,
      polarityFlatten: false,
      polaritySuppress: false,
      roiStartColumn: 0,
      roiStartRow: 0,
      roiEndColumn: 345,
      roiEndRow: 259,
    },
    // Reading out pictures couples into the event pixels.
    aps: { ...preset.aps, run: images },
  }
}
