import { connect } from 'node:net'
import t from 'tap'
import { EvtrackError } from '../../src/events/errors.js'
import type { Frame } from '../../src/pipeline/frame.js'
import { answerOf, ask, post, raw, stage } from './http.js'
import { aTrack, emptyFrame, movingWindow, SIZE, STATE, unpackPixels } from './windows.js'

const AREA = SIZE.width * SIZE.height

t.test('a page gets windows, tracks and how things stand', async (t) => {
  const track = aTrack('boot-3', { label: 'lorry' })
  const { server, port } = await stage({
    camera: { window: async () => movingWindow(9, [track]) },
  })
  const first = answerOf(await ask(port, '/next?viewer=viewer01'))
  t.same(first.head.state, STATE)
  t.same(first.head.cameras, ['north'])
  t.same(first.head.panels, [])
  t.match(first.head.window, { seq: 9, events: 1200, width: 346, height: 260, broken: false })
  t.match(first.head.window?.tracks, [
    { id: 'boot-3', state: 'tracking', box: [100, 80, 40, 30], label: 'lorry' },
  ])
  const pixels = unpackPixels(first.pixels, AREA)
  t.equal(pixels[90 * 346 + 120]! >> 5, 7, 'the square is bright')
  t.equal(pixels[0], 0)
  const second = answerOf(await ask(port, '/next?viewer=viewer01'))
  t.notOk('panels' in second.head, 'told once')
  t.equal(server.viewers, 1)
  await server.close()
})

t.test('nobody looks: no window is copied', async (t) => {
  const { server, port, pulls } = await stage()
  await ask(port, '/')
  await post(port, '/target/stop', { id: 'boot-1' })
  t.equal(pulls(), 0)
  await ask(port, '/next?viewer=viewer01')
  t.equal(pulls(), 1)
  await server.close()
})

t.test('without windows a page still learns how things stand', async (t) => {
  const none = () => Promise.reject(new Error('no window came'))
  const { server, port } = await stage({ camera: { window: none } })
  const { head, pixels } = answerOf(await ask(port, '/next?viewer=viewer01'))
  t.same(head.state, STATE)
  t.notOk('window' in head)
  t.equal(pixels.length, 0)
  await server.close()
})

t.test('the page allows its own scripts and styles by hash, and nothing else', async (t) => {
  const { server, port } = await stage()
  const { status, headers } = await ask(port, '/')
  t.equal(status, 200)
  const policy = String(headers['content-security-policy'])
  t.match(policy, "default-src 'none'")
  t.match(policy, "frame-ancestors 'none'")
  // echo -n 1 | openssl sha256 -binary | base64
  t.match(policy, "script-src 'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='")
  t.notMatch(policy, 'unsafe')
  await server.close()
})

