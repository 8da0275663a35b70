import { EvtrackError } from '../events/errors.js'
import { clampToSensor, type Size } from '../events/geometry.js'
import { targetStartSchema, targetStopSchema } from '../publish/request-schema.js'
import type { CommandHandlers, CommandResult } from '../publish/requests.js'

/** What the page may command; the same requests as over MQTT. */
export type ViewCommands = Pick<CommandHandlers, 'target/start' | 'target/stop'>
export type ViewCommand = keyof ViewCommands

export const VIEW_COMMANDS: readonly ViewCommand[] = ['target/start', 'target/stop']

/** Checks a request as a whole and carries it out. Never rejects. */
export async function runCommand(
  command: ViewCommand,
  body: string,
  target: { readonly commands: ViewCommands; readonly sensor: Size },
): Promise<CommandResult> {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return invalid('The request is not JSON.')
  }
  try {
    return command === 'target/start' ? await start(value, target) : await stop(value, target)
  } catch (error) {
    if (error instanceof EvtrackError) {
      return { ok: false, code: error.code, message: error.message, next: error.next }
    }
    return { ok: false, code: 'INTERNAL', message: 'The command failed inside the daemon.' }
  }
}

type Target = Parameters<typeof runCommand>[2]

async function start(value: unknown, { commands, sensor }: Target): Promise<CommandResult> {
  const parsed = targetStartSchema.safeParse(value)
  if (!parsed.success) return invalid(complaint(parsed.error))
  const { box: sides, label } = parsed.data
  const [x, y, w, h] = sides
  const box = clampToSensor({ x, y, w, h }, sensor)
  if (box.w === 0 || box.h === 0) {
    return invalid(`The box lies outside the sensor, ${sensor.width} by ${sensor.height} pixels.`)
  }
  return commands['target/start']({ box, ...(label !== undefined && { label }) })
}

async function stop(value: unknown, { commands }: Target): Promise<CommandResult> {
  const parsed = targetStopSchema.safeParse(value)
  if (!parsed.success) return invalid(complaint(parsed.error))
  return commands['target/stop']({ id: parsed.data.id })
}

/** The HTTP status that says the same as the result. */
export function statusOf(result: CommandResult): number {
  if (result.ok) return 200
  if (result.code === 'REQUEST_INVALID') return 400
  if (result.code === 'TARGET_UNKNOWN') return 404
  if (result.code === 'NOT_READY') return 503
  return 409
}

function invalid(message: string): CommandResult {
  return { ok: false, code: 'REQUEST_INVALID', message }
}

interface Complaints {
  readonly issues: readonly { readonly path: PropertyKey[]; readonly message: string }[]
}

/** The first thing wrong. Keys are the client's own text, so their length is bounded. */
function complaint({ issues }: Complaints): string {
  const [first] = issues
  if (first === undefined) return 'The request is not valid.'
  const at = first.path.map(String).join('.')
  return `${at === '' ? '' : `${at}: `}${first.message}`.slice(0, 300)
}
