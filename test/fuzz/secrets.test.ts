import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import { readLayers, resolveLayers } from '../../src/daemon/config-layers.js'
import { readTls } from '../../src/publish/open-broker.js'

/** A secret that stands where it should not, or is wrong, is in no message and in no configuration that is shown. */

const SECRET = 'hunter2-and-more'

function told(load: () => unknown): string {
  try {
    return inspect(load(), { depth: 12 })
  } catch (error) {
    const { message, next, data } = error as { message: string; next?: string; data?: unknown }
    return inspect([message, next, data], { depth: 12 })
  }
}

t.test('in the configuration', (t) => {
  const dir = t.testdir()
  const file = join(dir, 'evtrackd.toml')
  const load = (text: string, env: Record<string, string> = {}) => {
    writeFileSync(file, text)
    return told(() => resolveLayers(readLayers({ file, env })))
  }
  const texts = [
    `[mqtt]\nurl = "mqtt://user:${SECRET}@broker"\n`,
    `[mqtt]\nurl = "mqtts://broker/?token=${SECRET}"\n`,
    `[mqtt]\nusername = "a"\npassword = "${SECRET}"\n`,
    `[mqtt]\npassword = ${SECRET}\n`,
    `[mqtt]\nusername = ["${SECRET}"]\n`,
  ]
  for (const text of texts) {
    const said = load(text)
    t.match(said, /mqtt|line/, 'the place is named')
    t.notMatch(said, SECRET, text)
  }
  for (const name of ['EVTRACKD_MQTT_URL', 'EVTRACKD_MQTT_PASSWORD']) {
    const said = load('', { [name]: `mqtt://user:${SECRET}@broker` })
    t.match(said, /mqtt|MQTT/)
    t.notMatch(said, SECRET, name)
  }
  t.end()
})

t.test(
  'in files: the configuration shows their names only, and so does what is wrong with them',
  async (t) => {
    const dir = t.testdir({ password: `${SECRET}\n` })
    const path = join(dir, 'password')
    const mqtt = { url: 'mqtts://broker', certFile: path, keyFile: path }
    const { config } = resolveLayers([
      { origin: 'a file', value: { mqtt: { ...mqtt, username: 'mast-3', passwordFile: path } } },
    ])
    t.match(JSON.stringify(config), /"passwordFile":".*password"/)
    t.notMatch(JSON.stringify(config), SECRET)
    const refused = await readTls(config.mqtt).then(
      () => 'taken',
      (error: Error & { next?: string; data?: unknown }) =>
        inspect([error.message, error.next, error.data]),
    )
    t.match(refused, /key_file|cert_file/)
    t.notMatch(refused, SECRET)
  },
)
