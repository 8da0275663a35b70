import t from 'tap'
import type { Received } from '../publish/real-brokers.js'
import { expectAllTold, told } from './lifecycle.js'

const heard = (...seqs: [number, string][]) =>
  seqs.map(([seq, track]) => ({
    topic: 'evtrackd/v1/evtrackd/camera/cam0/track_events',
    json: { boot_id: 'b', seq, track },
  })) as unknown as Received[]

t.test('what came twice is fine, what is missing or late is not', async (t) => {
  const fine = heard([0, 'a'], [1, 'b'], [0, 'a'], [1, 'b'], [2, 'a'])
  t.same(expectAllTold(fine), { events: 3, repeated: 2 })
  t.throws(() => expectAllTold(heard([0, 'a'], [2, 'a'])), /never arrived: 1/)
  t.throws(() => expectAllTold(heard([1, 'a'], [0, 'a'])), /out of order/)
  t.same(told(heard([1, 'a'], [0, 'b']))[0]?.outOfOrder, [], 'in order for each track')
  t.throws(() => expectAllTold([]), /nothing was tried/)
})
