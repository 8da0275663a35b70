import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_ROOT } from '../../src/daemon/version.js'
import { Browser, CHROMIUM, type Page } from './chromium.js'
import { type Stage, stage } from './http.js'
import { aTrack, movingWindow, STATE } from './windows.js'

/** The page as a person meets it: a real browser, a real server, windows made by hand. */

const skip = CHROMIUM === undefined ? 'no Chromium is installed (Debian package chromium)' : false
const page = readFileSync(join(PACKAGE_ROOT, 'view/page.html'), 'utf8')
const ORANGE_OVER_BLUE = `(() => {
  const canvas = document.getElementById('screen')
  const context = canvas.getContext('2d')
  const scale = canvas.width / 346
  const at = (x, y) => [...context.getImageData(x * scale, y * scale, 1, 1).data]
  const [r, g, b] = at(120, 85)
  const [r0, g0, b0] = at(10, 200)
  return r > b + 60 && Math.abs(r0 - b0) < 20
})()`

/** Where a sensor pixel is on the screen. */
async function onScreen(page: Page, x: number, y: number) {
  const at = await page.evaluate<{ left: number; top: number; width: number; height: number }>(
    `(() => { const { left, top, width, height } = document.getElementById('screen').getBoundingClientRect()
      return { left, top, width, height } })()`,
  )
  return { x: at.left + (x * at.width) / 346, y: at.top + (y * at.height) / 260 }
}

const text = (id: string) => `document.getElementById('${id}').textContent`
const rows = `[...document.querySelectorAll('#targets tr')].map((tr) => tr.innerText.replace(/\\s+/g, ' ').trim())`

// A browser takes its time on a busy machine.
t.setTimeout(110_000)
let browser: Browser
if (skip === false) {
  browser = new Browser()
  t.teardown(() => browser.close())
}

