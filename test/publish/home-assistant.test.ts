import t from 'tap'
import { discoveryMessage } from '../../src/publish/home-assistant.js'
import { createTopics } from '../../src/publish/topics.js'

const topics = createTopics('mast-3', 'davis346')
const { topic, payload } = discoveryMessage(topics, {
  deviceName: 'mast-3',
  prefix: 'homeassistant',
  version: '1.2.3',
})
type Entity = Record<string, string>
const entities = Object.entries(payload['components'] as Record<string, Entity>)

t.test('one device with what Home Assistant requires of it', async (t) => {
  t.equal(topic, 'homeassistant/device/evtrackd_mast_3/config')
  t.match(payload, {
    device: { identifiers: ['evtrackd_mast_3'], name: 'mast-3', sw_version: '1.2.3' },
    origin: { name: 'evtrackd' },
    availability: [{ topic: topics.status }],
  })
  const ids = entities.map(([, entity]) => entity['unique_id'])
  t.equal(new Set(ids).size, entities.length, 'every entity has an id of its own')
  for (const [key, entity] of entities) t.match(entity['platform'], /^(binary_)?sensor$/, key)
})

t.test(
  'connectivity, problem, counts, rate and latency are read from what is published',
  async (t) => {
    const of = Object.fromEntries(entities)
    t.equal(of['connectivity']?.['state_topic'], topics.cameraStatus)
    t.equal(of['problem']?.['state_topic'], topics.status)
    for (const [key, field] of [
      ['targets', 'value_json.targets'],
      ['event_rate', 'value_json.events_per_second'],
      ['latency', 'value_json.latency_ms.p50'],
    ] as const) {
      t.equal(of[key]?.['state_topic'], topics.health)
      t.match(of[key]?.['value_template'], field)
    }
  },
)
