import type { Row, Verdict } from './kind.js'
import { numberText } from './pictures/number-text.js'
import type { StoredResult } from './store.js'

/** A result with what its report shows. */
export interface ReportedResult extends StoredResult {
  readonly active: boolean
  readonly images: readonly ReportedPicture[]
}

export interface ReportedPicture {
  readonly title: string
  readonly type: 'image/svg+xml' | 'image/png'
  readonly content: Uint8Array
}

export interface Report {
  readonly serial: string
  readonly version: string
  /** When it was written, UTC. */
  readonly at: string
  /** Oldest first. */
  readonly results: readonly ReportedResult[]
}

/**
 * One page that needs nothing beside itself: the newest result of each kind with its numbers and pictures, then the
 * history. For the screen in light and dark, and for paper.
 */
export function reportHtml(report: Report): string {
  const { serial, results } = report
  const newest = new Map<string, ReportedResult>()
  for (const result of results) newest.set(result.kind, result)
  const shown = [...newest.values()]
  const older = results.filter((result) => !shown.includes(result)).reverse()
  const title = `Calibration of camera ${escapeHtml(serial)}`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${title}</h1>
<p>evtrackd ${escapeHtml(report.version)}, ${escapeHtml(timeText(report.at))}</p>
<nav>${shown.map(card).join('')}</nav>
</header>
<main>
${shown.map(section).join('\n')}
${older.length === 0 ? '' : history(older)}
</main>
</body>
</html>
`
}

function card(result: ReportedResult): string {
  return `<a href="#${result.id}" class="card ${result.verdict}"><b>${escapeHtml(result.kind)}</b><span>${result.verdict}</span></a>`
}

function section(result: ReportedResult): string {
  const { id, kind, verdict, at, seconds, source, rows, images } = result
  return `<section id="${id}">
<h2><span class="badge ${verdict}">${verdict}</span> ${escapeHtml(kind)}</h2>
<p class="facts">${escapeHtml(timeText(at))} · ${seconds.toFixed(1)} s · ${escapeHtml(source)} · ${stateOf(result)}</p>
<table>
<thead><tr><th></th><th>measured</th><th class="n">value</th><th>limit</th></tr></thead>
<tbody>${rows.map(rowHtml).join('')}</tbody>
</table>
<div class="pictures">${images.map(figure).join('')}</div>
</section>`
}

function stateOf({ active, verdict, settings }: ReportedResult): string {
  if (active) return 'active'
  if (verdict === 'FAIL') return 'not active: it failed'
  return settings === undefined ? 'nothing to put to use' : 'not active'
}

function rowHtml(row: Row): string {
  const informs = row.limit === '' && row.verdict === 'PASS'
  const badge = informs ? '' : `<span class="dot ${row.verdict}" title="${row.verdict}"></span>`
  const value = row.value === null ? '–' : `${numberText(row.value)} ${escapeHtml(row.unit)}`
  const note = row.note === undefined ? '' : `<div class="note">${escapeHtml(row.note)}</div>`
  return `<tr><td>${badge}</td><td>${escapeHtml(row.name)}${note}</td><td class="n">${value}</td><td>${escapeHtml(row.limit)}</td></tr>`
}

function figure({ title, type, content }: ReportedPicture): string {
  const data = Buffer.from(content).toString('base64')
  return `<figure><img src="data:${type};base64,${data}" alt="${escapeHtml(title)}"></figure>`
}

function history(older: readonly ReportedResult[]): string {
  const rows = older.map(
    ({ verdict, kind, at, active }) =>
      `<tr><td><span class="badge ${verdict}">${verdict}</span></td><td>${escapeHtml(kind)}</td><td>${escapeHtml(timeText(at))}</td><td>${active ? 'active' : ''}</td></tr>`,
  )
  return `<section><h2>Earlier results</h2><table><tbody>${rows.join('')}</tbody></table></section>`
}

function timeText(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char]!)
}

const COLORS: Record<Verdict, string> = { PASS: '#1f9d5b', WARN: '#c98500', FAIL: '#d23c3c' }

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1e26; --soft: #5b6270; --paper: #f6f7f9; --card: #fff; --line: #dfe3ea; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaf0; --soft: #9aa3b2; --paper: #12141a; --card: #1b1e26; --line: #2c313c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
header, main { max-width: 980px; margin: 0 auto; padding: 24px; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 19px; margin: 0; }
p { margin: 4px 0; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: 10px; margin-top: 18px; }
.card { display: flex; gap: 14px; padding: 9px 14px; border-radius: 8px; background: var(--card); border: 1px solid var(--line); border-left-width: 5px; color: inherit; text-decoration: none; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 20px; margin-bottom: 20px; break-inside: avoid; }
.badge { color: #fff; border-radius: 5px; padding: 2px 8px; font-size: 13px; font-weight: 600; vertical-align: 2px; }
.dot { display: inline-block; width: 10px; height: 10px; border-radius: 50%; }
table { width: 100%; border-collapse: collapse; margin-top: 12px; }
th { text-align: left; color: var(--soft); font-weight: 500; font-size: 13px; }
th, td { padding: 6px 8px; border-top: 1px solid var(--line); vertical-align: top; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.note { color: var(--soft); font-size: 13px; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(400px, 1fr)); gap: 16px; margin-top: 16px; }
figure { margin: 0; } img { width: 100%; border-radius: 8px; display: block; }
${Object.entries(COLORS)
  .map(
    ([verdict, color]) =>
      `.badge.${verdict}, .dot.${verdict} { background: ${color}; } .card.${verdict} { border-left-color: ${color}; } .card.${verdict} span { color: ${color}; font-weight: 600; }`,
  )
  .join('\n')}
`
