import type { TargetReport } from '../target.js'
import type { SegmentDetails } from './details-schema.js'

/** README.md of an exported folder: what lies there, how to read it, what to expect. */
export function readmeOf(of: {
  readonly target: string
  readonly title: string
  readonly model: string
  readonly details: SegmentDetails
  readonly report: TargetReport
  /** What the host does, as a section. */
  readonly host: string
}): string {
  const { details, report } = of
  const placed = details.segments.some(({ cores }) => cores !== null)
  const rows = details.segments.map(({ file, part, input, layers, bits, cores }) => {
    const chain = layers.map((name) => `\`${name}\``).join(' → ')
    const row = `| \`${file}\` | ${part} | \`${input}\` | ${chain} | ${bits.join(', ')} |`
    return placed ? `${row} ${cores?.join(', ') ?? 'none'} |` : row
  })
  const costs = report.parts.map(
    (part) =>
      `| ${part.part} | ${round(part.spikes)} | ${round(part.synapticOperations)} | ${round(part.multiplications)} | ${part.neurons} | ${part.weightBytes} | ${part.microjoules.toPrecision(3)} |`,
  )
  const verdict = details.fits
    ? 'The check found room for the whole network.'
    : `The whole network does not fit this chip: \`evtrackd export MODEL --target ${of.target} --check\` says which layer breaks which limit.`
  return `# ${of.model} for ${of.title}

${verdict}
Nothing in this folder was run on a chip.

| file | what it is |
|---|---|
| \`*.net\` | a sequence of convolutions as HDF5, \`/layer/0\` the input, then one group for each layer |
| \`golden.h5\` | \`/${details.golden.inputs[0]}/PART/TENSOR\` and so on: the integers that a segment reads and those that each layer writes, [channels, height, width] |
| \`network.svg\` | the network, with what is in the files in one colour and what the host does in the other |
| \`network.json\`, \`network.bin\` | the whole network as integers, the host's layers with their constants included |
| \`manifest.json\` | hashes, segments, layers of the host, costs |

## Segments

The network is cut where a membrane is carried past a layer, where two activations meet, and where spikes go to more than
one reader. The host does what lies between.

| file | part | reads | layers | weight bits |${placed ? ' cores |' : ''}
|---|---|---|---|---|${placed ? '---|' : ''}
${rows.join('\n')}

In a file, \`weight\` is [outputs, inputs / groups, rows, columns], \`stride\` and \`padding\` are down and across.

${of.host}

## What to expect

For each golden input, feed the tensor that a segment reads as graded spikes in one step. A layer's sum is
weights × input + bias. A neuron passes on the sum divided by \`neuron/vThMant\`, rounded to the nearest whole number within
\`neuron/low\` and \`neuron/high\`; one with \`neuron/readout\` passes the sum on as it is. \`golden.h5\` holds the answer,
number by number; no sum lies halfway between two. A logit is the sum × 2^-exponent, \`details.segments[].exponents\`.

${details.notes.map((note) => `* ${note}`).join('\n')}

\`evtrackd export verify DIR\` runs every file this way and reports the neurons that differ.

## Costs

| part | spikes read | accumulates | multiplications | neurons | weight bytes | µJ |
|---|---|---|---|---|---|---|
${costs.join('\n')}

Means over ${report.counted_on}; an ${report.convention}.
`
}

const round = (value: number) => value.toFixed(0)
