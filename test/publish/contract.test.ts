import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { asyncApi } from '../../src/publish/asyncapi.js'
import { jsonSchemas } from '../../src/publish/json-schema.js'
import { COMMANDS } from '../../src/publish/topics.js'
import { contractFiles } from '../../src/publish/write-contract.js'

const folder = fileURLToPath(new URL('../../../docs/mqtt/', import.meta.url))

t.test('the committed contract is the generated one', async (t) => {
  const files = contractFiles()
  const hint = 'stale: run `node dist/src/publish/write-contract.js`'
  t.strictSame(readdirSync(folder).sort(), Object.keys(files).sort(), hint)
  for (const [name, text] of Object.entries(files)) {
    t.equal(readFileSync(`${folder}/${name}`, 'utf8'), text, `${name} ${hint}`)
  }
})

t.test('every property of every payload is described', async (t) => {
  const bare: string[] = []
  const visit = (node: unknown, path: string) => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, child] of Object.entries(node)) {
      if (key === 'properties') {
        for (const [name, property] of Object.entries(child as object)) {
          if (name !== 'ok' && !('description' in property)) bare.push(`${path}.${name}`)
        }
      }
      visit(child, `${path}.${key}`)
    }
  }
  visit(jsonSchemas(), '')
  t.strictSame(bare, [])
})

t.test(
  'the AsyncAPI document has a file for each reference and a reply for each command',
  async (t) => {
    const text = JSON.stringify(asyncApi())
    const files = new Set(Object.keys(contractFiles()))
    for (const [, file] of text.matchAll(/"\.\/([^"]+)"/g)) t.ok(files.has(file!), file!)
    const { channels, operations } = asyncApi() as Record<
      string,
      Record<string, { reply?: object }>
    >
    for (const [, path] of text.matchAll(/"#\/channels\/([^"]+)"/g)) t.ok(channels![path!], path!)
    for (const command of COMMANDS) {
      t.ok(operations![`receive_${command.replace('/', '_')}`]?.reply, command)
    }
  },
)
