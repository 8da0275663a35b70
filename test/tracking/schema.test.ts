import t from 'tap'
import { z } from 'zod'
import { trackingSchema } from '../../src/tracking/schema.js'

t.test('every key has a description and a default', async (t) => {
  const schema = z.toJSONSchema(trackingSchema, { io: 'input' })
  const walk = (node: Record<string, unknown>, path: string) => {
    const properties = (node['properties'] ?? {}) as Record<string, Record<string, unknown>>
    for (const [key, child] of Object.entries(properties)) {
      t.type(child['description'], 'string', `${path}${key}`)
      walk(child, `${path}${key}.`)
    }
  }
  walk(schema, '')
  t.equal(trackingSchema.parse({}).proposals.enabled, true)
})

t.test('nonsense is refused by name', async (t) => {
  for (const [key, bad] of [
    ['maxTargets', 0],
    ['maxTargets', 1000],
    ['keepScore', 1.5],
    ['lostMs', -1],
    ['lostMS', 10],
  ] as const) {
    const result = trackingSchema.safeParse({ [key]: bad })
    t.equal(result.success, false, key)
    t.match(JSON.stringify(result.error?.issues), key)
  }
})
