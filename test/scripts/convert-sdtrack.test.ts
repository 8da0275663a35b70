import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readGolden } from '../../src/inference/golden.js'
import { loadModelPackage } from '../../src/inference/model-package.js'
import { createTrackerSession } from '../../src/inference/session.js'
import type { SearchMaps } from '../../src/inference/tracker-session.js'
import { decodePeak, positionWindow } from '../../src/tracking/decode.js'
import { createSearcher } from '../../src/tracking/searcher.js'
import { editManifest, replaceFile } from '../inference/packages.js'
import { addBlob, addNoise, emptyFrame } from '../tracking/helpers.js'

const PYTHON = '/usr/bin/python3'
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const CONVERTER = join(ROOT, 'scripts/convert-sdtrack')
/** A narrow network of the official build; see sdtrack_case.py. */
const WIDTHS = '8,16,32,64,80,64,32,16,8'
const MODULES = ['torch', 'onnx', 'numpy']
const FIND = `import importlib.util as u; print(*[m for m in ${JSON.stringify(MODULES)} if u.find_spec(m) is None])`

const found = spawnSync(PYTHON, ['-c', FIND], { encoding: 'utf8' })
const missing = found.status === 0 ? found.stdout.trim() : 'python3'
// Four starts of Python with PyTorch: seconds on an idle machine, many on a busy one.
const TIMEOUT_MS = 300_000
t.setTimeout(TIMEOUT_MS)
const options =
  missing === ''
    ? { timeout: TIMEOUT_MS }
    : { skip: `Debian packages for ${missing} are not installed` }

