import type { Command } from 'commander'
import { config, json, tracker } from './options.js'

/** Making, reading and tracking in recordings. */
export function addRecordingCommands(program: Command): void {
  program
    .command('record <file>')
    .description(
      'record camera, emulator or scene to an AEDAT4 file, readable even after a power cut',
    )
    .addOption(config())
    .option('-s, --source <source>', 'camera, emulator or scene; default: as configured')
    .option('--camera <id>', 'which one, where [[cameras]] has several')
    .option('--seconds <n>', 'stop after so many seconds of device time; default: until Ctrl-C')
    .addOption(json())
    .action(async (file, options) => (await import('../record.js')).record(file, options))

  program
    .command('info <file>')
    .description(
      'what a recording holds: counts, duration, rates, camera, images, IMU, triggers, problems',
    )
    .addOption(json())
    .action(async (file, options) => (await import('../info.js')).info(file, options))

  program
    .command('track <file>')
    .description(
      'track in a recording, offline and deterministically: the same file gives the same bytes',
    )
    .addOption(config())
    .option(
      '--init <x,y,w,h>',
      'start one target with this box (sensor pixels) instead of proposals',
    )
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
    .action(async (file, options) => (await import('../track.js')).track(file, options))

  program
    .command('render <file>')
    .description('draw a recording with its tracks: a video, or a sheet of pictures')
    .requiredOption('-o, --out <clip.mp4|sheet.png>', 'a video (needs ffmpeg), or one picture')
    .addOption(config())
    .option(
      '--init <x,y,w,h>',
      'start one target with this box (sensor pixels) instead of proposals',
    )
    .option('--model <name>', 'model package, by name or directory')
    .addOption(tracker())
    .option('--fps <n>', 'pictures a second of the video', '30')
    .option(
      '--speed <x>',
      'seconds of the recording in a second of the video; 0.1: slow motion',
      '1',
    )
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
    .action(async (file, options) => (await import('../render.js')).render(file, options))
}
