import { loadConfig } from '../daemon/load-config.js'
import { modelDir, modelNames } from '../daemon/models.js'
import { runOffline } from '../daemon/offline.js'
import { aggregationFor } from '../daemon/tracker-config.js'
import { EvtrackError } from '../events/errors.js'
import { systemClock } from '../events/time.js'
import { ENERGY_CONVENTION } from '../inference/energy.js'
import { type EnergyMeter, OperationsMean, openEnergyMeter } from '../inference/energy-meter.js'
import { loadModelPackage, type ModelPackage } from '../inference/model-package.js'
import { createTrackerSession } from '../inference/session.js'
import { type LayerOperations, microjoules } from '../inference/spike-energy.js'
import type { TrackerSession } from '../inference/tracker-session.js'
import { goldenInputs } from '../inference/verification-inputs.js'
import { createRecordingSource } from '../sources/recording.js'
import { sceneByName } from '../sources/scene/named.js'
import { createScene } from '../sources/scene/scene.js'
import { createSceneSource } from '../sources/scene-source.js'
import type { Source } from '../sources/source.js'
import { createTargetManager } from '../tracking/manager.js'
import { print, printJson, table } from './output.js'

interface EnergyOptions {
  readonly scene?: string
  readonly seconds: string
  readonly recording?: string
  readonly json?: boolean
}

type Means = Readonly<Record<'template' | 'search', OperationsMean>>

/** Energy of one inference, layer by layer, from spikes that are counted now: on golden vectors, a scene or a recording. */
export async function energy(name: string | undefined, options: EnergyOptions): Promise<void> {
  const reports = []
  for (const each of name === undefined ? modelNames() : [name]) {
    const pkg = await loadModelPackage(modelDir(each))
    // Where all packages are listed, one that describes no integers has nothing to count.
    if (name === undefined && pkg.network === null) continue
    const meter = await openEnergyMeter(pkg)
    try {
      const means = { template: new OperationsMean(), search: new OperationsMean() }
      const source = await openCounted(options)
      if (source === undefined) await countGolden(pkg, meter, means)
      else await countTracked(source, { pkg, meter, means })
      reports.push(reportOf(pkg, means, source?.info.name ?? 'golden vectors'))
    } finally {
      await meter.close()
    }
  }
  if (options.json) printJson({ convention: ENERGY_CONVENTION, models: reports })
  else for (const report of reports) printReport(report)
}

async function openCounted(options: EnergyOptions): Promise<Source | undefined> {
  const clock = systemClock
  if (options.recording !== undefined) {
    return createRecordingSource({ path: options.recording, pace: 'fast', clock })
  }
  if (options.scene === undefined) return undefined
  const seconds = Number(options.seconds)
  if (!(seconds > 0 && seconds <= 3600)) {
    throw new EvtrackError('CONFIG_INVALID', `--seconds ${options.seconds} is no duration.`, {
      next: 'Give a number of seconds of the scene, for example --seconds 5.',
    })
  }
  const scene = createScene(sceneByName(options.scene))
  return createSceneSource({ scene, pace: 'fast', clock, durationUs: seconds * 1e6 })
}

async function countGolden(pkg: ModelPackage, meter: EnergyMeter, means: Means): Promise<void> {
  const session = await createTrackerSession(pkg)
  try {
    for (const input of goldenInputs(pkg)) {
      means.template.add(await meter.template(input.template))
      means.search.add(await meter.search(input.search, await session.template(input.template)))
    }
  } finally {
    await session.close()
  }
}