const folder = mkdtempSync(join(tmpdir(), 'evtrackd-sdtrack-'))
t.teardown(() => rmSync(folder, { recursive: true }))
const python = (script: string): string =>
  execFileSync(PYTHON, [join(ROOT, 'test/scripts', script), folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
const convert = (...args: string[]) =>
  spawnSync(PYTHON, [CONVERTER, ...args, '--widths', WIDTHS], { encoding: 'utf8' })

t.test('an SDTrack checkpoint becomes a package that the runtime runs', options, async (t) => {
  python('sdtrack_case.py')
  const out = join(folder, 'sdtrack-narrow')
  const samples = ['--samples', join(folder, 'samples.npz'), '--count', '1']
  const done = convert(join(folder, 'legacy.pth'), out, ...samples)
  t.equal(done.status, 0, done.stderr)
  const pkg = await loadModelPackage(out)
  const golden = readGolden(pkg)
  const crop = golden.get('search.crop')!.data as Uint8Array
  const shown = golden.get('template.crop')!.data as Uint8Array

  await t.test('model.json says what upstream does', async (t) => {
    const { manifest, spec } = pkg
    t.equal(manifest.kind, 'canvas')
    t.same(spec.planes, ['trajectory', 'negative', 'positive'])
    t.match(spec, { templateSize: 128, searchSize: 256, templateFactor: 2, searchFactor: 4 })
    t.match(spec, { mapSize: 16, windowStrength: 0, minBoxPx: 10 })
    t.match(manifest.aggregation, { amount: 30, decay: 0.8 })
    t.equal(manifest.decode.offset, 'raw')
    t.equal(manifest.integers, null)
  })

  await t.test('fidelity is stated for every layer, and good where the input is the same', (t) => {
    const fidelity = pkg.manifest.fidelity!
    // 5 downsamplings, 4 blocks of 5 convolutions, 8 attention blocks of 4, 3 towers of 5.
    t.equal(fidelity.layers.length, 5 + 4 * 5 + 8 * 4 + 3 * 5)
    for (const { name, sqnrDb } of fidelity.layers) t.ok(sqnrDb > 25, `${name}: ${sqnrDb} dB`)
    t.ok(fidelity.flippedSameInput < 0.01)
    t.ok(fidelity.flippedEndToEnd >= 0 && fidelity.flippedEndToEnd < 1)
    t.same(fidelity.maps.map((map) => map.name).sort(), ['offset', 'score', 'size'])
    t.end()
  })

  await t.test('energy counts what there is: multiplications in the first layer only', (t) => {
    const { layers } = pkg.manifest.energy
    const macs = layers.filter((layer) => layer.kind === 'MAC')
    t.same(macs, [
      {
        name: 'downsample1_1',
        crop: 'search',
        kind: 'MAC',
        operations: 192 ** 2 * 8 * 147,
        rate: null,
      },
    ])
    t.ok(layers.every(({ rate }) => rate === null || (rate > 0 && rate < 4)))
    t.end()
  })

  await t.test('the fp32 graph is the checkpoint: an independent float64 forward', async (t) => {
    const session = await createTrackerSession(pkg, { graph: 'fp32' })
    t.teardown(() => session.close())
    const maps = await session.search(crop, [await session.template(shown)])
    for (const name of ['score', 'size', 'offset'] as const) {
      const bytes = new Uint8Array(readFileSync(join(folder, `${name}.f64`)))
      const expected = new Float64Array(bytes.buffer)
      t.equal(maps[name].length, expected.length)
      const largest = maps[name].reduce((max, v, i) => Math.max(max, Math.abs(v - expected[i]!)), 0)
      t.ok(largest < 1e-5, `${name}: ${largest}`)
      const spread = Math.max(...expected) - Math.min(...expected)
      t.ok(spread > 0.1, `${name} is alive: ${spread}`)
    }
  })

  await t.test('the int8 graph gives the stated integers, alone and in a batch', async (t) => {
    // Opening compares it with the integers that PyTorch summed, for equality.
    const session = await createTrackerSession(pkg)
    t.teardown(() => session.close())
    const black = new Uint8Array(shown.length)
    const states = [await session.template(shown), await session.template(black)]
    const two = new Uint8Array(2 * crop.length)
    two.set(crop)
    two.set(
      crop.map((value) => 255 - value),
      crop.length,
    )
    const both = await session.search(two, states)
    t.equal(both.batch, 2)
    for (const i of [0, 1]) {
      const one = await session.search(two.subarray(i * crop.length), [states[i]!])
      for (const name of ['score', 'size', 'offset'] as const) {
        const length = one[name].length
        t.same(one[name], both[name].subarray(i * length, (i + 1) * length), `${name} of ${i}`)
      }
    }
    t.same(both.offset.subarray(0, 512), golden.get('search.offset_logit')!.data, 'raw offsets')
    t.ok(
      both.offset.some((value) => value < 0 || value > 1),
      'which no sigmoid made',
    )
    t.notSame(both.score.subarray(0, 256), both.score.subarray(256), 'the crops decide')
    const other = await session.search(crop, [states[1]!])
    t.notSame(other.score, both.score.subarray(0, 256), 'and so does the template')
    await t.rejects(session.search(two.subarray(1), states), { name: 'RangeError' })
  })

  await t.test('tracking takes its answer as upstream does, without a window', async (t) => {
    const session = await createTrackerSession(pkg, { skipGolden: true })
    t.teardown(() => session.close())
    let maps: SearchMaps | undefined
    const watched = {
      spec: session.spec,
      template: session.template.bind(session),
      close: session.close.bind(session),
      search: async (...args: Parameters<typeof session.search>) =>
        (maps = await session.search(...args)),
    }
    const size = { width: 346, height: 260 }
    const box = { x: 150, y: 100, w: 40, h: 30 }
    const frame = emptyFrame(size, 0)
    addBlob(frame, box)
    addNoise(frame, 300, 5)
    const searcher = createSearcher({
      session: watched,
      size,
      capacity: 1,
      windowStrength: 1,
      nowMs: () => 0,
    })
    const template = await searcher.template(frame, box)
    const [peak] = await searcher.search(frame, [{ box, template, growth: 1 }])
    const side = Math.ceil(Math.sqrt(40 * 30) * 4)
    const region = {
      x: Math.floor(170 - side / 2 + 0.5),
      y: Math.floor(115 - side / 2 + 0.5),
      side,
    }
    t.same(peak, decodePeak(maps!, { index: 0, region }))
    t.notSame(peak, decodePeak(maps!, { index: 0, region, window: positionWindow(16, 1) }))
  })

  await t.test('refused: golden numbers that the graphs do not give', async (t) => {
    const filled = async (tensors: readonly string[]) => {
      const content = pkg.files['golden.bin']!.slice()
      for (const name of tensors) {
        const { offset, shape } = pkg.manifest.golden.tensors.find((g) => g.name === name)!
        const length = shape.reduce((a, b) => a * b, 1)
        new Float32Array(content.buffer, offset, length).fill(0)
      }
      replaceFile(out, 'golden.bin', content)
      return loadModelPackage(out)
    }
    const exact = await filled(['search.size_logit'])
    await t.rejects(createTrackerSession(exact), {
      code: 'MODEL_INVALID',
      data: { tensor: 'search.size_logit', element: 0, expected: 0 },
    })
    const near = await filled(['search.offset_logit', 'float.offset_logit'])
    await t.rejects(createTrackerSession(near, { graph: 'fp32' }), {
      code: 'MODEL_INVALID',
      message: /float\.offset_logit differs by .* on average, expected at most 0\.0010/,
    })
    editManifest(out, (m) => {
      m.golden.tensors = m.golden.tensors.filter(
        (row: { name: string }) => row.name !== 'float.score_logit',
      )
    })
    await t.rejects(loadModelPackage(out), {
      message: /golden tensor float\.score_logit is missing/,
    })
  })

  await t.test('checkpoints are read, or refused by name, and never run', (t) => {
    const said = JSON.parse(python('sdtrack_refusals.py'))
    t.ok(said.formats, 'both formats of torch.save give the same tensors as torch.load')
    t.equal(said.tensors, 549)
    t.ok(said.views, 'a view of a half-precision tensor too')
    const tensor = 'box_head.conv5_size.weight'
    const refused: Record<string, RegExp> = {
      missing: /backbone\.block4\.1\.mlp\.fc2_bn\.running_var is missing, expected shape \[80\]/,
      shape: new RegExp(`${tensor} has shape \\[2, 9, 1, 1\\], expected \\[2, 8, 1, 1\\]`),
      nan: /box_head\.conv5_ctr\.bias holds a number that is not finite/,
      variance: /downsample2\.encode_bn\.running_var holds a negative variance/,
      noTensor: new RegExp(`${tensor} is no tensor, expected one of shape`),
      noNet: /no state dictionary under "net"; it holds: model, epoch/,
      notADict: /no state dictionary under "net"; it holds: list/,
      reaches: /reaches beyond its storage of 4 numbers/,
      repeats: /size \(1000000000000,\) reaches beyond its storage/,
      backwards: /impossible layout: size \(2,\), stride \(-1,\)/,
      inNet: new RegExp(`${tensor} is no tensor`),
      version: /format version b'9', expected one of \(2, 3\)/,
      storageLacks: /lacks its part data\/3/,
      storageShort: /Storage 3 has \d+ bytes, expected \d+/,
      compressed: /is compressed/,
      noProgram: /zip file without one data\.pkl/,
      cutZip: /is no file of torch\.save/,
      cutLegacy: /Storage \d+ (has|holds) \d+ (bytes|numbers), expected \d+/,
      legacyVersion: /protocol version 1002, expected 1001/,
      otherPickle: /does not begin like a file of torch\.save/,
      text: /is no file of torch\.save/,
      empty: /is no file of torch\.save/,
      nowhere: /cannot be read: No such file/,
    }
    for (const [name, message] of Object.entries(refused)) {
      t.notOk(said[name].read, name)
      t.match(said[name].message, message)
      t.ok(said[name].then, `${name}: what to do next`)
    }
    t.same(said.extra, { read: true, unused: ['box_head.conv6.weight'] })
    t.ok(said.bfloat16.read)
    t.ok(said.control, 'torch.load runs what the file says')
    for (const name of ['systemZip', 'systemLegacy', 'evalZip', 'evalLegacy']) {
      t.same(said[name], { read: true, unused: [], ran: false }, name)
    }
    t.notOk(said.inNet.ran)
    t.end()
  })

  await t.test('the command says what is wrong, and leaves no package behind', (t) => {
    const refuse = (args: readonly string[], message: RegExp) => {
      const { status, stderr } = convert(...args)
      t.equal(status, 1, args.join(' '))
      t.match(stderr, message)
      t.notMatch(stderr, /Traceback/)
    }
    const zip = join(folder, 'zip.pth')
    const fresh = join(folder, 'fresh')
    refuse([join(folder, 'shape.pth'), fresh], /conv5_size\.weight has shape \[2, 9, 1, 1\]/)
    refuse([zip, join(folder, 'Not_a_name')], /cannot be the name of a package/)
    refuse([zip, fresh, '--count', '0'], /--count is 0, expected at least 1/)
    refuse([zip, fresh, '--samples', zip], /no \.npz file with arrays z and x/)
    refuse([zip, fresh, '--random', '1'], /exists and is not overwritten/)
    const { status, stderr } = spawnSync(PYTHON, [CONVERTER, zip, fresh], { encoding: 'utf8' })
    t.equal(status, 1)
    t.match(stderr, /downsample1_1\.encode_conv\.weight has shape \[8, 3, 7, 7\], expected \[32/)
    t.notOk(existsSync(fresh))
    t.end()
  })
})
