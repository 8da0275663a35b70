import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { camelKey, mapKeys, nearest, snakeKey } from '../../src/daemon/config-keys.js'
import { loadConfig, mergeConfig, parseConfig } from '../../src/daemon/load-config.js'
import { configFileSchema } from '../../src/daemon/schema.js'
import { EvtrackError } from '../../src/events/errors.js'

const dir = mkdtempSync(join(tmpdir(), 'evtrackd-config-'))
let files = 0
function file(text: string): string {
  const path = join(dir, `${files++}.toml`)
  writeFileSync(path, text)
  return path
}

function refusal(make: () => unknown): EvtrackError {
  try {
    make()
  } catch (error) {
    if (error instanceof EvtrackError) return error
    throw error
  }
  throw new Error('was not refused')
}

t.test('defaults make a valid configuration', async (t) => {
  const config = loadConfig(undefined)
  t.equal(config.source.kind, 'camera')
  t.equal(config.aggregation.windowUs, 30_000)
  t.equal(config.mqtt.url, 'mqtt://127.0.0.1:1883')
  t.ok(Object.isFrozen(config.aggregation), 'frozen, deep')
})

t.test('a file in snake_case overrides, the command line overrides the file', async (t) => {
  const path = file('[aggregation]\nwindow_us = 20000\nhop_us = 5000\n[source]\nkind = "scene"\n')
  const config = loadConfig(path, { source: { kind: 'emulator' } })
  t.equal(config.aggregation.windowUs, 20_000)
  t.equal(config.aggregation.hopUs, 5000)
  t.equal(config.source.kind, 'emulator')
})

t.test('a misspelt key is named with the nearest valid one', async (t) => {
  const error = refusal(() => loadConfig(file('[aggregation]\nwindow_ms = 20\n')))
  t.equal(error.code, 'CONFIG_INVALID')
  t.match(error.message, 'aggregation.window_ms')
  t.match(error.message, 'did you mean aggregation.window_us?')
})

t.test('a wrong value is named with what was expected', async (t) => {
  const error = refusal(() => loadConfig(file('[mqtt]\nurl = 7\nkeepalive_seconds = 0\n')))
  t.match(error.message, 'mqtt.url: expected string')
  t.match(error.message, 'mqtt.keepalive_seconds')
})

t.test('every problem is listed, in nested arrays too', async (t) => {
  const error = refusal(() =>
    loadConfig(file('[[filters.regions]]\nmode = "include"\nboxx = [1, 2, 3, 4]\n')),
  )
  t.match(error.message, 'filters.regions[0].boxx')
  t.match(error.message, 'did you mean filters.regions[0].box?')
})

t.test('a file that is not TOML is refused with its line', async (t) => {
  const error = refusal(() => loadConfig(file('a = 1\nname = mast-3\n')))
  t.equal(error.code, 'CONFIG_INVALID')
  t.match(error.message, 'line 2')
  t.match(refusal(() => loadConfig(join(dir, 'absent.toml'))).message, 'cannot be read')
})

t.test('a recording needs a file', async (t) => {
  const error = refusal(() => parseConfig({ source: { kind: 'recording' } }, 'test'))
  t.match(error.message, 'source.file')
})

t.test('keys convert both ways, values and arrays stay', async (t) => {
  for (const key of ['window_us', 'qos', 'ca_file']) t.equal(snakeKey(camelKey(key)), key)
  t.same(mapKeys({ a_b: [{ c_d: 'e_f' }] }, camelKey), { aB: [{ cD: 'e_f' }] })
  t.equal(nearest('hop_uss', ['hopUs', 'windowUs']), 'hopUs')
  t.equal(nearest('zzzzzz', ['hopUs', 'windowUs']), undefined)
  t.same(mergeConfig({ a: { b: 1, c: 2 } }, { a: { b: 3 } }), { a: { b: 3, c: 2 } })
})

t.test('the schema of the file speaks snake_case and keeps descriptions', async (t) => {
  const text = JSON.stringify(configFileSchema())
  t.match(text, '"window_us"')
  t.notMatch(text, '"windowUs"')
  t.match(text, 'Length of a window in microseconds')
})
