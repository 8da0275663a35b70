import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readLayers, resolveLayers, variables } from '../../../src/daemon/config-layers.js'
import { planReload } from '../../../src/daemon/reload.js'
import type { Rng } from '../../../src/sources/scene/rng.js'
import { type FuzzTarget, finite, promise, refusal } from '../harness.js'
import { awkward, awkwardText, mutateBytes, toText } from '../mutate.js'

/** The line that ends the file and begins its drop-in. */
const DROP_IN = '# drop-in\n'
const KEYS = [...variables().values()].map(({ path }) => path.map(snake))

function snake(key: string): string {
  return key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
}

/** A configuration file and a drop-in beside it. */
export function createConfigTarget(): FuzzTarget {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-fuzz-'))
  const file = join(dir, 'evtrackd.toml')
  mkdirSync(join(dir, 'evtrackd.d'))
  const running = resolveLayers([]).config
  return {
    name: 'config',
    seeds: seeds(),
    mutate(rng, input, pool) {
      if (rng.chance(0.3))
        return mutateBytes(rng, input, { pool, tokens: TOKENS, maxBytes: 32_768 })
      const lines = Buffer.from(input).toString('latin1').split('\n')
      const at = rng.int(lines.length + 1)
      if (rng.chance(0.3)) lines.splice(rng.int(lines.length), 1)
      lines.splice(at, 0, line(rng))
      return Buffer.from(lines.join('\n'), 'latin1').subarray(0, 32_768)
    },
    run(input) {
      const at = Buffer.from(input).indexOf(DROP_IN)
      writeFileSync(file, at < 0 ? input : input.subarray(0, at))
      const rest = at < 0 ? '' : input.subarray(at + DROP_IN.length)
      writeFileSync(join(dir, 'evtrackd.d', '10.toml'), rest)
      try {
        const { config, origins } = resolveLayers(readLayers({ file, env: {} }))
        finite(config, 'config')
        promise(Object.isFrozen(config) && Object.isFrozen(config.filters), 'not frozen')
        promise(Object.getPrototypeOf(config) === Object.prototype, 'another prototype')
        const { live, restart } = planReload(running, config)
        return `good ${origins.size} ${live.length} ${restart.length}`
      } catch (error) {
        return refusal(error, ['CONFIG_INVALID'])
      } finally {
        promise(!('polluted' in {}), 'a file reaches every object')
      }
    },
    close: async () => rmSync(dir, { recursive: true, force: true }),
  }
}

function line(rng: Rng): string {
  const key = rng.pick(KEYS)
  const name = rng.chance(0.1) ? JSON.stringify(awkwardText(rng)) : key.join('.')
  const value = rng.chance(0.3) ? rng.pick(VALUES) : toText(awkward(rng))
  if (rng.chance(0.15)) return `[${key.slice(0, -1).join('.') || name}]`
  return `${name} = ${value.replaceAll('null', 'nan').replaceAll(':', '=')}`
}

const VALUES = [
  'nan',
  'inf',
  '-inf',
  '9223372036854775807',
  '9223372036854775808',
  '0x7fffffff',
  '1979-05-27T07:32:00Z',
  '{ polluted = 1 }',
  '[[0, 0, 346, 260]]',
  '[{ mode = "include", box = [0, 0, 1, 1] }]',
  '"mqtts://h"',
  '"embedded"',
  `[${'[1, 2],'.repeat(2000)}]`,
]

function seeds(): Uint8Array[] {
  return [
    '[mqtt]\nurl = "mqtts://192.168.1.10"\nusername = "mast-3"\npassword_file = "/x"\n',
    '[camera]\npreset = "night"\n[filters]\nbackground_activity_us = 5000\nregions = [{ mode = "exclude", box = [0, 0, 346, 40] }]\n[tracking]\nmax_targets = 4\n',
    `log_level = "debug"\n${DROP_IN}[view]\nenabled = true\nallowed_hosts = ["a.example"]\n`,
    'aggregation = { window_us = 30000, hop_us = 10000 }\n[__proto__]\npolluted = 1\n',
    `["__proto__".mqtt]\nurl = "embedded"\n${DROP_IN}[mqtt."__proto__"]\npolluted = 1\n`,
    `filters.regions = ${'['.repeat(3000)}${']'.repeat(3000)}\n`,
  ].map((text) => Buffer.from(text))
}

const TOKENS = [
  '"""',
  "'''",
  '[[',
  ']]',
  ' = ',
  '\\u0000',
  '\\U0010ffff',
  '#',
  '\r',
  '.',
  '_',
  '[__proto__]\n',
  DROP_IN,
].map((text) => Buffer.from(text))
