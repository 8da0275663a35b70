import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { stage } from './lib/stage.mjs'

// usage: node packaging/stage.mjs --arch amd64|arm64 --root DIR   (SOURCE_DATE_EPOCH dates what carries a date)
const { values } = parseArgs({ options: { arch: { type: 'string' }, root: { type: 'string' } } })
const { arch, root } = values
if ((arch !== 'amd64' && arch !== 'arm64') || root === undefined) {
  process.stderr.write('usage: stage.mjs --arch amd64|arm64 --root DIR\n')
  process.exit(2)
}
const project = fileURLToPath(new URL('..', import.meta.url))
await stage({ project, root, arch, epoch: Number(process.env['SOURCE_DATE_EPOCH'] ?? 0) })
