import { type Command, Option } from 'commander'
import { json } from './options.js'

/** The network on other silicon: bundles for chips, and the proof that they are the same network. */
export function addExportCommands(program: Command): void {
  const command = program
    .command('export')
    .description('export a model package to a chip or format; verify what was exported')
    .argument('[model]', 'model package, by name or directory')
    .option(
      '--target <name>',
      'nir, lynxi, loihi2, akida, speck, spinnaker2; akida1, innatera: --check only',
    )
    .option('-o, --out <folder>', 'where to write; a new folder, or an earlier export')
    .option('--check', "hold the network against the target's limits; exit 1 where it does not fit")
    .addOption(
      new Option('--golden <n>', 'golden inputs to write along and to verify with').default('2'),
    )
    .addOption(
      new Option(
        '--reset <kind>',
        'nir: neurons that subtract their threshold when they fire; or more of them, exact with either reset',
      )
        .choices(['subtract', 'either'])
        .default('subtract'),
    )
    .addOption(json())
    .addHelpText(
      'after',
      `
Nothing half-written is left after a failure. docs/export.md says what each target holds and what it can execute.

Examples:
  evtrackd export evt-compact --target nir --out nir/
  evtrackd export verify nir/
  evtrackd export evt-compact --target speck --check`,
    )
    .action(async (model, options) => (await import('../export.js')).exportModel(model, options))
  command
    .command('verify <folder>')
    .description(
      'execute an exported folder and compare it with its golden vectors; exit 1 at any difference',
    )
    .addOption(
      new Option(
        '--executor <kind>',
        'nir: neurons that subtract, or reset hard, in place of what the folder asks for',
      ).choices(['subtract', 'hard']),
    )
    .addOption(json())
    .action(async (folder, _options, verify) =>
      (await import('../export.js')).verifyExport(folder, verify.optsWithGlobals()),
    )
}
