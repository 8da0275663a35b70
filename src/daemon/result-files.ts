import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sequence } from '../sources/sequence/sequence.js'
import type { Answer, OnePassResult } from '../tracking/one-pass.js'
import { type Contestant, contestantName } from './evaluate-sequence.js'

/**
 * Result files as the toolkits of tracking benchmarks read them: `DIR/TRACKER/SEQUENCE.txt` with one row `x,y,w,h` for
 * each label from the given one on, `SEQUENCE_time.txt` with the seconds spent for each.
 */
export async function writeResultFiles(
  dir: string,
  of: {
    readonly sequence: Sequence
    readonly contestants: readonly Contestant[]
    readonly results: readonly OnePassResult[]
  },
): Promise<void> {
  for (const [i, { answers }] of of.results.entries()) {
    const folder = join(dir, contestantName(of.contestants[i]!))
    await mkdir(folder, { recursive: true })
    const { name } = of.sequence
    await writeFile(join(folder, `${name}.txt`), lines(answers, boxRow))
    await writeFile(join(folder, `${name}_time.txt`), lines(answers, timeRow))
  }
}

const lines = (answers: readonly Answer[], row: (answer: Answer) => string) =>
  answers.map((answer) => `${row(answer)}\n`).join('')

const boxRow = ({ box: { x, y, w, h } }: Answer) => [x, y, w, h].map((v) => v.toFixed(2)).join()
const timeRow = ({ spentMs }: Answer) => (spentMs / 1000).toFixed(6)
