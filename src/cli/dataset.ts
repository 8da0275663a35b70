import { modelDir } from '../daemon/models.js'
import { EvtrackError } from '../events/errors.js'
import { loadModelPackage } from '../inference/model-package.js'
import { createTrackerSession } from '../inference/session.js'
import { generateShards } from '../tracking/dataset.js'
import { readPictures } from '../tracking/picture-folder.js'
import { printJson } from './output.js'

interface DatasetOptions {
  readonly seed: string
  readonly count: string
  readonly pictures?: string
  readonly follow?: string
}

function wholeNumber(text: string, option: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  throw new EvtrackError('CONFIG_INVALID', `${option} ${text} is not a whole number.`, {
    next: `Give 0 or more, for example ${option} 1.`,
  })
}

export async function dataset(out: string, options: DatasetOptions): Promise<void> {
  const { pictures } = options
  const follow =
    options.follow === undefined
      ? undefined
      : await createTrackerSession(await loadModelPackage(modelDir(options.follow)))
  const report = await generateShards({
    seed: wholeNumber(options.seed, '--seed'),
    count: wholeNumber(options.count, '--count'),
    out,
    follow,
    ...(pictures === undefined ? {} : { pictures: readPictures(pictures) }),
    onShard: ({ pairs, scenes }) =>
      process.stderr.write(`evtrackd: ${pairs} pairs from ${scenes} scenes\n`),
  })
  await follow?.close()
  printJson(report)
}
