import type { Topics } from './topics.js'

/**
 * What Home Assistant needs to show a device by itself: one retained message with all its entities (device discovery,
 * Home Assistant 2024.11 and later). Pure.
 */
export function discoveryMessage(
  topics: Topics,
  options: { readonly deviceName: string; readonly prefix: string; readonly version: string },
): { readonly topic: string; readonly payload: Readonly<Record<string, unknown>> } {
  const { deviceName, prefix, version } = options
  const id = `evtrackd_${deviceName.replaceAll('-', '_')}`
  const entity = (key: string, fields: Readonly<Record<string, unknown>>) => [
    key,
    { unique_id: `${id}_${key}`, ...fields },
  ]
  const measured = (key: string, name: string, more: Readonly<Record<string, unknown>>) =>
    entity(key, {
      platform: 'sensor',
      name,
      state_topic: topics.health,
      state_class: 'measurement',
      ...more,
    })
  const components = [
    entity('connectivity', {
      platform: 'binary_sensor',
      name: 'Camera',
      device_class: 'connectivity',
      entity_category: 'diagnostic',
      state_topic: topics.cameraStatus,
      value_template: "{{ 'ON' if value_json.state == 'streaming' else 'OFF' }}",
      json_attributes_topic: topics.cameraStatus,
    }),
    entity('problem', {
      platform: 'binary_sensor',
      name: 'Problem',
      device_class: 'problem',
      entity_category: 'diagnostic',
      state_topic: topics.status,
      value_template: "{{ 'ON' if value_json.state == 'degraded' else 'OFF' }}",
      json_attributes_topic: topics.status,
    }),
    measured('targets', 'Targets', { value_template: '{{ value_json.targets }}' }),
    measured('event_rate', 'Event rate', {
      unit_of_measurement: 'events/s',
      value_template: '{{ value_json.events_per_second }}',
    }),
    measured('latency', 'Latency', {
      unit_of_measurement: 'ms',
      device_class: 'duration',
      suggested_display_precision: 1,
      value_template: '{{ value_json.latency_ms.p50 }}',
    }),
  ]
  return {
    topic: `${prefix}/device/${id}/config`,
    payload: {
      device: {
        identifiers: [id],
        name: deviceName,
        manufacturer: 'evtrackd',
        model: 'DAVIS346 tracker',
        sw_version: version,
      },
      origin: { name: 'evtrackd', sw_version: version },
      availability: [
        {
          topic: topics.status,
          value_template:
            "{{ 'offline' if value_json.state in ['offline', 'stopped'] else 'online' }}",
        },
      ],
      components: Object.fromEntries(components),
    },
  }
}
