import { readSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { PROVIDERS, type Provider } from '../onnx.js'
import { MAX_LINE_BYTES, MEMORY_FD } from './protocol.js'
import { serveRunner } from './serve.js'

/**
 * The reference runner as a program: ONNX Runtime in a process of its own.
 * usage: reference [--provider cpu|webgpu|cuda|tensorrt] [--ort-dir DIR]
 */
const THIS_FILE = fileURLToPath(import.meta.url)

/** The command that starts it. */
export function referenceCommand(
  options: { readonly provider?: Provider; readonly ortDir?: string | undefined } = {},
): [string, ...string[]] {
  const { provider = 'cpu', ortDir } = options
  const dir = ortDir === undefined ? [] : ['--ort-dir', ortDir]
  return [process.execPath, THIS_FILE, '--provider', provider, ...dir]
}

/** Runs until its input ends, and ends the process. */
export async function main(): Promise<void> {
  try {
    await serve()
    // ONNX Runtime's threads are not waited for.
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(1)
  }
}

/** Standard input, read by blocking: there is nothing else to do meanwhile, and no event loop on the way to a request. */
function* blockingInput(): Generator<Buffer> {
  const buffer = Buffer.alloc(MAX_LINE_BYTES)
  for (let bytes = readSync(0, buffer); bytes > 0; bytes = readSync(0, buffer)) {
    yield buffer.subarray(0, bytes)
  }
}

async function serve(): Promise<void> {
  const { values } = parseArgs({
    options: { provider: { type: 'string', default: 'cpu' }, 'ort-dir': { type: 'string' } },
  })
  const provider = PROVIDERS.find((one) => one === values.provider)
  if (provider === undefined) {
    throw new Error(`there is no provider ${values.provider}; choose from ${PROVIDERS.join(', ')}`)
  }
  await serveRunner({
    input: blockingInput(),
    answer: (answer) => void writeSync(1, `${JSON.stringify(answer)}\n`),
    memory: MEMORY_FD,
    name: 'evtrackd reference runner',
    provider,
    ortDir: values['ort-dir'],
  })
}

if (process.argv[1] === THIS_FILE) await main()
