import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { panelOf } from '../../src/calibration/live-panel.js'
import { rateCurve } from '../../src/calibration/pictures/biases.js'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { Browser, CHROMIUM, type Page } from './chromium.js'
import { stage } from './http.js'

/** A calibration on the live page: its panel comes, follows what happens, and goes. */

const skip = CHROMIUM === undefined ? 'no Chromium is installed (Debian package chromium)' : false
const html = readFileSync(join(PACKAGE_ROOT, 'view/page.html'), 'utf8')
const IMAGE = `document.querySelector('.panel[data-name="calibration"] img')`

/** What a curve of so many points looks like as a calibration goes on. */
function progress(points: number) {
  const trace = Array.from({ length: points }, (_, i) => [i / 5, 4e5 + 1e4 * i] as const)
  return {
    text: `reading ${points}`,
    share: points / 10,
    figures: { events_per_second: 4e5 },
    depiction: rateCurve({ trace, readings: [], band: { from: 1e5, to: 1e6 } }),
  }
}

/** The picture as the browser has drawn it. */
const drawn = (page: Page) =>
  page.evaluate<string>(`(() => {
    const canvas = document.createElement('canvas')
    canvas.width = 280
    canvas.height = 190
    canvas.getContext('2d').drawImage(${IMAGE}, 0, 0, 280, 190)
    return canvas.toDataURL()
  })()`)

t.setTimeout(110_000)
t.test('a calibration appears, changes, is judged and goes', { skip }, async (t) => {
  const browser = new Browser()
  t.teardown(() => browser.close())
  const { server, port } = await stage({ page: html })
  t.teardown(() => server.close())
  const page = await browser.open(`http://127.0.0.1:${port}/`, { width: 1300, height: 900 })
  await page.until(`document.getElementById('pill').textContent === 'ready'`)
  t.equal(await page.evaluate(`document.querySelectorAll('.panel').length`), 0)

  const panel = server.panels.open('calibration', 'Calibration')
  panel.show(panelOf('biases', progress(3))!)
  await page.until(`${IMAGE}.naturalWidth > 400`)
  const text = `document.querySelector('.panel').innerText`
  t.match(await page.evaluate<string>(text), /biases of the event pixels/i)
  t.match(await page.evaluate<string>(text), 'reading 3')
  t.equal(await page.evaluate(`document.querySelector('.panel progress').value`), 0.3)
  const first = await drawn(page)
  const address = await page.evaluate<string>(`${IMAGE}.src`)
  // The page keeps the panel where it is: what is selected or scrolled stays.
  await page.evaluate(`document.querySelector('.panel').dataset.mark = 'same'`)

  panel.show(panelOf('biases', progress(8))!)
  await page.until(`${IMAGE}.src !== ${JSON.stringify(address)}`)
  t.match(await page.evaluate<string>(text), 'reading 8')
  t.not(await drawn(page), first, 'the curve has grown')
  t.equal(await page.evaluate(`document.querySelector('.panel').dataset.mark`), 'same')

  panel.show(panelOf('biases', { ...progress(10), verdict: 'PASS' })!)
  await page.until(`/· pass/i.test(document.querySelector('.panel h2').textContent)`)
  panel.close()
  await page.until(`document.querySelector('.panel') === null`)
  t.pass('gone')
})