t.test('the live page in a browser', { skip }, async (t) => {
  let seq = 0
  let tracks = [
    aTrack('boot-1', { label: 'lorry' }),
    aTrack('boot-2', { state: 'lost', box: { x: 200, y: 150, w: 60, h: 60 }, score: 0.31 }),
  ]
  let refuse = false
  const commands: { name: string; request: unknown }[] = []
  const made: Stage = await stage({
    page,
    camera: {
      // The square stands where the tests look for it.
      window: async () => {
        const { frame } = movingWindow(0)
        const at = { seq: seq++, tStartUs: seq * 10_000, tEndUs: seq * 10_000 + 30_000 }
        return { frame: { ...frame, header: { ...frame.header, ...at } }, tracks }
      },
      commands: {
        'target/start': async (request) => {
          commands.push({ name: 'start', request })
          return refuse
            ? { ok: false, code: 'CONFIG_INVALID', message: 'It is too small.', next: 'Draw more.' }
            : { ok: true, result: { id: 'boot-7' } }
        },
        'target/stop': async (request) => {
          commands.push({ name: 'stop', request })
          tracks = tracks.filter(({ id }) => id !== request.id)
          return { ok: true, result: { id: request.id } }
        },
      },
    },
  })
  t.teardown(() => made.server.close())
  const live = await browser.open(`http://127.0.0.1:${made.port}/`, { width: 1300, height: 850 })

  await live.until(`${rows}.length === 2`)
  await live.until(ORANGE_OVER_BLUE)
  t.pass('events are on the canvas')
  const [first, second] = await live.evaluate<string[]>(rows)
  t.match(first, /^#1 lorry tracking 0\.50 50 Stop$/)
  t.match(second, /^#2 lost 0\.31 50 Stop$/)
  t.equal(await live.evaluate(text('pill')), 'ready')
  t.equal(await live.evaluate(text('events')), '1.25 M /s')
  t.equal(await live.evaluate(text('p99')), '6.3 ms')
  t.match(await live.evaluate<string>(text('drops')), 'windows skipped7')
  t.equal(await live.evaluate(text('where')), 'mast-3 / north · camera · evt-compact')

  // A target is started by dragging a box, and named.
  await live.evaluate(`document.getElementById('label').value = 'van'`)
  await live.drag(await onScreen(live, 250, 30), await onScreen(live, 310, 80))
  await live.until(`${text('toast')} === 'Target #7 started.'`)
  const { name, request } = commands.shift()!
  const { box, label } = request as { box: Record<string, number>; label: string }
  t.equal(name, 'start')
  t.equal(label, 'van')
  t.same(
    [box['x'], box['y'], box['w'], box['h']].map((side) => Math.round(side!)),
    [250, 30, 60, 50],
  )

  // Errors of the daemon are shown.
  refuse = true
  await live.drag(await onScreen(live, 250, 30), await onScreen(live, 310, 80))
  await live.until(`${text('toast')}.startsWith('CONFIG_INVALID')`)
  t.equal(await live.evaluate(text('toast')), 'CONFIG_INVALID: It is too small. Draw more.')
  commands.length = 0

  // A click on a target stops it, one beside it does nothing.
  await live.click(await onScreen(live, 20, 20))
  await live.click(await onScreen(live, 230, 180))
  await live.until(`${text('toast')} === 'Target #2 stopped.'`)
  await live.until(`${rows}.length === 1`)
  t.same(commands.splice(0), [{ name: 'stop', request: { id: 'boot-2' } }])

  // The same by keyboard.
  refuse = false
  await live.evaluate(`document.getElementById('screen').focus()`)
  for (const [key, modifiers] of [
    ['ArrowLeft', 0],
    ['ArrowLeft', 0],
    ['ArrowDown', 8],
    ['Enter', 0],
  ] as const) {
    await live.key(key, modifiers)
  }
  await live.until(`${text('toast')} === 'Target #7 started.'`)
  t.same(commands.splice(0), [
    { name: 'start', request: { box: { x: 145, y: 110, w: 48, h: 44 } } },
  ])
  await live.evaluate(`document.querySelector('#targets button').focus()`)
  await live.key('Enter')
  await live.until(`${rows}.length === 0`)
  t.match(commands.splice(0), [{ name: 'stop', request: { id: 'boot-1' } }])
  t.notOk(await live.evaluate(`document.getElementById('nobody').hidden`))

  // A panel, and its picture over HTTP.
  const panel = made.server.panels.open('focus', 'Focus')
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  )
  panel.show({ title: 'Focus', lines: ['score 12'], verdict: 'pass', picture: () => png })
  await live.until(`document.querySelector('.panel img')?.naturalWidth === 1`)
  t.match(await live.evaluate<string>(`document.querySelector('.panel').innerText`), /FOCUS · PASS/)
  panel.close()
  await live.until(`document.querySelector('.panel') === null`)

  // Who pauses asks for nothing.
  await live.key('p')
  await live.until(`document.getElementById('pause').getAttribute('aria-pressed') === 'true'`)
  await live.evaluate('new Promise((resolve) => setTimeout(resolve, 300))')
  const paused = made.pulls()
  await live.evaluate('new Promise((resolve) => setTimeout(resolve, 300))')
  t.equal(made.pulls(), paused)
  await live.key('p')

  await live.until(`parseInt(${text('shown')}) > 0`)
  t.comment(`shown in the browser: ${await live.evaluate(text('shown'))}`)
  await made.server.close()
  await live.until(`!document.getElementById('veil').hidden`)
  t.equal(
    await live.evaluate(text('veil')),
    'The daemon does not answer. Trying again …',
    'an end is told',
  )
})

t.test('a degraded daemon and its broker are named on the page', { skip }, async (t) => {
  const state = {
    ...STATE,
    state: 'degraded',
    reason: 'CAMERA_LOST: unplugged',
    broker: 'connecting',
  }
  const { server, port } = await stage({
    page,
    camera: { state: () => state, window: () => Promise.reject(new Error('none')) },
  })
  t.teardown(() => server.close())
  const live = await browser.open(`http://localhost:${port}/`, { width: 800, height: 900 })
  await live.until(`${text('pill')} === 'degraded'`)
  t.equal(await live.evaluate(text('reason')), 'CAMERA_LOST: unplugged Broker connecting.')
  t.equal(await live.evaluate(text('veil')), 'Waiting for the first window …')
})
