import { panelOf } from '../calibration/live-panel.js'
import type { Clock } from '../events/time.js'
import type { Panel, PanelBoard } from '../view/panels.js'
import type { CalibrationNews } from './calibration-news.js'

/** The result stays on the page for a while: whoever holds the board has their hands full. */
const STAYS_MS = 60_000

/** Shows calibrations on the live page as they run, one panel for each camera. */
export class CalibrationPanels {
  readonly #board: PanelBoard
  readonly #clock: Clock
  readonly #open = new Map<string, { readonly id: string; readonly panel: Panel }>()
  readonly #closed = new AbortController()

  constructor(board: PanelBoard, clock: Clock) {
    this.#board = board
    this.#clock = clock
  }

  /** `camera`: its id in topics, which names the panel. */
  show(news: CalibrationNews, camera: string): void {
    const { id, kind, title, state, progress, report, error } = news
    const depiction = progress?.depiction
    const verdict = report?.verdict
    const content = panelOf(kind, {
      text: lineOf(news),
      share: state === 'running' ? (progress?.share ?? 0) : 1,
      ...(state === 'running' && { figures: progress?.figures ?? {} }),
      ...(depiction !== undefined && { depiction }),
      ...(verdict !== undefined && { verdict }),
    })
    let open = this.#open.get(camera)
    if (open?.id !== id) {
      open = { id, panel: this.#board.open(nameOf(camera), title) }
      this.#open.set(camera, open)
    }
    const failed = error === undefined ? {} : { verdict: 'fail' as const }
    open.panel.show({ ...(content ?? { title, lines: [lineOf(news)] }), ...failed })
    if (state !== 'running') void this.#closeLater(camera, id)
  }

  /** Takes all panels from the page. Idempotent. */
  async close(): Promise<void> {
    this.#closed.abort()
    for (const { panel } of this.#open.values()) panel.close()
    this.#open.clear()
  }

  async #closeLater(camera: string, id: string): Promise<void> {
    await this.#clock.sleep(STAYS_MS, this.#closed.signal).catch(() => {})
    const open = this.#open.get(camera)
    // Another run may have taken its place.
    if (open?.id !== id) return
    open.panel.close()
    this.#open.delete(camera)
  }
}

function nameOf(camera: string): string {
  return `calibration-${camera}`.slice(0, 40)
}

function lineOf({ state, ask, progress, report, error }: CalibrationNews): string {
  if (error !== undefined) return `${error.message} ${error.next}`
  if (report !== undefined) {
    const notes = report.outcome.rows.flatMap(({ note }) => note ?? [])
    const use = report.activated ? 'in use now' : 'not in use'
    return [`${state === 'skipped' ? 'skipped: ' : ''}${report.verdict}, ${use}`, ...notes].join(
      '. ',
    )
  }
  return progress?.text ?? ask
}
