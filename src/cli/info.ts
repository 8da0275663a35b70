import { describeRecording, inspectRecording } from '../sources/inspect.js'
import { print, printJson } from './output.js'

export async function info(file: string, options: { json?: boolean }): Promise<void> {
  const report = await inspectRecording(file)
  if (options.json) printJson(report)
  else for (const line of describeRecording(report)) print(line)
}
