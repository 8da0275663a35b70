import { type Command, Option } from 'commander'
import { config, json } from './options.js'

/** Model packages, and what trains and judges them. */
export function addModelCommands(program: Command): void {
  const model = program.command('model').description('model packages')
  const state = () =>
    new Option('--state-dir <dir>', 'state directory, if not the one of the configuration')
  model
    .command('list')
    .description(
      'the model packages of the program and the installed ones: which is in use and which was before, size, hash, energy estimate',
    )
    .addOption(config())
    .addOption(state())
    .addOption(json())
    .action(async (options) => (await import('../model.js')).list(options))
  model
    .command('verify [package]')
    .description(
      'compare a package layer by layer on every backend, on golden and random inputs; exit 1 at any difference',
    )
    .addOption(
      new Option(
        '--backend <name>',
        'what to compare: ONNX Runtime on a graph, or the executor alone',
      )
        .choices(['cpu-int8', 'cpu-fp32', 'executor', 'all'])
        .default('all'),
    )
    .option('--random <n>', 'random inputs beside the golden ones', '4')
    .addOption(json())
    .action(async (name, options) => (await import('../model-verify.js')).verify(name, options))
  model
    .command('energy [package]')
    .description('energy of one inference, layer by layer, from real spike counts')
    .option(
      '--scene <name>',
      'count while tracking in a simulated scene, not on the golden vectors',
    )
    .option('--seconds <n>', 'length of the scene', '5')
    .addOption(
      new Option('--recording <file>', 'count while tracking in a recording').conflicts('scene'),
    )
    .addOption(json())
    .action(async (name, options) => (await import('../model-energy.js')).energy(name, options))
  model
    .command('install <path>')
    .description(
      'take in a package, a folder or a .tar or .tar.gz of one, if its hashes and golden run are right',
    )
    .option('--activate', 'put it to use from the next start or reload on')
    .addOption(config())
    .addOption(state())
    .addOption(json())
    .action(async (path, options) => (await import('../model-install.js')).install(path, options))
  model
    .command('activate <name>')
    .description('put an installed package to use from the next start or reload on')
    .addOption(config())
    .addOption(state())
    .addOption(json())
    .action(async (name, options) => (await import('../model-install.js')).activate(name, options))
  model
    .command('rollback')
    .description('go back to the package that was in use before')
    .addOption(config())
    .addOption(state())
    .addOption(json())
    .action(async (options) => (await import('../model-install.js')).rollback(options))

  program
    .command('eval [sequences...]')
    .description(
      'accuracy against labels: success, precision, normalised precision; offline or as results came in time',
    )
    .option('--scenes', 'the fixed benchmark of simulated scenes instead of sequences')
    .option(
      '--long',
      'the long scenes instead: does a target that stops, hides or leaves stay the same?',
    )
    .option(
      '--discover',
      'with nothing given: what is found in the scenes, and what is found falsely',
    )
    .option('--groups <names>', 'only these groups of scenes, separated by commas')
    .option('--seeds <n>', 'scenes of each group', '4')
    .option(
      '--tracker <names>',
      'spiking, cluster, static (the box that never moves), separated by commas',
      'spiking',
    )
    .option('--streaming', 'also score the newest result that was there in time, as measured here')
    .option('--model <name>', 'model package, by name or directory')
    .addOption(config())
    .option('--label-fps <n>', 'labels a second, where no file tells their times')
    .option('-o, --out <folder>', 'write result files that tracking toolkits read')
    .option('--picture <file.png>', 'write the success and precision curves')
    .option('--pictures <folder>', 'write windows of each sequence with true and tracked boxes')
    .option('--export-frames <folder>', 'write event images at the labels, for other trackers')
    .addOption(json())
    .addHelpText(
      'after',
      `
A sequence is a recording x.aedat4 with x.gt.txt (rows t_us x y w h), a folder with groundtruth.txt and its events,
or a folder of these. The first box is given to the tracker; docs/accuracy.md has the rules.

Examples:
  evtrackd eval recordings/ --tracker spiking,cluster,static
  evtrackd eval --scenes --groups clean,fast --streaming --picture curves.png`,
    )
    .action(async (sequences, options) => (await import('../eval.js')).evaluate(sequences, options))

  program
    .command('dataset <directory>')
    .description(
      'write training shards from simulated scenes through the same filters, aggregation and crops',
    )
    .option('--seed <n>', 'first scene seed', '1')
    .option('--count <n>', 'pairs of template and search crop to write', '4096')
    .option(
      '--pictures <folder>',
      'PGM pictures to use as backgrounds and cut-outs beside procedural ones',
    )
    .option(
      '--follow <model>',
      'let this package follow the targets and search where it believes them, its errors included',
    )
    .action(async (directory, options) =>
      (await import('../dataset.js')).dataset(directory, options),
    )
}
