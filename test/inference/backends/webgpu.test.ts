import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PACKAGE_DIR } from '../packages.js'
import { exportRandom, NO_EXPORT } from '../random-package.js'

/** Debian's chromium-common brings a Vulkan driver that needs no graphics processor. */
const DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json'
const skip =
  process.arch !== 'x64'
    ? 'the packaged ONNX Runtime has WebGPU on x64 only'
    : existsSync(DRIVER)
      ? NO_EXPORT
      : "Debian's chromium-common (a software Vulkan driver) is not installed"
const compiled = (path: string) =>
  JSON.stringify(new URL(`../../../src/inference/${path}`, import.meta.url).href)

/** In a process of its own: Vulkan looks for drivers once, and its threads end with the process. */
function run(script: string, driver: string): string {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--input-type=module', '-e', script],
    { encoding: 'utf8', env: { ...process.env, VK_DRIVER_FILES: driver }, timeout: 280_000 },
  )
  if (status !== 0) throw new Error(stderr)
  return stdout.trim()
}

const open = (dir: string) => `
  import { loadModelPackage } from ${compiled('model-package.js')}
  import { createTrackerSession } from ${compiled('session.js')}
  import { inferenceSchema } from ${compiled('backends/schema.js')}
  import { openBackend } from ${compiled('backends/open.js')}
  const pkg = await loadModelPackage(${JSON.stringify(dir)})
  const cpu = await createTrackerSession(pkg)
  const config = inferenceSchema.parse({ backend: 'webgpu', checkShare: 1 })
  const backend = openBackend(pkg, { cpu, cpuGraph: 'int8', config, threads: 1 })
  await backend.settled
  console.log(JSON.stringify(backend.report))
`

// Shaders are compiled in software, in a process that tries and in one that uses.
t.setTimeout(300_000)

t.test('WebGPU gives every golden number, and every other one', { skip }, async (t) => {
  const dir = exportRandom(3, '8,16,1', 1)
  const profile = mkdtempSync(join(tmpdir(), 'evtrackd-profile-'))
  t.teardown(() => {
    rmSync(dir, { recursive: true })
    rmSync(profile, { recursive: true })
  })
  const output = run(
    `${open(dir)}
    const { planes, templateSize, searchSize } = pkg.spec
    const noise = (bytes) => Uint8Array.from({ length: bytes }, (_, i) => (i * i * 2654435761 >>> 13) & 255 & -((i >> 3) % 3 === 0))
    const crop = noise(planes.length * searchSize ** 2)
    const first = noise(planes.length * templateSize ** 2)
    const state = await backend.template(first)
    const own = await cpu.search(crop, [state])
    const other = await backend.search(crop, [state])
    await backend.check()
    const equal = ['score', 'size', 'offset'].every((map) => own[map].every((value, i) => value === other[map][i]))
    console.log(equal, new Set(own.score).size > 10, backend.report.checks, backend.report.wrong)

    const ort = (await import('${import.meta.resolve('onnxruntime-node')}')).default
    const profiled = await ort.InferenceSession.create(pkg.files['template-fp32.onnx'], {
      executionProviders: ['webgpu'], enableProfiling: true, profileFilePrefix: '${join(profile, 'run')}' })
    await profiled.run({ crop: new ort.Tensor('uint8', first, [1, planes.length, templateSize, templateSize]) })
    profiled.endProfiling()
    await backend.close()
    process.exit(0)`,
    DRIVER,
  )
  const [report, result] = output.split('\n')
  t.match(JSON.parse(report!), {
    inUse: 'webgpu',
    description: 'onnxruntime webgpu fp32',
    fallback: false,
    trials: [{ name: 'webgpu', outcome: 'chosen' }],
  })
  t.equal(result, 'true true 1 0')
  const file = join(profile, readdirSync(profile)[0]!)
  const events: readonly { args?: { op_name?: string; provider?: string } }[] = JSON.parse(
    readFileSync(file, 'utf8'),
  )
  const convolutions = events.filter(({ args }) => args?.op_name === 'Conv' && args.provider)
  t.ok(convolutions.length > 0)
  const who = new Set(convolutions.map(({ args }) => args?.provider))
  t.same([...who], ['WebGpuExecutionProvider'], 'it is WebGPU that computes')
})

const noWebGpu = process.arch === 'x64' ? false : 'there is no WebGPU to ask'
t.test('without a driver the CPU computes, and it is said why', { skip: noWebGpu }, async (t) => {
  const output = run(
    `${open(PACKAGE_DIR)}
    await backend.close()
    process.exit(0)`,
    '/nowhere',
  )
  t.match(JSON.parse(output), {
    inUse: 'cpu',
    description: 'onnxruntime cpu int8',
    fallback: true,
    trials: [{ name: 'webgpu', outcome: 'failed' }],
    reason: /Failed to get a WebGPU adapter/,
  })
})
