import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { planCameras } from '../../src/daemon/camera-plan.js'
import {
  dropInDirectory,
  environmentLayers,
  readLayers,
  resolveLayers,
  variables,
} from '../../src/daemon/config-layers.js'
import { Changes } from '../../src/daemon/configure-command.js'
import { configSchema } from '../../src/daemon/schema.js'
import { EvtrackError } from '../../src/events/errors.js'

function folder(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'evtrackd-layers-'))
  mkdirSync(join(dir, 'evtrackd.d'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text)
  return dir
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

t.test('each layer wins over those before it, and is named as the origin', async (t) => {
  const dir = folder({
    'evtrackd.toml':
      'pool_slots = 10\nlog_level = "error"\n[mqtt]\ndevice_name = "file"\ncamera_id = "file"\n',
    'evtrackd.d/20.toml': '[mqtt]\ndevice_name = "twenty"\nkeepalive_seconds = 20\n',
    'evtrackd.d/10.toml': '[mqtt]\ndevice_name = "ten"\nkeepalive_seconds = 10\n',
    'evtrackd.d/30.toml.bak': 'this is not even TOML',
  })
  const file = join(dir, 'evtrackd.toml')
  t.equal(dropInDirectory(file), join(dir, 'evtrackd.d'))
  const env = {
    EVTRACKD_MQTT_KEEPALIVE_SECONDS: '77',
    EVTRACKD_CAMERA_SERIAL: '00000489',
    EVTRACKD_POOL_SLOTS: '12',
    HOME: '/root',
  }
  const layers = readLayers({ file, env, flags: { poolSlots: 14 } })
  const { config, origins } = resolveLayers(layers)
  t.equal(config.logLevel, 'error')
  t.equal(config.mqtt.deviceName, 'twenty')
  t.equal(config.mqtt.cameraId, 'file')
  t.equal(config.mqtt.keepaliveSeconds, 77)
  t.equal(config.poolSlots, 14)
  t.equal(config.camera.serial, '00000489', 'text stays text though it looks like a number')
  t.same(Object.fromEntries(origins), {
    pool_slots: 'command line',
    log_level: file,
    'mqtt.device_name': join(dir, 'evtrackd.d/20.toml'),
    'mqtt.camera_id': file,
    'mqtt.keepalive_seconds': 'environment EVTRACKD_MQTT_KEEPALIVE_SECONDS',
    'camera.serial': 'environment EVTRACKD_CAMERA_SERIAL',
  })
})

t.test(
  'EVTRACKD_CONFIG names the file, --config wins, the default file may be absent',
  async (t) => {
    const dir = folder({ 'a.toml': 'pool_slots = 10', 'b.toml': 'pool_slots = 20' })
    const env = { EVTRACKD_CONFIG: join(dir, 'a.toml') }
    const slots = (sources: Parameters<typeof readLayers>[0]) =>
      resolveLayers(readLayers(sources)).config.poolSlots
    t.equal(slots({ env }), 10)
    t.equal(slots({ env, file: join(dir, 'b.toml') }), 20)
    t.equal(slots({ env: {}, defaultFile: join(dir, 'b.toml') }), 20)
    t.equal(slots({ env: {}, defaultFile: join(dir, 'none.toml') }), 6)
    t.equal(refusal(() => slots({ env: {}, file: join(dir, 'none.toml') })).code, 'CONFIG_INVALID')
  },
)

t.test('every key has one variable, and lists and switches can be given', async (t) => {
  const defaults = configSchema.parse({})
  t.ok(variables().size > 60)
  for (const [name, { path }] of variables()) {
    // Biases have no defaults: those of the preset hold.
    if (path[1] === 'biases') continue
    const parent = path
      .slice(0, -1)
      .reduce<unknown>((at, key) => Reflect.get(Object(at), key), defaults)
    t.type(parent, 'object', name)
  }
  const { config } = resolveLayers(
    environmentLayers({
      EVTRACKD_FILTERS_HOT_PIXELS: '[[1, 2], [3, 4]]',
      EVTRACKD_FILTERS_REGIONS: '[{ mode = "exclude", box = [0, 0, 5, 5] }]',
      EVTRACKD_TRACKING_PROPOSALS_ENABLED: 'false',
      EVTRACKD_AGGREGATION_DECAY: '0.5',
    }),
  )
  t.same(config.filters.hotPixels, [
    [1, 2],
    [3, 4],
  ])
  t.same(config.filters.regions, [{ mode: 'exclude', box: [0, 0, 5, 5] }])
  t.equal(config.tracking.proposals.enabled, false)
  t.equal(config.aggregation.decay, 0.5)
})

t.test('a variable that names no key, or the wrong kind of value', async (t) => {
  const error = refusal(() => environmentLayers({ EVTRACKD_MQTT_DEVICE: 'x' }))
  t.equal(error.code, 'CONFIG_INVALID')
  t.match(error.message, 'EVTRACKD_MQTT_DEVICE')
  t.match(refusal(() => environmentLayers({ EVTRACKD_MQT_URL: 'x' })).next, 'EVTRACKD_MQTT_URL')
  const wrong = refusal(() =>
    resolveLayers([
      { origin: 'file.toml', value: { mqtt: { keepaliveSeconds: 0 } } },
      ...environmentLayers({ EVTRACKD_POOL_SLOTS: 'hunter2' }),
    ]),
  )
  t.match(wrong.message, 'pool_slots')
  t.match(wrong.message, '(from environment EVTRACKD_POOL_SLOTS)')
  t.match(wrong.message, '(from file.toml)')
  t.notMatch(wrong.message, 'hunter2', 'a value may be a secret in the wrong place')
})

t.test('a file that is not TOML is named wherever it lies', async (t) => {
  const dir = folder({ 'evtrackd.toml': '', 'evtrackd.d/x.toml': 'a = = 1' })
  const error = refusal(() => readLayers({ file: join(dir, 'evtrackd.toml'), env: {} }))
  t.match(error.message, join(dir, 'evtrackd.d/x.toml'))
})

t.test('several cameras: each its own device and folder, the rest shared', async (t) => {
  const layers = [
    {
      origin: 'f',
      value: {
        stateDir: '/var/lib/evtrackd',
        filters: { refractoryUs: 100, backgroundActivityUs: 7000 },
        mqtt: { deviceName: 'mast' },
        cameras: [
          { id: 'left', serial: '1', filters: { refractoryUs: 50 } },
          { id: 'right', serial: '2', preset: 'night' },
        ],
      },
    },
  ]
  const [left, right] = planCameras(layers, { env: {} })
  t.match(left?.config, {
    camera: { serial: '1', preset: 'default' },
    filters: { refractoryUs: 50, backgroundActivityUs: 7000 },
    mqtt: { deviceName: 'mast-left', cameraId: 'left' },
    stateDir: '/var/lib/evtrackd/left',
  })
  t.match(right?.config, {
    camera: { serial: '2', preset: 'night' },
    filters: { refractoryUs: 100 },
    mqtt: { deviceName: 'mast-right' },
    stateDir: '/var/lib/evtrackd/right',
  })
  for (const cameras of [
    [
      { id: 'a', serial: '1' },
      { id: 'a', serial: '2' },
    ],
    [
      { id: 'a', serial: '1' },
      { id: 'b', serial: '1' },
    ],
    [{ id: 'a', serial: '1' }, { id: 'b' }],
    [{ id: 'A', serial: '1' }],
    [{ serial: '1' }],
  ]) {
    const value = { cameras }
    t.match(refusal(() => planCameras([{ origin: 'f', value }], { env: {} })).message, 'cameras')
  }
})

t.test(
  'what camera/configure changes lies over everything, and outlives the process if asked',
  async (t) => {
    const file = join(mkdtempSync(join(tmpdir(), 'evtrackd-changes-')), 'kept.json')
    const changes = new Changes(file)
    const apply = (request: Parameters<Changes['plan']>[0]) => changes.plan(request).commit()
    apply({ filters: { refractory_us: 10 } })
    apply({ filters: { background_activity_us: 2000 }, persist: true })
    const base = [{ origin: 'command line', value: { filters: { refractoryUs: 1 } } }]
    const now = resolveLayers([...base, ...changes.layers()])
    t.match(now.config.filters, { refractoryUs: 10, backgroundActivityUs: 2000 })
    t.equal(now.origins.get('filters.refractory_us'), 'camera/configure')
    const later = resolveLayers([...base, ...new Changes(file).layers()])
    t.match(later.config.filters, { refractoryUs: 1, backgroundActivityUs: 2000 })
    t.equal(later.origins.get('filters.background_activity_us'), 'camera/configure (kept)')
    apply({ reset: true })
    t.same(changes.layers(), [])
    t.same(new Changes(file).layers(), [])
    writeFileSync(file, 'not JSON')
    t.match(refusal(() => new Changes(file)).message, file)
  },
)
