import t from 'tap'
import { stateDir } from '../../src/daemon/state-dir.js'

t.test('state: configured, given, of the service, or of a user', async (t) => {
  const none = { stateDir: undefined }
  const service = { HOME: '/var/lib/evtrackd' }
  t.equal(stateDir({ stateDir: '/s' }, { ...service, STATE_DIRECTORY: '/a' }), '/s')
  t.equal(stateDir(none, { ...service, STATE_DIRECTORY: '/a:/b' }), '/a')
  t.equal(stateDir(none, { ...service, XDG_STATE_HOME: '/x' }), '/var/lib/evtrackd')
  t.equal(stateDir(none, { HOME: '/home/ada' }), '/home/ada/.local/state/evtrackd')
  t.equal(stateDir(none, { HOME: '/home/ada', XDG_STATE_HOME: '/x' }), '/x/evtrackd')
})
