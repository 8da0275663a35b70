import t from 'tap'
import {
  COMMANDS,
  commandOf,
  createTopics,
  defaultResponseTopic,
  mayRespondTo,
} from '../../src/publish/topics.js'

const topics = createTopics('gate-3', 'davis346')

t.test('topics follow the contract', async (t) => {
  t.strictSame(topics, {
    base: 'evtrackd/v1/gate-3',
    status: 'evtrackd/v1/gate-3/status',
    info: 'evtrackd/v1/gate-3/info',
    health: 'evtrackd/v1/gate-3/health',
    cameraStatus: 'evtrackd/v1/gate-3/camera/davis346/status',
    tracks: 'evtrackd/v1/gate-3/camera/davis346/tracks',
    trackEvents: 'evtrackd/v1/gate-3/camera/davis346/track_events',
    calibration: 'evtrackd/v1/gate-3/camera/davis346/calibration',
    requests: [
      'evtrackd/v1/gate-3/request/target/start',
      'evtrackd/v1/gate-3/request/target/stop',
      'evtrackd/v1/gate-3/request/camera/configure',
      'evtrackd/v1/gate-3/request/calibrate/start',
      'evtrackd/v1/gate-3/request/calibrate/cancel',
      'evtrackd/v1/gate-3/request/record/start',
      'evtrackd/v1/gate-3/request/record/stop',
      'evtrackd/v1/gate-3/request/snapshot',
      'evtrackd/v1/gate-3/request/restart',
    ],
  })
})

t.test('a request topic names its command, every other topic none', async (t) => {
  for (const [i, command] of COMMANDS.entries()) {
    t.equal(commandOf(topics, topics.requests[i]!), command)
    t.equal(defaultResponseTopic(topics, command), `evtrackd/v1/gate-3/response/${command}`)
  }
  for (const other of [
    'evtrackd/v1/gate-3/request/target',
    'evtrackd/v1/gate-3/request/target/start/x',
    'evtrackd/v1/other/request/target/start',
    topics.status,
  ]) {
    t.equal(commandOf(topics, other), undefined)
  }
})

t.test('a Response Topic is published to only where it can do no harm', async (t) => {
  for (const topic of [
    'app/answers/7',
    'evtrackd/v1/gate-3/response/mine',
    'evtrackd/v1/gate-33/x',
  ]) {
    t.ok(mayRespondTo(topics, topic), topic)
  }
  for (const topic of [
    '',
    'app/+',
    'app/#',
    '#',
    'nul\0',
    '$SYS/broker',
    'x'.repeat(1025),
    topics.base,
    topics.status,
    topics.requests[0]!,
  ]) {
    t.notOk(mayRespondTo(topics, topic), JSON.stringify(topic.slice(0, 40)))
  }
})
