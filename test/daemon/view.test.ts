import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startDaemon } from '../../src/daemon/daemon.js'
import { parseConfig } from '../../src/daemon/load-config.js'
import { createLog } from '../../src/daemon/log.js'
import { openView } from '../../src/daemon/view.js'
import { answerOf, ask, post } from '../view/http.js'
import { unpackPixels } from '../view/windows.js'

const lines: string[] = []
const log = createLog({ level: 'info', journal: false, write: (line) => lines.push(line) })

t.test('the live page of a running daemon', async (t) => {
  const config = parseConfig(
    {
      source: { kind: 'scene', scene: 'clean' },
      mqtt: { url: 'embedded', embedded: { port: 0 } },
      tracking: { tracker: 'cluster', proposals: { enabled: false } },
      view: { enabled: true, port: 0 },
      stateDir: mkdtempSync(join(tmpdir(), 'evtrackd-view-')),
    },
    'test',
  )
  const daemon = await startDaemon(config, { log })
  const view = await openView(config.view, { daemons: () => [daemon], log })
  const url = lines.join('').match(/http:\/\/127\.0\.0\.1:(\d+)\//)
  const port = Number(url?.[1])
  t.ok(port > 0, 'the log says where it is')

  t.match(String((await ask(port, '/')).body), /^<!doctype html>/)
  const next = async () => answerOf(await ask(port, '/next?viewer=viewer01'))
  let answer = await next()
  while (answer.head.window === undefined) answer = await next()
  const seen = answer.head.window
  t.ok(unpackPixels(answer.pixels, 346 * 260).some((byte) => byte !== 0))
  const later = (await next()).head.window
  t.ok(later !== undefined && later.seq > seen.seq, 'windows go on')

  const started = await post(port, '/target/start', { box: [100, 100, 40, 30], label: 'lorry' })
  const { id } = JSON.parse(String(started.body)).result
  t.match(id, daemon.bootId)
  let tracks = (await next()).head.window?.tracks
  while (!tracks?.some((track) => track.id === id)) tracks = (await next()).head.window?.tracks
  t.match(
    tracks.find((track) => track.id === id),
    { label: 'lorry', state: /tracking|still/ },
  )
  t.equal((await post(port, '/target/start', { box: [1, 1, 2, 2] })).status, 409)
  t.equal((await post(port, '/target/stop', { id })).status, 200)
  t.equal((await post(port, '/target/stop', { id })).status, 404)

  const taken = { ...config.view, port }
  await t.rejects(openView(taken, { daemons: () => [], log }), { code: 'EADDRINUSE' })
  await view.close()
  await daemon.stop()
})
