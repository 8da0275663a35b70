import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Config } from './schema.js'

type Env = Readonly<Record<string, string | undefined>>

/** Home of the service's user and state of the service; see systemd/evtrackd.service and evtrackd.sysusers.conf. */
const SERVICE_HOME = '/var/lib/evtrackd'

/** Where state is kept: configured, given by systemd, the service's for the service's user, or the user's own. */
export function stateDir(config: Pick<Config, 'stateDir'>, env: Env = process.env): string {
  const given = config.stateDir ?? env['STATE_DIRECTORY']?.split(':')[0]
  if (given !== undefined) return given
  const home = env['HOME'] ?? homedir()
  if (home === SERVICE_HOME) return SERVICE_HOME
  return join(env['XDG_STATE_HOME'] ?? join(home, '.local', 'state'), 'evtrackd')
}

export function recordingsDir(config: Pick<Config, 'stateDir'>, env: Env = process.env): string {
  return join(stateDir(config, env), 'recordings')
}

/** Installed model packages. */
export function installedModelsDir(
  config: Pick<Config, 'stateDir'>,
  env: Env = process.env,
): string {
  return join(stateDir(config, env), 'models')
}

/** What `camera/configure` was asked to keep. */
export function keptConfigFile(config: Pick<Config, 'stateDir'>, env: Env = process.env): string {
  return join(stateDir(config, env), 'camera-configure.json')
}

/** Where the sockets of a running daemon are: given by systemd, or below the user's own. */
export function runtimeDir(config: Pick<Config, 'stateDir'>, env: Env = process.env): string {
  const given = env['RUNTIME_DIRECTORY']?.split(':')[0]
  if (given !== undefined && given !== '') return given
  const session = env['XDG_RUNTIME_DIR']
  return session === undefined || session === '' ? stateDir(config, env) : join(session, 'evtrackd')
}
