import { readSync, writeSync } from 'node:fs'
import {
  type Answer,
  type Hello,
  MEMORY_FD,
  type Request,
} from '../../../src/inference/runner/protocol.js'
import { serveRunner } from '../../../src/inference/runner/serve.js'

/**
 * The reference runner with one fault: `faulty-runner FAULT AFTER` does as it should for AFTER searches, and then not.
 * The faults of the handshake ('protocol', 'hash', 'batch', 'refuse') come at once.
 */
export type Fault =
  | 'protocol'
  | 'hash'
  | 'batch'
  | 'small-batch'
  | 'refuse'
  | 'crash'
  | 'hang'
  | 'nan'
  | 'off-grid'
  | 'unwritten'
  | 'wrong'
  | 'id'
  | 'garbage'
  | 'endless-line'
  | 'twice'
  | 'failed'

const [fault, after] = [process.argv[2] as Fault, Number(process.argv[3] ?? 0)]
let hello: Hello | undefined
let last: Request | undefined
let searches = 0

function* input(): Generator<Buffer> {
  const buffer = Buffer.alloc(65_536)
  for (let bytes = readSync(0, buffer); bytes > 0; bytes = readSync(0, buffer)) {
    last = JSON.parse(buffer.subarray(0, bytes).toString('utf8')) as Request
    if (last.type === 'hello') hello = last
    yield buffer.subarray(0, bytes)
  }
}

const say = (text: string) => void writeSync(1, text)
const tell = (answer: unknown) => say(`${JSON.stringify(answer)}\n`)

function answer(given: Answer): void {
  if (given.type === 'ready') tell(greeting(given))
  else if (given.type !== 'done' || last?.type !== 'run' || last.part !== 'search') tell(given)
  else if (searches++ < after) tell(given)
  else misbehave(given.id, given)
}

function greeting(ready: Extract<Answer, { type: 'ready' }>): unknown {
  if (fault === 'protocol') return { ...ready, protocol: 9 }
  if (fault === 'hash') return { ...ready, sha256: { ...ready.sha256, search: 'f00d' } }
  if (fault === 'batch') return { ...ready, max_batch: 0 }
  if (fault === 'small-batch') return { ...ready, max_batch: 3 }
  if (fault === 'refuse') return { type: 'failed', message: 'there is no chip' }
  return ready
}

function misbehave(id: number, done: Answer): void {
  const score = hello!.parts.search.outputs[0]!
  const values = new Float32Array(score.shape.reduce((a, b) => a * b, 1))
  const change = (edit: () => void) => {
    readSync(MEMORY_FD, values, 0, values.byteLength, score.offset)
    edit()
    writeSync(MEMORY_FD, values, 0, values.byteLength, score.offset)
    tell(done)
  }
  if (fault === 'crash') {
    process.stderr.write('the driver is gone\n')
    process.exit(3)
  }
  if (fault === 'hang') for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  if (fault === 'nan') change(() => (values[7] = Number.NaN))
  else if (fault === 'off-grid') change(() => (values[7]! *= 1 + 2 ** -20))
  else if (fault === 'unwritten') change(() => new Uint8Array(values.buffer).fill(0xff))
  else if (fault === 'wrong') change(() => values.reverse())
  else if (fault === 'id') tell({ ...done, id: id - 1 })
  else if (fault === 'garbage') say('Segmentation fault\n')
  else if (fault === 'endless-line') say('x'.repeat(70_000))
  else if (fault === 'twice') say(`${JSON.stringify(done)}\n${JSON.stringify(done)}\n`)
  else if (fault === 'failed') tell({ type: 'failed', id, message: 'out of memory' })
  else tell(done)
}

await serveRunner({ input: input(), answer, memory: MEMORY_FD, name: 'faulty runner' })
process.exit(0)
