#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8'
import { Command, CommanderError, Option } from 'commander'
import { VERSION } from '../daemon/version.js'
import { reportError } from './output.js'

/**
 * The command line: argv → one call into a command file, which prints. Commands are loaded when they run, so that
 * `evtrackd --help` and `evtrackd devices` do not pay for the network runtime.
 */
// Each thread has a JavaScript heap of its own, and V8 would rather grow one than collect it: this keeps resident memory
// about 40 MB lower, at the same speed of decoding, filters and inference. Set before anything large is loaded.
setFlagsFromString('--optimize-for-size')

const program = new Command('evtrackd')
  .description(
    'Edge runtime for DAVIS346 event cameras: reads events over USB, tracks with a quantised spiking network, publishes tracks over MQTT.',
  )
  .version(VERSION)
  .showSuggestionAfterError()
  .showHelpAfterError('(evtrackd --help lists the commands, evtrackd COMMAND --help explains one)')
  .exitOverride()

const json = () => new Option('--json', 'print JSON for programs')
const config = () =>
  new Option('-c, --config <file>', 'configuration file (TOML); defaults without one')

program
  .command('run')
  .description('run the daemon: camera → filters → tracker → MQTT')
  .addOption(config())
  .option(
    '-s, --source <source>',
    'camera, emulator (an emulated DAVIS346 watching a scene), scene, or a recording FILE.aedat4',
  )
  .addOption(
    new Option(
      '--pace <pace>',
      'recordings and scenes: at their own speed, or as fast as possible',
    ).choices(['real', 'fast']),
  )
  .addHelpText(
    'after',
    `
Examples:
  evtrackd run                                    camera and broker from the defaults
  evtrackd run --config /etc/evtrackd/evtrackd.toml
  evtrackd run --source emulator                  no camera at hand: try everything else
  evtrackd run --source drive.aedat4 --pace fast

Exit status: 0 stopped by a signal or at the end of the recording, 1 failed, 78 configuration or model refused.`,
  )
  .action(async (options) => (await import('./run.js')).run(options))

program
  .command('devices')
  .description('list DAVIS346 cameras on USB, and whether they may be opened')
  .addOption(json())
  .action(async (options) => (await import('./devices.js')).devices(options))

program
  .command('info <file>')
  .description(
    'what a recording holds: counts, duration, rates, camera, images, IMU, triggers, problems',
  )
  .addOption(json())
  .action(async (file, options) => (await import('./info.js')).info(file, options))

program
  .command('track <file>')
  .description(
    'track in a recording, offline and deterministically: the same file gives the same bytes',
  )
  .addOption(config())
  .option('--init <x,y,w,h>', 'start one target with this box (sensor pixels) instead of proposals')
  .option(
    '-o, --out <tracks.jsonl>',
    'where to write rows {t_us, id, state, score, box}; default: standard output',
  )
  .option('--picture <file.png>', 'also write a picture of the last window with its tracks')
  .option('--model <name>', 'model package, by name or directory')
  .addOption(json().default(false, 'off: the summary is text'))
  .addHelpText(
    'after',
    `
Examples:
  evtrackd track drive.aedat4 --out tracks.jsonl
  evtrackd track drive.aedat4 --init 51,225,33,16 | head`,
  )
  .action(async (file, options) => (await import('./track.js')).track(file, options))

program
  .command('record <file>')
  .description(
    'record camera, emulator or scene to an AEDAT4 file, readable even after a power cut',
  )
  .addOption(config())
  .option('-s, --source <source>', 'camera, emulator or scene; default: as configured')
  .option('--seconds <n>', 'stop after so many seconds of device time; default: until Ctrl-C')
  .addOption(json())
  .action(async (file, options) => (await import('./record.js')).record(file, options))

const configuration = program
  .command('config')
  .description('check, show or document the configuration')
configuration
  .command('check <file>')
  .description('validate a configuration file; exit 0 if valid, 78 if not')
  .addOption(json())
  .action(async (file, options) => (await import('./config.js')).check(file, options))
configuration
  .command('show [file]')
  .description('print the whole effective configuration as TOML: defaults and the file over them')
  .addOption(json())
  .action(async (file, options) => (await import('./config.js')).show(file, options))
configuration
  .command('schema')
  .description('print the JSON Schema of the configuration file')
  .action(async () => (await import('./config.js')).schema())

const model = program.command('model').description('model packages')
model
  .command('list')
  .description('list the model packages found, with size, hash and energy estimate')
  .addOption(json())
  .action(async (options) => (await import('./model.js')).list(options))
model
  .command('verify [name]')
  .description(
    'run the golden vectors of a package on every graph it has; exit 0 only if all match exactly',
  )
  .addOption(json())
  .action(async (name, options) => (await import('./model.js')).verify(name, options))

program
  .command('demo')
  .description(
    'an emulated camera, the daemon, a broker and a subscriber on this machine: see it work',
  )
  .option('--seconds <n>', 'how long', '20')
  .option('--scene <name>', 'scene before the camera', 'demo')
  .option('--seed <n>', 'seed of the scene', '1')
  .option('--picture <file.png>', 'where the picture of the last window goes', 'evtrackd-demo.png')
  .action(async (options) => (await import('./demo.js')).demo(options))

program
  .command('bench')
  .description(
    'measure this machine: decoding, filters, inference, latency, USB throughput, start, memory',
  )
  .option(
    '--only <rows>',
    'comma-separated: decode, pipeline, scene, heap, inference, latency, usb, start, soak',
  )
  .option('--soak-seconds <n>', 'length of the memory soak, in seconds (row soak; off by default)')
  .addOption(json())
  .action(async (options) => (await import('./bench.js')).bench(options))

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
  .action(async (directory, options) => (await import('./dataset.js')).dataset(directory, options))

// `evtrackd track FILE | head`: a reader that has seen enough is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  // Commander has printed its own message: 0 for help and version, 2 for a wrong command line.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else process.exitCode = reportError(error)
}
