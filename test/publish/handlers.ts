import type { CommandHandlers } from '../../src/publish/requests.js'

/** Handlers that note each call and answer with what it was given. */
export function notingHandlers(calls: unknown[]): CommandHandlers {
  const note = (name: string) => async (request?: object) => {
    calls.push(request === undefined ? [name] : [name, request])
    return { ok: true, result: { ...request } } as const
  }
  return {
    'target/start': note('target/start'),
    'target/stop': note('target/stop'),
    'camera/configure': note('camera/configure'),
    'calibrate/start': note('calibrate/start'),
    'calibrate/cancel': note('calibrate/cancel'),
    'record/start': note('record/start'),
    'record/stop': note('record/stop'),
    snapshot: note('snapshot'),
    restart: note('restart'),
  }
}
