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
const tracker = () =>
  new Option(
    '--tracker <tracker>',
    'spiking: the network of the model package; cluster: event clusters, no model needed',
  ).choices(['spiking', 'cluster'])

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
  .addOption(tracker())
  .addHelpText(
    'after',
    `
Examples:
  evtrackd run                                    camera and broker from the defaults
  evtrackd run --config /etc/evtrackd/evtrackd.toml
  evtrackd run --source emulator                  no camera at hand: try everything else
  evtrackd run --source drive.aedat4 --pace fast

SIGHUP reads the configuration anew: what can change while running changes, the log names what needs a restart.

Exit status: 0 stopped by a signal or at the end of the recording, 1 failed, 78 configuration or model refused.`,
  )
  .action(async (options) => (await import('./run.js')).run(options))

program
  .command('status')
  .description('how the running daemon is: state, camera, rates, latency, losses, broker')
  .addOption(config())
  .option('--socket <path>', "the daemon's status.sock; default: that of the service")
  .addOption(json())
  .addHelpText(
    'after',
    `
Exit status: 0 running, 3 running but degraded, 1 no daemon answers.`,
  )
  .action(async (options) => (await import('./status.js')).status(options))

program
  .command('doctor')
  .description('check this machine: camera, USB, model, broker, clock, disk; what to do about each')
  .addOption(config())
  .addOption(json())
  .addHelpText(
    'after',
    `
Exit status: 0 nothing failed, 1 something did.`,
  )
  .action(async (options) => (await import('./doctor.js')).doctor(options))

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
  .addOption(tracker())
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
  .command('render <file>')
  .description('draw a recording with its tracks: a video, or a sheet of pictures')
  .requiredOption('-o, --out <clip.mp4|sheet.png>', 'a video (needs ffmpeg), or one picture')
  .addOption(config())
  .option('--init <x,y,w,h>', 'start one target with this box (sensor pixels) instead of proposals')
  .option('--model <name>', 'model package, by name or directory')
  .addOption(tracker())
  .option('--fps <n>', 'pictures a second of the video', '30')
  .option('--speed <x>', 'seconds of the recording in a second of the video; 0.1: slow motion', '1')
  .option('--scale <n>', 'picture pixels a sensor pixel', '2')
  .addOption(json())
  .addHelpText(
    'after',
    `
Examples:
  evtrackd render drive.aedat4 --out drive.mp4
  evtrackd render drive.aedat4 --out slow.mp4 --speed 0.1
  evtrackd render drive.aedat4 --out sheet.png --init 51,225,33,16`,
  )
  .action(async (file, options) => (await import('./render.js')).render(file, options))

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
  .action(async (sequences, options) => (await import('./eval.js')).evaluate(sequences, options))

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
  .description('print the whole configuration that `run` would go by, as TOML')
  .option('--origin', 'where each value came from')
  .addOption(json())
  .addHelpText(
    'after',
    `
Later ones win, key by key: defaults, /etc/evtrackd/evtrackd.toml (or FILE, or EVTRACKD_CONFIG), the *.toml of the
folder evtrackd.d beside it, the environment (EVTRACKD_MQTT_URL=…), the command line, camera/configure.`,
  )
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
  .action(async (name, options) => (await import('./model-verify.js')).verify(name, options))
model
  .command('energy [package]')
  .description('energy of one inference, layer by layer, from real spike counts')
  .option('--scene <name>', 'count while tracking in a simulated scene, not on the golden vectors')
  .option('--seconds <n>', 'length of the scene', '5')
  .addOption(
    new Option('--recording <file>', 'count while tracking in a recording').conflicts('scene'),
  )
  .addOption(json())
  .action(async (name, options) => (await import('./model-energy.js')).energy(name, options))

const calibration = program
  .command('calibrate')
  .description('measure a camera in the field, judge it, and put the result to use')
const ofCamera = () => new Option('--serial <serial>', 'the camera, where there are several')
calibration
  .command('report')
  .description('one HTML page with the numbers and pictures of a camera')
  .option('-o, --out <file.html>', 'where it goes', 'calibration.html')
  .addOption(ofCamera())
  .addOption(config())
  .addOption(json())
  .action(async (options) => (await import('./calibrate.js')).report(options))
calibration
  .command('list')
  .description('the results of a camera, and which are active')
  .addOption(ofCamera())
  .addOption(config())
  .addOption(json())
  .action(async (options) => (await import('./calibrate.js')).list(options))
calibration
  .command('rollback <kind>')
  .description('return to the result that was active before, or to none')
  .addOption(ofCamera())
  .addOption(config())
  .addOption(json())
  .action(async (kind, options) => (await import('./calibrate.js')).rollback(kind, options))
calibration
  .command('run <kind>', { isDefault: true })
  .description('calibrate; `run` may be left out')
  .option('--from <file.aedat4>', 'measure a recording instead of a camera')
  .option('-s, --source <source>', 'camera, or emulator; default: as configured')
  .option(
    '--scene <name>',
    'what the emulated camera sees, where the kind wants something that moves',
  )
  .option('--seed <n>', 'seed of the emulated camera and its scene')
  .option('--duration <seconds>', 'how long to measure; default: what the kind needs')
  .option('--set <key=value...>', 'options of the kind, as in [calibration.<kind>]')
  .option('--input <file.json>', 'options of the kind from a file: zones, surveyed points')
  .option('--dry-run', 'measure and judge; write nothing')
  .addOption(ofCamera())
  .addOption(config())
  .addOption(json())
  .addHelpText(
    'after',
    `
Kinds: hot-pixels, noise, focus, exposure, lens, imu, ground, time, zones; docs/calibration.md says what each needs.

Examples:
  evtrackd calibrate hot-pixels                 cover the lens first
  evtrackd calibrate exposure --set target=110
  evtrackd calibrate noise --from drive.aedat4 --dry-run
  evtrackd calibrate zones --input zones.json
  evtrackd calibrate report --out report.html

Exit status: 0 PASS, 1 WARN, 2 FAIL or not measured, 78 configuration refused, 130 stopped.`,
  )
  .action(async (kind, options) => (await import('./calibrate.js')).measure(kind, options))

program
  .command('board')
  .description('the board for `calibrate lens`, in exact millimetres, and how to hold it')
  .option('-o, --out <file>', 'board.pdf (two pages), or board.png and board-how.png', 'board.pdf')
  .option('--columns <n>', 'squares from left to right', '7')
  .option('--rows <n>', 'squares from top to bottom', '5')
  .option('--square <mm>', 'edge of a square', '36')
  .option('--paper <name>', 'a4, a3 or letter, landscape', 'a4')
  .option('--dpi <n>', 'resolution of a PNG', '300')
  .addOption(json())
  .action(async (options) => (await import('./board.js')).board(options))

program
  .command('demo')
  .description(
    'an emulated camera, the daemon, a broker and a subscriber on this machine: see it work',
  )
  .option('--seconds <n>', 'how long', '20')
  .option('--scene <name>', 'scene before the camera', 'demo')
  .option('--seed <n>', 'seed of the scene', '1')
  .option('--picture <file.png>', 'where the picture of the last window goes', 'evtrackd-demo.png')
  .addOption(tracker().default('spiking'))
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
