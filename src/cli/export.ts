import { modelDir } from '../daemon/models.js'
import { EvtrackError } from '../events/errors.js'
import { openForExport } from '../export/open.js'
import { readManifest } from '../export/read-manifest.js'
import type { CheckTable, Manifest, VerifyReport } from '../export/target.js'
import { TARGET_NAMES, targetByName } from '../export/targets.js'
import { exportTo } from '../export/write-folder.js'
import { loadModelPackage } from '../inference/model-package.js'
import { print, printJson, table } from './output.js'

interface ExportCommand {
  readonly target?: string
  readonly out?: string
  readonly check?: boolean
  readonly golden: string
  readonly reset: 'subtract' | 'either'
  readonly json?: boolean
}

/** Writes the bundle of a target, or holds the network against its limits and says what does not fit (exit 1). */
export async function exportModel(model: string | undefined, options: ExportCommand) {
  const example = 'For example: evtrackd export evt-compact --target nir --out nir/.'
  const name = required(model, 'the model package', example)
  const wanted = required(options.target, '--target', `Choose one of ${TARGET_NAMES.join(', ')}.`)
  const target = targetByName(wanted)
  const golden = goldenCount(options.golden)
  if (options.reset === 'either' && wanted !== 'nir') {
    throw new EvtrackError('CONFIG_INVALID', `--reset means nothing to ${wanted}.`, {
      next: 'Leave it out: it is for --target nir.',
    })
  }
  const network = openForExport(await loadModelPackage(modelDir(name)))
  if (options.check) {
    const found = target.check(network)
    if (options.json) printJson(found)
    else print(checkText(found))
    if (!found.fits) process.exitCode = 1
    if (options.out === undefined) return
  }
  const dir = required(options.out, '--out', 'Name the folder to write, or ask with --check.')
  const manifest = await exportTo(target, network, { dir, golden, reset: options.reset })
  if (options.check) return
  if (options.json) printJson(manifest)
  else printManifest(dir, manifest)
}

interface VerifyCommand {
  readonly executor?: 'subtract' | 'hard'
  readonly json?: boolean
}

/** Executes what a folder holds and says which neurons are not the golden ones (exit 1). */
export async function verifyExport(dir: string, options: VerifyCommand) {
  const manifest = await readManifest(dir)
  const report = await targetByName(manifest.target).verify(
    dir,
    manifest,
    options.executor === undefined ? {} : { reset: options.executor },
  )
  if (options.json) printJson(report)
  else printVerified(dir, report)
  if (!report.exact) process.exitCode = 1
}

function required(value: string | undefined, what: string, next: string): string {
  if (value !== undefined) return value
  throw new EvtrackError('CONFIG_INVALID', `Give ${what}.`, { next })
}

function goldenCount(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 64) return count
  throw new EvtrackError('CONFIG_INVALID', `--golden ${text} is no number of inputs.`, {
    next: 'Give a whole number from 1 to 64, for example --golden 2.',
  })
}

/** As it is printed, and as it stands in docs/export.md. */
export function checkText({ target, title, fits, layers, notes }: CheckTable): string {
  const rows = layers.map((l) => [
    l.part,
    l.layer,
    l.kind,
    l.side,
    l.fits ? 'yes' : 'no',
    l.needs,
    l.limit,
    l.over,
    l.remedy,
  ])
  return [
    `${target}: ${title}`,
    table(
      ['part', 'layer', 'kind', 'on', 'fits', 'needs', 'limit', 'over', 'what would help'],
      rows,
    ),
    ...notes,
    `${target}: ${fits ? 'fits' : 'does not fit'}`,
  ].join('\n')
}

function printManifest(dir: string, { target, model, report, host, files }: Manifest): void {
  const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0)
  print(`${model.name} for ${target} in ${dir}: ${Object.keys(files).length} files, ${kib(bytes)}`)
  print(
    table(
      ['part', 'neurons', 'spikes', 'accumulates', 'MACs', 'weights', 'state', 'µJ'],
      report.parts.map((part) => [
        part.part,
        String(part.neurons),
        part.spikes.toFixed(0),
        part.synapticOperations.toFixed(0),
        part.multiplications.toFixed(0),
        kib(part.weightBytes),
        kib(part.stateBytes),
        part.microjoules.toFixed(1),
      ]),
    ),
  )
  print(`Counted on ${report.counted_on}. Convention: ${report.convention}.`)
  for (const { part } of report.parts) {
    const layers = host.filter((each) => each.part === part).map(({ layer }) => layer)
    print(`On the host, ${part}: ${layers.length === 0 ? 'nothing' : layers.join(', ')}.`)
  }
  print(`Next: evtrackd export verify ${dir}`)
}

const kib = (bytes: number) => `${(bytes / 1024).toFixed(0)} KiB`

function printVerified(dir: string, { target, executed, exact, layers, notes }: VerifyReport) {
  print(`${target} in ${dir}: ${executed}`)
  print(
    table(
      ['part', 'layer', 'neurons', 'mismatches'],
      layers.map((l) => [l.part, l.layer, String(l.neurons), String(l.mismatches)]),
    ),
  )
  for (const note of notes) print(note)
  const wrong = layers.reduce((sum, layer) => sum + layer.mismatches, 0)
  print(`${target}: ${exact ? 'exact, 0 mismatches' : `NOT EXACT, ${wrong} mismatches`}`)
}