t.test('wrong host, other sites, wrong methods and paths', async (t) => {
  const { server, port, pulls } = await stage()
  const status = async (path: string, asked = {}) => (await ask(port, path, asked)).status
  t.equal(await status('/next?viewer=viewer01', { headers: { host: 'evil.example' } }), 403)
  t.equal(await status('/', { headers: { host: `evil.example:${port}` } }), 403)
  t.equal(
    await status('/next?viewer=viewer01', { headers: { 'sec-fetch-site': 'cross-site' } }),
    403,
  )
  const foreign = { origin: 'http://evil.example', 'content-type': 'application/json' }
  t.equal(await status('/target/stop', { method: 'POST', headers: foreign, body: '{}' }), 403)
  t.equal(await status('/target/stop', { method: 'POST', body: '{"id":"a"}' }), 415)
  t.equal(server.counts.requestsRefused, 5)
  t.equal(await status('/target/start'), 405)
  t.equal(await status('/', { method: 'DELETE' }), 405)
  for (const path of ['/etc/passwd', '/../page.html', '//', '/panel/x.png', '/next/', '/%2e']) {
    t.equal(await status(path), 404, path)
  }
  t.equal(await status('/next'), 400, 'a viewer has a name')
  t.equal(await status('/next?viewer=viewer01&camera=south'), 404)
  t.match(await raw(port, 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.equal(pulls(), 0)
  await server.close()
})

t.test('what is too large is refused before it is read', async (t) => {
  const { server, port, commands } = await stage()
  const long = await ask(port, '/', { headers: { 'x-long': 'x'.repeat(9000) } })
  t.equal(long.status, 431)
  t.equal((await post(port, '/target/stop', { id: 'x'.repeat(5000) })).status, 413)
  const head = 'POST /target/stop HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
  const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`
  const chunked = await raw(port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}`)
  t.match(chunked, /^HTTP\/1\.1 413 /, 'of unknown length')
  t.same(commands, [])
  await server.close()
})

t.test('commands reach the daemon, and its errors come back', async (t) => {
  const full = new EvtrackError('CONFIG_INVALID', 'All 8 places are taken.', { next: 'Stop one.' })
  const { server, port, commands } = await stage()
  const box = [300, 200, 100, 30]
  const started = await post(port, '/target/start', { box, label: 'lorry' })
  t.equal(started.status, 200)
  t.same(JSON.parse(String(started.body)), { ok: true, result: { id: 'boot-7' } })
  t.equal((await post(port, '/target/stop', { id: 'boot-7' })).status, 200)
  t.same(commands, [
    // The part outside the sensor is cut off.
    { name: 'target/start', request: { box: { x: 300, y: 200, w: 46, h: 30 }, label: 'lorry' } },
    { name: 'target/stop', request: { id: 'boot-7' } },
  ])
  const bad: unknown[] = [
    'not json',
    '"text"',
    'null',
    {},
    { box: [1, 2, 3] },
    { box: [1, 2, -3, 4] },
    { box: [1, 2, 3, null] },
    { box: [400, 300, 40, 30] },
    { box, label: '' },
    { box, stranger: 1 },
  ]
  for (const request of bad) {
    const reply = await post(port, '/target/start', request)
    t.equal(reply.status, 400, JSON.stringify(request))
    t.equal(JSON.parse(String(reply.body)).code, 'REQUEST_INVALID')
  }
  t.equal((await post(port, '/target/stop', { id: 5 })).status, 400)
  t.equal(commands.length, 2)
  await server.close()

  const failing = await stage({
    camera: {
      commands: {
        'target/start': () => Promise.reject(full),
        'target/stop': async () => ({ ok: false, code: 'TARGET_UNKNOWN', message: 'Nobody.' }),
      },
    },
  })
  const refused = await post(failing.port, '/target/start', { box })
  t.equal(refused.status, 409)
  t.match(JSON.parse(String(refused.body)), {
    ok: false,
    code: 'CONFIG_INVALID',
    message: 'All 8 places are taken.',
    next: 'Stop one.',
  })
  t.equal((await post(failing.port, '/target/stop', { id: 'a' })).status, 404)
  await failing.server.close()
})

t.test('a flood of commands is cut off, and told', async (t) => {
  const { server, port, commands } = await stage()
  const replies = await Promise.all(
    Array.from({ length: 30 }, () => post(port, '/target/stop', { id: 'boot-1' })),
  )
  const refused = replies.filter(({ status }) => status === 429).length
  t.ok(refused > 0)
  t.equal(server.counts.commandsDropped, refused)
  t.equal(commands.length, 30 - refused)
  await server.close()
})

t.test('more pages than allowed wait outside', async (t) => {
  const { server, port } = await stage({ config: { maxViewers: 2 } })
  const ids = ['viewer01', 'viewer02', 'viewer03']
  const replies = await Promise.all(ids.map((id) => ask(port, `/next?viewer=${id}`)))
  t.same(replies.map(({ status }) => status).sort(), [200, 200, 503])
  t.equal(server.viewers, 2)
  t.equal(server.counters()['viewersRefused'], 1)
  const outside = replies.find(({ status }) => status === 503)!
  t.match(JSON.parse(String(outside.body)), { ok: false, code: 'NOT_READY' })
  await server.close()
})

t.test('a client that does not read holds one answer, delays nobody and is let go', async (t) => {
  // Larger than what the system buffers between two processes.
  const size = { width: 4000, height: 4000 }
  const large: Frame = { ...emptyFrame(0, size), planes: new Uint8Array(3 * 16e6).fill(255) }
  const { server, port } = await stage({
    idleMs: 1500,
    camera: { window: async () => ({ frame: large, tracks: [] }) },
  })
  const sleeper = connect(port, '127.0.0.1')
  sleeper.pause()
  sleeper.write('GET /next?viewer=sleeper1 HTTP/1.1\r\nHost: localhost\r\n\r\n')
  // It has its answer under way as soon as others get theirs.
  const awake = answerOf(await ask(port, '/next?viewer=viewer01'))
  t.equal(awake.pixels.length, 16e6)
  t.equal((await ask(port, '/next?viewer=sleeper1')).status, 429, 'its answer has not left')
  t.equal((await ask(port, '/next?viewer=viewer01')).status, 200)
  const closed = new Promise<void>((resolve) => sleeper.once('close', () => resolve()))
  sleeper.on('error', () => {})
  let status = 429
  while (status === 429) status = (await ask(port, '/next?viewer=sleeper1')).status
  t.equal(status, 200, 'the connection was ended and its seat is free')
  sleeper.resume()
  await closed
  await server.close()
})

t.test('a request that never ends is cut off', async (t) => {
  const { server, port } = await stage({ idleMs: 200 })
  t.equal(await raw(port, 'GET / HTTP/1.1\r\nHost: loc'), '')
  const body = 'POST /target/stop HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
  t.equal(await raw(port, `${body}Content-Length: 20\r\n\r\n{"id"`), '')
  t.equal((await ask(port, '/')).status, 200)
  await server.close()
})

t.test('panels and their pictures', async (t) => {
  const { server, port } = await stage()
  const panel = server.panels.open('hot-pixels', 'Hot pixels')
  panel.show({ title: 'Hot pixels', progress: 0.25, picture: () => Buffer.from('a picture') })
  const { head } = answerOf(await ask(port, '/next?viewer=viewer01'))
  t.match(head.panels, [{ name: 'hot-pixels', progress: 0.25, picture: true }])
  const picture = await ask(port, '/panel/hot-pixels?v=1')
  t.equal(picture.headers['content-type'], 'image/png')
  t.equal(String(picture.body), 'a picture')
  panel.close()
  t.same(answerOf(await ask(port, '/next?viewer=viewer01')).head.panels, [])
  t.equal((await ask(port, '/panel/hot-pixels')).status, 404)
  await server.close()
})

t.test('several cameras, each with its own windows and commands', async (t) => {
  const south = {
    name: 'south',
    sensor: SIZE,
    window: async () => movingWindow(500),
    state: () => ({ ...STATE, camera: 'south' }),
    commands: {
      'target/start': async () => ({ ok: true as const, result: { id: 'south-1' } }),
      'target/stop': async () => ({ ok: true as const, result: {} }),
    },
  }
  const { server, port, commands } = await stage({ more: [south] })
  const { head } = answerOf(await ask(port, '/next?viewer=viewer01&camera=south'))
  t.equal(head.window?.seq, 500)
  t.equal(head.state?.camera, 'south')
  t.same(head.cameras, ['north', 'south'])
  const started = await post(port, '/target/start?camera=south', { box: [1, 1, 20, 20] })
  t.equal(JSON.parse(String(started.body)).result.id, 'south-1')
  t.same(commands, [])
  await server.close()
})

t.test('an end while a page waits', async (t) => {
  const { server, port } = await stage({ camera: { window: () => new Promise(() => {}) } })
  const waiting = ask(port, '/next?viewer=viewer01')
  while (server.viewers === 0) await new Promise(setImmediate)
  await server.close()
  await server.close()
  await t.rejects(waiting)
  await t.rejects(ask(port, '/'))
})
