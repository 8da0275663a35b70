import { type Command, Option } from 'commander'
import { config, json, tracker } from './options.js'

/** Running evtrackd, and knowing how it is. */
export function addServiceCommands(program: Command): void {
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
    .action(async (options) => (await import('../run.js')).run(options))

  program
    .command('status')
    .description('how the running daemon is: state, camera, rates, latency, losses, broker')
    .addOption(config())
    .option('--socket <path>', "the daemon's status.sock; default: that of the service")
    .addOption(json())
    .addHelpText(
      'after',
      `
Exit status: 0 running, 3 running but degraded or with a camera that failed, 1 no daemon answers.`,
    )
    .action(async (options) => (await import('../status.js')).status(options))

  program
    .command('doctor')
    .description(
      'check this machine: camera, USB, model, broker, clock, disk; what to do about each',
    )
    .addOption(config())
    .addOption(json())
    .addHelpText(
      'after',
      `
Exit status: 0 nothing failed, 1 something did.`,
    )
    .action(async (options) => (await import('../doctor.js')).doctor(options))

  program
    .command('devices')
    .description('list DAVIS346 cameras on USB, and whether they may be opened')
    .addOption(json())
    .action(async (options) => (await import('../devices.js')).devices(options))

  const configuration = program
    .command('config')
    .description('check, show or document the configuration')
  configuration
    .command('check <file>')
    .description('validate a configuration file; exit 0 if valid, 78 if not')
    .addOption(json())
    .action(async (file, options) => (await import('../config.js')).check(file, options))
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
    .action(async (file, options) => (await import('../config.js')).show(file, options))
  configuration
    .command('schema')
    .description('print the JSON Schema of the configuration file')
    .action(async () => (await import('../config.js')).schema())
}
