import { type Command, Option } from 'commander'
import { config, json } from './options.js'

const KINDS =
  'Kinds: hot-pixels, exposure, focus, lens, biases, noise, imu, ground, zones, time; docs/calibration.md says what each needs.'

/** Measuring a camera in the field. */
export function addCalibrationCommands(program: Command): void {
  const calibration = program
    .command('calibrate')
    .description('measure a camera in the field, judge it, and put the result to use')
    .addHelpText(
      'after',
      `\n${KINDS}\n\n\`evtrackd calibrate hot-pixels --help\` says how a kind is run.`,
    )
  const ofCamera = () => new Option('--serial <serial>', 'the camera, where there are several')
  calibration
    .command('report')
    .description('one HTML page with the numbers and pictures of a camera')
    .option('-o, --out <file.html>', 'where it goes', 'calibration.html')
    .addOption(ofCamera())
    .addOption(config())
    .addOption(json())
    .action(async (options) => (await import('../calibrate.js')).report(options))
  calibration
    .command('list')
    .description('the results of a camera, and which are active')
    .addOption(ofCamera())
    .addOption(config())
    .addOption(json())
    .action(async (options) => (await import('../calibrate.js')).list(options))
  calibration
    .command('rollback <kind>')
    .description('return to the result that was active before, or to none')
    .addOption(ofCamera())
    .addOption(config())
    .addOption(json())
    .action(async (kind, options) => (await import('../calibrate.js')).rollback(kind, options))
  calibration
    .command('all')
    .description('a new camera from the box: one kind after the other, then the report')
    .option('--skip <kinds>', 'leave these out: focus,lens')
    .option('-o, --out <file.html>', 'the report', 'calibration.html')
    .option('-y, --yes', 'do not wait for Enter before each kind')
    .option('-s, --source <source>', 'camera, or emulator; default: as configured')
    .option('--scene <name>', 'what the emulated camera sees')
    .option('--seed <n>', 'seed of the emulated camera and its scene')
    .addOption(ofCamera())
    .addOption(config())
    .addHelpText('after', `\nExit status: that of the worst kind, 0 PASS, 1 WARN, 2 FAIL.`)
    .action(async (options) => (await import('../calibrate-all.js')).measureAll(options))
  calibration
    .command('run [kind]', { isDefault: true })
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
    .option('--daemon', 'through the evtrackd that runs, or not at all')
    .option(
      '--direct',
      'on the camera itself; default: through the evtrackd that runs, if one does',
    )
    .addOption(ofCamera())
    .addOption(config())
    .addOption(json())
    .addHelpText(
      'after',
      `
${KINDS}

Examples:
  evtrackd calibrate hot-pixels                 cover the lens first
  evtrackd calibrate exposure --set target=110
  evtrackd calibrate noise --from drive.aedat4 --dry-run
  evtrackd calibrate zones --input zones.json
  evtrackd calibrate report --out report.html

Exit status: 0 PASS, 1 WARN, 2 FAIL or not measured, 78 configuration refused, 130 stopped.`,
    )
    .action(async (kind: string | undefined, options) => {
      if (kind === undefined) calibration.help({ error: true })
      else await (await import('../calibrate.js')).measure(kind, options)
    })

  program
    .command('board')
    .description('the board for `calibrate lens`, in exact millimetres, and how to hold it')
    .option(
      '-o, --out <file>',
      'board.pdf (two pages), or board.png and board-how.png',
      'board.pdf',
    )
    .option('--columns <n>', 'squares from left to right', '7')
    .option('--rows <n>', 'squares from top to bottom', '5')
    .option('--square <mm>', 'edge of a square', '36')
    .option('--paper <name>', 'a4, a3 or letter, landscape', 'a4')
    .option('--dpi <n>', 'resolution of a PNG', '300')
    .addOption(json())
    .action(async (options) => (await import('../board.js')).board(options))
}
