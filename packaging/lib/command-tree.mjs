import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * @typedef {{ flags: string, long: string | undefined, short: string | undefined, takesValue: boolean, choices: readonly string[], description: string, fallback: string | undefined }} Flag
 * @typedef {{ name: string, usage: string, description: string, flags: readonly Flag[], commands: readonly Tree[] }} Tree
 */

/**
 * What the built program understands, read from its own commander objects, so that manual page and completion cannot
 * differ from it. Importing the program parses the command line; here the parser only says what it would parse with.
 * @param {string} project folder with dist/ and node_modules/
 * @returns {Promise<Tree>}
 */
export async function commandTree(project) {
  const require = createRequire(join(project, 'package.json'))
  const { Command } = require('commander')
  /** @type {unknown} */
  let program
  const { parseAsync } = Command.prototype
  Command.prototype.parseAsync = async function keep() {
    program = this
    return this
  }
  try {
    await import(pathToFileURL(join(project, 'dist/src/cli/main.js')).href)
  } finally {
    Command.prototype.parseAsync = parseAsync
  }
  if (program === undefined) throw new Error('dist/src/cli/main.js built no command line')
  return describe(program)
}

/** @param {any} command @returns {Tree} */
function describe(command) {
  const help = command.createHelp()
  const visible = help
    .visibleCommands(command)
    .filter((/** @type {any} */ c) => c.name() !== 'help')
  return {
    name: command.name(),
    usage: command.usage(),
    description: command.description(),
    flags: help.visibleOptions(command).map((/** @type {any} */ option) => ({
      flags: option.flags,
      long: option.long,
      short: option.short,
      takesValue: option.required || option.optional,
      choices: option.argChoices ?? [],
      description: option.description,
      fallback: ['string', 'number'].includes(typeof option.defaultValue)
        ? String(option.defaultValue)
        : undefined,
    })),
    commands: visible.map(describe),
  }
}
