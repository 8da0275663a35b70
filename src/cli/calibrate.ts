import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parse } from 'smol-toml'
import type { KindName, Verdict } from '../calibration/kind.js'
import { AVAILABLE_KINDS, isKind, loadKind } from '../calibration/kinds.js'
import { numberText } from '../calibration/pictures/number-text.js'
import { reportHtml } from '../calibration/report.js'
import type { SessionProgress } from '../calibration/session.js'
import { CalibrationStore, calibratedSerials } from '../calibration/store.js'
import { serialOfCamera } from '../daemon/calibration-source.js'
import { camelKey, mapKeys } from '../daemon/config-keys.js'
import { readLayers, resolveLayers } from '../daemon/config-layers.js'
import type { DaemonReport } from '../daemon/control-client.js'
import { mergeConfig } from '../daemon/load-config.js'
import type { Config } from '../daemon/schema.js'
import { stateDir } from '../daemon/state-dir.js'
import { VERSION } from '../daemon/version.js'
import { EvtrackError, exitStatus } from '../events/errors.js'
import type { SourceState } from '../sources/source.js'
import { calibrateWhere, rereadWhere, type WhereOptions } from './calibrate-where.js'
import { print, printJson, reportError, table } from './output.js'
import { ProgressBar } from './progress-bar.js'

interface CommonOptions {
  readonly config?: string
  readonly serial?: string
  readonly json?: boolean
}

interface MeasureOptions extends CommonOptions, WhereOptions {
  readonly scene?: string
  readonly seed?: string
  readonly duration?: string
  readonly dryRun?: boolean
  readonly set?: readonly string[]
  readonly input?: string
  readonly yes?: boolean
}

const EXIT: Record<Verdict, number> = { PASS: 0, WARN: 1, FAIL: 2 }
/** As a shell says it of a program that Ctrl-C has ended. */
const EXIT_INTERRUPTED = 130

/** `evtrackd calibrate KIND`: exit 0, 1, 2 for PASS, WARN, FAIL; 2 as well where nothing could be measured. */
export async function measure(name: string, options: MeasureOptions): Promise<void> {
  try {
    await measureOrThrow(name, options)
  } catch (error) {
    if (!(error instanceof EvtrackError)) throw error
    if (options.json) {
      printJson({ ok: false, code: error.code, message: error.message, next: error.next })
    }
    reportError(error)
    const status = exitStatus(error.code)
    if (error.data['reason'] === 'interrupted') process.exitCode = EXIT_INTERRUPTED
    else process.exitCode = status === 1 ? EXIT.FAIL : status
  }
}

