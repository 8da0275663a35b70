import type { TargetReport } from '../target.js'
import type { AkidaDetails } from './details-schema.js'

/** README.md of an Akida folder: what to run, with which settings, and what to expect. */
export function akidaReadme(of: {
  readonly model: string
  readonly details: AkidaDetails
  readonly report: TargetReport
  /** What the host does, as a section. */
  readonly host: string
}): string {
  const { details, report } = of
  const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ')
  const rows = details.pieces.map(
    ({ file, inputs, outputs, layers }) =>
      `| \`${file}\` | ${code(inputs)} | ${code(outputs)} | ${layers.length} |`,
  )
  const costs = report.parts.map(
    (part) =>
      `| ${part.part} | ${part.spikes.toFixed(0)} | ${part.synapticOperations.toFixed(0)} | ${part.multiplications.toFixed(0)} | ${part.weightBytes} | ${part.microjoules.toPrecision(3)} |`,
  )
  return `# ${of.model} for BrainChip Akida 2

${details.fits ? 'The check found room for the whole network.' : 'Not every layer fits the chip: `evtrackd export MODEL --target akida --check` says which breaks which limit.'}
Nothing in this folder was run on a chip or through its maker's tools.

The files are float32 ONNX of fixed shapes, opset 11, with Conv, Add and Clip alone: input for the maker's quantiser and
converter. Attention, correlation and the mask's minimum multiply or compare two activations; the host computes them
between the pieces.

| file | reads | writes | layers |
|---|---|---|---|
${rows.join('\n')}

1. Quantise each file with 8-bit weights. They are whole numbers of 8 bits, sign included, times a power of two for each channel, so nothing is lost.
2. Activations: \`details.pieces[].layers[]\` names bits and unit of each. A neuron has five levels, 0 to 4 with unit 1: 4 bits, unsigned. Increments have 8 bits with unit 1/32, signed. A scale that is calibrated instead of given changes spikes.
3. Convert, and compare with \`golden.h5\`: \`/${details.golden.inputs[0]}/PART/TENSOR\` and so on, the real value of every tensor that is read or written, [channels, height, width].

\`evtrackd export verify DIR\` runs the files with exactly this rounding and reports the neurons that differ.

${of.host}

\`golden.h5\` and the ONNX files have real values, \`host\` and \`network.json\` the whole numbers behind them.

| part | spikes read | accumulates | multiplications | weight bytes | µJ |
|---|---|---|---|---|---|
${costs.join('\n')}

Means over ${report.counted_on}; an ${report.convention}.
`
}
