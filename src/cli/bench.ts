import { cpus } from 'node:os'
import { EvtrackError } from '../events/errors.js'
import { MEASURE, ROWS, type Row, type RowName, round } from './bench-rows.js'
import { print, printJson, table } from './output.js'

/** The soak takes minutes, so it runs only when asked for. */
const DEFAULT_ROWS = ROWS.filter((row) => row !== 'soak')

interface BenchOptions {
  readonly only?: string
  readonly soakSeconds?: string
  readonly json?: boolean
}

export async function bench(options: BenchOptions): Promise<void> {
  const soakSeconds = Number(options.soakSeconds ?? 60)
  if (!Number.isInteger(soakSeconds) || soakSeconds < 2) {
    throw new EvtrackError(
      'CONFIG_INVALID',
      `--soak-seconds ${options.soakSeconds} is not a whole number of seconds.`,
      {
        next: 'Give at least 2, for example --soak-seconds 600.',
      },
    )
  }
  const rows: Row[] = []
  for (const name of wanted(options)) {
    process.stderr.write(`evtrackd: measuring ${name}\n`)
    try {
      rows.push(...(await MEASURE[name](soakSeconds)))
    } catch (error) {
      // One row that cannot be measured does not cost the others.
      const detail = error instanceof Error ? error.message : String(error)
      rows.push({ row: name, what: detail, value: null, unit: '', target: null, met: false })
    }
  }
  const machine = {
    cpu: cpus()[0]?.model ?? '?',
    cores: cpus().length,
    node: process.version,
    arch: process.arch,
  }
  if (options.json) {
    printJson({ machine, rows })
    return
  }
  print(`${machine.cpu}, ${machine.cores} cores, Node ${machine.node}, ${machine.arch}`)
  print(
    table(
      ['row', 'what', 'value', 'unit', 'target', 'met'],
      rows.map((r) => [
        r.row,
        r.what,
        r.value === null ? '-' : String(round(r.value)),
        r.unit,
        r.target ?? '',
        r.met === null ? '' : r.met ? 'yes' : 'no',
      ]),
    ),
  )
}

function wanted(options: BenchOptions): readonly RowName[] {
  if (options.only === undefined) {
    return options.soakSeconds === undefined ? DEFAULT_ROWS : [...DEFAULT_ROWS, 'soak']
  }
  return options.only.split(',').map((text) => {
    const row = ROWS.find((name) => name === text.trim())
    if (row !== undefined) return row
    throw new EvtrackError('CONFIG_INVALID', `There is no benchmark row ${text}.`, {
      next: `Choose from ${ROWS.join(', ')}.`,
    })
  })
}
