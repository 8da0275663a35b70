import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const EXPORT = fileURLToPath(new URL('../../../scripts/train/export.py', import.meta.url))
const PYTHON = '/usr/bin/python3'

/** Why a network cannot be made here, or false. */
export const NO_EXPORT =
  spawnSync(PYTHON, ['-c', 'import torch, onnx']).status === 0
    ? false
    : "Debian's python3-torch and python3-onnx are not installed"

/** A package of random weights, written by the exporter. `sizes`: stem channels, channels, blocks; or `conv`. */
export function exportRandom(seed: number, sizes: string, golden = 2): string {
  const dir = join(mkdtempSync(join(tmpdir(), 'evtrackd-random-')), `random-${seed}`)
  const shape = sizes === 'conv' ? ['--network', 'conv'] : ['--sizes', sizes]
  const args = ['--random', `${seed}`, ...shape, '--golden', `${golden}`, '--out', dir]
  const { status, stderr } = spawnSync(PYTHON, [EXPORT, ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`export.py failed: ${stderr}`)
  return dir
}