async function measureOrThrow(name: string, options: MeasureOptions): Promise<void> {
  const kind = knownKind(name)
  const config = configOf(options)
  const seconds = positive(options.duration, '--duration')
  const stop = new AbortController()
  const onSignal = () => stop.abort(new Error('stopped by the user'))
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  const bar = new ProgressBar(process.stderr)
  try {
    const request = {
      kind,
      dryRun: options.dryRun === true,
      options: optionsOf(options),
      signal: stop.signal,
      ...(seconds !== undefined && { seconds }),
      onAsk: (ask: string) => bar.say(ask),
      onState: ({ state, reason }: SourceState) =>
        bar.say(`camera ${state}${reason === undefined ? '' : `: ${reason}`}`),
      onLeftOut: (error: EvtrackError) => bar.say(`${error.message} It is left out.`),
      onProgress: ({ share, text }: SessionProgress) => bar.show(share, text),
    }
    const report = await calibrateWhere(config, request, options)
    bar.end()
    if (options.json) printJson(jsonOf(report))
    else print(textOf(report, (await loadKind(kind)).title))
    process.exitCode = EXIT[report.verdict]
  } finally {
    bar.end()
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

/** `evtrackd calibrate rollback KIND` */
export async function rollback(name: string, options: CommonOptions): Promise<void> {
  const kind = knownKind(name)
  const store = await storeOf(options)
  const now = store.rollback(kind)
  const taken = await rereadWhere(options)
  if (options.json) {
    const active = now?.id ?? null
    printJson({ ok: true, serial: store.serial, kind, active, daemon: taken })
  } else {
    const what = now === undefined ? 'none is active now' : `${now.id} is active again`
    print(`${kind} of camera ${store.serial}: ${what}${taken ? ', evtrackd goes by it' : ''}`)
  }
}

/** `evtrackd calibrate report --out FILE.html` */
export async function report(options: CommonOptions & { readonly out: string }): Promise<void> {
  const store = await storeOf(options)
  const results = store.list()
  if (results.length === 0) {
    throw new EvtrackError(
      'CALIBRATION_FAILED',
      `The camera ${store.serial} has not been calibrated.`,
      { next: 'Begin with `evtrackd calibrate hot-pixels`.' },
    )
  }
  const active = activeIds(store)
  const html = reportHtml({
    serial: store.serial,
    version: VERSION,
    at: new Date().toISOString(),
    results: results.map((result) => ({
      ...result,
      active: active.has(result.id),
      images: result.pictures.map(({ file, title }) => ({
        title,
        // Results of earlier versions have their pictures in pixels.
        type: file.endsWith('.svg') ? 'image/svg+xml' : 'image/png',
        content: store.attachment(result.id, file),
      })),
    })),
  })
  writeFileSync(options.out, html)
  if (options.json) printJson({ ok: true, serial: store.serial, file: resolve(options.out) })
  else print(`${options.out}: camera ${store.serial}, ${results.length} results`)
}

/** `evtrackd calibrate list` */
export async function list(options: CommonOptions): Promise<void> {
  const store = await storeOf(options)
  const active = activeIds(store)
  const results = store.list().map(({ id, kind, verdict, at }) => {
    return { id, kind, verdict, at, active: active.has(id) }
  })
  if (options.json) printJson({ serial: store.serial, results })
  else {
    const rows = results.map((r) => [r.id, r.verdict, r.active ? 'active' : ''])
    print(table(['result', 'verdict', ''], rows))
  }
}

/** Of the results that can be read; what cannot is told. */
function activeIds(store: CalibrationStore): ReadonlySet<string> {
  const active = store.active((error) => void reportError(error))
  return new Set([...active.values()].map(({ id }) => id))
}

function knownKind(name: string): KindName {
  if (isKind(name)) return name
  throw new EvtrackError('CONFIG_INVALID', `There is no calibration "${name}".`, {
    next: `Choose one of ${AVAILABLE_KINDS.join(', ')}.`,
  })
}

function configOf(options: MeasureOptions): Config {
  const { from, source, scene, seed, serial } = options
  const flags = {
    source: {
      ...(source !== undefined && { kind: source }),
      ...(from !== undefined && { kind: 'recording', file: from }),
      ...(scene !== undefined && { scene }),
      ...(seed !== undefined && { seed: Number(seed) }),
    },
    ...(serial !== undefined && { camera: { serial } }),
  }
  return resolveLayers(readLayers({ file: options.config, env: process.env, flags })).config
}

/** The camera that is named, that is plugged in, or that is the only one with calibrations. */
async function storeOf(options: CommonOptions): Promise<CalibrationStore> {
  const config = configOf(options)
  const dir = stateDir(config)
  const all = calibratedSerials(dir)
  const only = all.length === 1 ? all[0] : undefined
  const serial = config.camera.serial ?? only ?? (await serialOfCamera(config))
  if (serial !== undefined) return new CalibrationStore(dir, serial)
  throw new EvtrackError('CALIBRATION_FAILED', 'It is not known which camera this is about.', {
    next:
      all.length === 0
        ? 'Nothing was calibrated yet: begin with `evtrackd calibrate hot-pixels`.'
        : `Give --serial, one of ${all.join(', ')}.`,
  })
}

function positive(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new EvtrackError('CONFIG_INVALID', `${flag} ${text} is not a positive number.`, {
    next: `Give a number of seconds, for example ${flag} 30.`,
  })
}

/** A JSON file, and then key=value pairs with values as in TOML; snake_case or camelCase. */
function optionsOf({ input, set = [] }: MeasureOptions): Record<string, unknown> {
  let merged: unknown = {}
  if (input !== undefined) {
    try {
      merged = mapKeys(JSON.parse(readFileSync(input, 'utf8')), camelKey)
    } catch (cause) {
      throw new EvtrackError('CONFIG_INVALID', `${input} cannot be read as JSON.`, {
        next: 'Check the path and the file; docs/calibration.md shows one for each kind.',
        cause,
      })
    }
  }
  for (const pair of set) {
    const at = pair.indexOf('=')
    if (at < 1) {
      throw new EvtrackError('CONFIG_INVALID', `--set ${pair} is no key=value.`, {
        next: 'Write for example --set target=110.',
      })
    }
    const key = camelKey(pair.slice(0, at).trim())
    merged = mergeConfig(merged, { [key]: tomlValue(pair.slice(at + 1)) })
  }
  return merged as Record<string, unknown>
}

function tomlValue(text: string): unknown {
  try {
    return mapKeys(parse(`value = ${text}`)['value'], camelKey)
  } catch {
    return text
  }
}

function jsonOf({ outcome, stored, ...rest }: DaemonReport) {
  return {
    ok: true,
    ...rest,
    ...(stored !== undefined && { id: stored.id }),
    rows: outcome.rows,
    data: outcome.data,
    settings: outcome.settings,
  }
}

function textOf(report: DaemonReport, title: string): string {
  const { outcome, stored, verdict, activated, serial } = report
  const rows = outcome.rows.map((row) => [
    row.limit === '' && row.verdict === 'PASS' ? '' : row.verdict,
    row.name,
    row.value === null ? '' : `${numberText(row.value)}${row.unit === '' ? '' : ` ${row.unit}`}`,
    row.limit,
  ])
  const notes = outcome.rows.flatMap(({ note, name }) =>
    note === undefined ? [] : [`  ${name}: ${note}`],
  )
  const what = activated
    ? `active now: ${stored!.id} (undo: evtrackd calibrate rollback ${report.kind})`
    : stored === undefined
      ? 'nothing was written (--dry-run)'
      : verdict === 'FAIL'
        ? `not active: ${stored.id} is kept for the report`
        : `kept: ${stored.id}`
  const head = `${verdict}  ${title}${serial === undefined ? '' : `, camera ${serial}`}`
  return [head, '', table(['', 'measured', 'value', 'limit'], rows), '', ...notes, what].join('\n')
}
