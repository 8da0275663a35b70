import type { Command } from 'commander'
import { json, tracker } from './options.js'

/** Seeing evtrackd at work, and measuring a machine. */
export function addMeasureCommands(program: Command): void {
  program
    .command('demo')
    .description(
      'an emulated camera, the daemon, a broker and a subscriber on this machine: see it work',
    )
    .option('--seconds <n>', 'how long', '20')
    .option('--scene <name>', 'scene before the camera', 'demo')
    .option('--seed <n>', 'seed of the scene', '1')
    .option(
      '--picture <file.png>',
      'where the picture of the last window goes',
      'evtrackd-demo.png',
    )
    .addOption(tracker().default('spiking'))
    .action(async (options) => (await import('../demo.js')).demo(options))

  program
    .command('bench')
    .description(
      'measure this machine: decoding, filters, inference, latency, USB throughput, start, memory',
    )
    .option(
      '--only <rows>',
      'comma-separated: decode, pipeline, scene, heap, inference, latency, usb, start, watched, soak',
    )
    .option(
      '--soak-seconds <n>',
      'length of the memory soak, in seconds (row soak; off by default)',
    )
    .addOption(json())
    .action(async (options) => (await import('../bench.js')).bench(options))
}