/** Tracks what the source shows and counts every inference on the way. */
async function countTracked(
  source: Source,
  of: { readonly pkg: ModelPackage; readonly meter: EnergyMeter; readonly means: Means },
): Promise<void> {
  const { pkg, meter, means } = of
  const config = loadConfig(undefined, {})
  const session = await createTrackerSession(pkg)
  const counted: TrackerSession = {
    spec: session.spec,
    close: () => session.close(),
    template: async (crop) => {
      means.template.add(await meter.template(crop))
      return session.template(crop)
    },
    search: async (crops, templates) => {
      const bytes = crops.length / templates.length
      for (const [i, template] of templates.entries()) {
        const crop = crops.subarray(i * bytes, (i + 1) * bytes)
        means.search.add(await meter.search(crop, template))
      }
      return session.search(crops, templates)
    },
  }
  const { size, name } = source.info
  const manager = createTargetManager({
    session: counted,
    size,
    config: config.tracking,
    idPrefix: 'e',
  })
  try {
    await runOffline(source, {
      config: { filters: config.filters, aggregation: aggregationFor(config, pkg).aggregation },
      signal: new AbortController().signal,
      onFrame: async (frame) => void (await manager.step(frame)),
    })
  } finally {
    await manager.close()
    await session.close()
    await source.close()
  }
  if (means.search.inferences > 0) return
  throw new EvtrackError('CONFIG_INVALID', `Nothing was tracked in ${name}: no spikes to count.`, {
    next: 'Choose a scene or recording in which something moves, or a longer time.',
  })
}

function reportOf(pkg: ModelPackage, means: Means, countedOn: string) {
  const prices = pkg.manifest.energy
  const part = (mean: OperationsMean) => {
    const layers = mean.layers()
    const sum = (of: (layer: LayerOperations) => number) =>
      layers.reduce((total, layer) => total + of(layer), 0)
    const denseMacs = sum((layer) => layer.denseMacs)
    return {
      inferences: mean.inferences,
      macs: sum((layer) => (layer.kind === 'MAC' ? layer.operations : 0)),
      acs: sum((layer) => (layer.kind === 'AC' ? layer.operations : 0)),
      microjoules: microjoules(layers, prices),
      dense_macs: denseMacs,
      dense_microjoules: (denseMacs * prices.picojoulePerMac) / 1e6,
      layers: layers.map(({ denseMacs: dense_macs, ...layer }) => ({
        ...layer,
        dense_macs,
        microjoules: microjoules([layer], prices),
      })),
    }
  }
  const { picojoulePerMac, picojoulePerAc } = prices
  return {
    model: pkg.spec.name,
    counted_on: countedOn,
    picojoule_per_mac: picojoulePerMac,
    picojoule_per_ac: picojoulePerAc,
    template: part(means.template),
    search: part(means.search),
  }
}

type Report = ReturnType<typeof reportOf>

function printReport(report: Report): void {
  print(`${report.model}, counted on ${report.counted_on}: one inference`)
  const parts = ['template', 'search'] as const
  print(
    table(
      ['part', 'layer', 'kind', 'spikes', 'rate', 'operations', 'dense MACs', 'µJ'],
      parts.flatMap((part) =>
        report[part].layers.map((layer) => [
          part,
          layer.name,
          layer.kind,
          layer.spikes === null ? '' : layer.spikes.toFixed(0),
          layer.rate === null ? '' : layer.rate.toFixed(3),
          layer.operations.toFixed(0),
          String(layer.dense_macs),
          layer.microjoules.toFixed(2),
        ]),
      ),
    ),
  )
  for (const part of parts) {
    const { inferences, macs, acs, microjoules: spent, ...dense } = report[part]
    if (inferences === 0) continue
    print(
      `${part}: ${spent.toFixed(1)} µJ = ${(macs / 1e6).toFixed(2)} M MAC + ${(acs / 1e6).toFixed(1)} M AC ` +
        `(mean of ${inferences}); a dense network of the same layers: ${(dense.dense_macs / 1e6).toFixed(1)} M MAC, ` +
        `${dense.dense_microjoules.toFixed(1)} µJ, ${(dense.dense_microjoules / spent).toFixed(1)} times as much`,
    )
  }
  print(`Convention: ${ENERGY_CONVENTION}.`)
}
