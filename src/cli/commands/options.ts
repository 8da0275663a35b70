import { Option } from 'commander'

/** Options that several commands have. */
export const json = () => new Option('--json', 'print JSON for programs')
export const config = () =>
  new Option(
    '-c, --config <file>',
    'configuration file (TOML) instead of /etc/evtrackd/evtrackd.toml; drop-ins and environment count as for `run`',
  )
export const tracker = () =>
  new Option(
    '--tracker <tracker>',
    'spiking: the network of the model package; cluster: event clusters, no model needed',
  ).choices(['spiking', 'cluster'])
