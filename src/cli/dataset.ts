import { EvtrackError } from '../events/errors.js'
import { generateShards } from '../tracking/dataset.js'
import { readPictures } from '../tracking/picture-folder.js'
import { printJson } from './output.js'

interface DatasetOptions {
  readonly seed: string
  readonly count: string
  readonly pictures?: string
}

function wholeNumber(text: string, option: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  throw new EvtrackError('CONFIG_INVALID', `${option} ${text} is not a whole number.`, {
    next: `Give 0 or more, for example ${option} 1.`,
  })
}

export function dataset(out: string, options: DatasetOptions): void {
  const { pictures } = options
  const report = generateShards({
    seed: wholeNumber(options.seed, '--seed'),
    count: wholeNumber(options.count, '--count'),
    out,
    ...(pictures === undefined ? {} : { pictures: readPictures(pictures) }),
    onShard: ({ pairs, scenes }) =>
      process.stderr.write(`evtrackd: ${pairs} pairs from ${scenes} scenes\n`),
  })
  printJson(report)
}
