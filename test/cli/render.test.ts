import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PNG } from 'pngjs'
import t from 'tap'
import { render } from '../../src/cli/render.js'
import { evtrackd, TRAFFIC } from './run-cli.js'

// Each video is made by two programs started anew.
t.setTimeout(110_000)
const dir = mkdtempSync(join(tmpdir(), 'evtrackd-render-'))
const noRecording = existsSync(TRAFFIC) ? false : 'the traffic recording is not beside the project'
const has = (program: string) => spawnSync(program, ['-version'], { stdio: 'ignore' }).status === 0
const noFfmpeg = has('ffmpeg') && has('ffprobe') ? noRecording : 'ffmpeg is not installed'
const INIT = ['--init', '51,225,33,16', '--tracker', 'cluster']

t.test('a sheet of pictures shows events and the track', { skip: noRecording }, async (t) => {
  const out = join(dir, 'sheet.png')
  const args = ['render', TRAFFIC, '--out', out, ...INIT, '--scale', '1', '--json']
  const { code, stdout, stderr } = await evtrackd(args)
  t.equal(code, 0, stderr)
  const summary = JSON.parse(stdout)
  t.equal(summary.tracks, 1)
  t.equal(summary.pictures, Math.min(12, summary.windows))
  const { width, height, data } = PNG.sync.read(readFileSync(out))
  // Three columns and as many rows as it takes, with a caption below each and gaps between.
  t.equal(width, 3 * (346 + 6) + 6)
  t.equal(height, 4 * (260 + 18 + 6) + 6)
  const count = (test: (r: number, g: number, b: number) => boolean) => {
    let found = 0
    for (let i = 0; i < data.length; i += 4) {
      if (test(data[i]!, data[i + 1]!, data[i + 2]!)) found++
    }
    return found
  }
  t.ok(count((r, g, b) => r > b + 80 && r > g) > 100, 'ON events')
  t.ok(count((r, _g, b) => b > r + 80) > 100, 'OFF events')
  t.ok(count((r, g, b) => r === 80 && g === 255 && b === 120) > 500, 'the box of t-1')
})

t.test('a video plays at its rate for as long as the recording', { skip: noFfmpeg }, async (t) => {
  const out = join(dir, 'slow.mp4')
  const args = ['render', TRAFFIC, '--out', out, ...INIT, '--speed', '0.1', '--json']
  const { code, stdout, stderr } = await evtrackd(args)
  t.equal(code, 0, stderr)
  const { pictures, windows } = JSON.parse(stdout)
  const probe = spawnSync(
    'ffprobe',
    ['-v', 'error', '-count_frames', '-of', 'json', '-show_streams', out],
    { encoding: 'utf8' },
  )
  const [stream] = JSON.parse(probe.stdout).streams
  t.match(stream, { codec_name: 'h264', pix_fmt: 'yuv420p', width: 692, r_frame_rate: '30/1' })
  t.equal(stream.height % 2, 0)
  t.equal(Number(stream.nb_read_frames), pictures)
  // Windows end every 10 ms; a tenth of the speed at 30 a second is a picture every 3.33 ms.
  t.equal(pictures, 3 * (windows - 1) + 1)
})

t.test('what cannot be drawn is told before anything runs', async (t) => {
  const usual = { out: join(dir, 'x.png'), fps: '30', speed: '1', scale: '2' }
  const refused: [Partial<Parameters<typeof render>[1]>, RegExp][] = [
    [{ out: join(dir, 'clip.gif') }, /neither a video nor a picture/],
    [{ speed: '0' }, /--speed 0 is not usable/],
    [{ speed: '' }, /--speed {2}is not usable/],
    [{ scale: '1.5' }, /--scale 1\.5/],
    [{ fps: 'many' }, /--fps many/],
    [{ init: '1,2,3' }, /is not a box/],
    [{ tracker: 'cluster' }, /nothing\.aedat4/],
  ]
  for (const [options, message] of refused) {
    const file = join(dir, 'nothing.aedat4')
    await t.rejects(render(file, { ...usual, ...options }), { message, next: /./ })
  }
  t.notOk(existsSync(usual.out))
})

t.test('what cannot be written is told', { skip: noRecording }, async (t) => {
  const out = join(dir, 'no', 'x.png')
  const { code, stderr } = await evtrackd(['render', TRAFFIC, '--out', out, ...INIT])
  t.equal(code, 78)
  t.match(stderr, /no\/x\.png cannot be written/)
  t.match(stderr, /next: /)
})

t.test('a video without ffmpeg', { skip: noRecording }, async (t) => {
  const out = join(dir, 'none.mp4')
  const { code, stderr } = await evtrackd(['render', TRAFFIC, '--out', out, ...INIT], {
    PATH: dir,
  })
  t.equal(code, 78)
  t.match(stderr, /needs ffmpeg/)
  t.match(stderr, /apt install ffmpeg/)
  t.notOk(existsSync(out))
})

t.test('a video that cannot be written leaves nothing behind', { skip: noFfmpeg }, async (t) => {
  const out = join(dir, 'no-such-folder', 'x.mp4')
  const { code, stderr } = await evtrackd(['render', TRAFFIC, '--out', out, ...INIT])
  t.not(code, 0)
  t.match(stderr, /x\.mp4 cannot be written: .*No such file/)
  t.notOk(readdirSync(dir).includes('no-such-folder'))
})
