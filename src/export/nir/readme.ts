import type { ExportNetwork } from '../target.js'
import type { NirPart, NirSchedule } from './schedule-schema.js'

/** README.md of the folder: enough to run the graphs elsewhere and to know what must come out. */
export function nirReadme({ pkg }: ExportNetwork, { parts, golden, reset }: NirSchedule): string {
  const { name, sha256 } = pkg.spec
  return `# ${name} as NIR

Two graphs of the tracker ${name} (package ${sha256.slice(0, 16)}…): \`template.nir\` is run once for each target,
\`search.nir\` for every window, on what the template handed over. Weights, thresholds and constants are whole numbers in
float32 (before the logits: times a power of two), and no sum reaches 2^24: the spikes are the same on every executor that keeps to what follows.

| file | holds |
|---|---|
| \`template.nir\`, \`search.nir\` | the graphs: Input, Conv2d (one group, square), IF, Scale, Output |
| \`manifest.json\` | \`details\`: the schedule (when which input is presented, which neurons fire when), the host's layers, \`files\`: hashes |
| \`golden.h5\` | ${golden.inputs.length} golden inputs: \`/PART/inputs\`, \`/PART/spikes/NODE\` as [input, step, channels, height, width], \`/PART/outputs\` |
| \`network.svg\` | the layers, and where they run |

## Running a graph

1. All membranes are 0 at first, and before every inference. There is no leak and no refractory time.
2. Count steps from 0. The template takes ${parts.template.steps} steps, the search ${parts.search.steps}.
3. In step 0 present the crop (\`given\`, bytes as currents: 0 to 255, once). Results of the host are presented likewise, once,
   in the step that \`given\` names. In all other steps an input is 0.
4. Present the gates as \`gates\` lists them: 1 or -1 at every place of one channel, for one step.
${reset === 'subtract' ? FIRING.subtract : FIRING.either}
6. A spike may arrive in the step in which it was sent or one step later; both give the same spikes. Only the loops
   (\`NODE_inhibit\`) must take one step. Where spikes take a step, run one step more.
7. What arrives at an output of \`read\` over its steps is counted: 0 to 4, the spikes of a neuron. What arrives at one of
   \`sums\` over all steps is a logit, in real units.

Nothing is normalised and nothing is added but what the graph says: every bias of a convolution is 0.

## What the nodes are

${reset === 'subtract' ? NEURON.levels : NEURON.ladder}
* \`NODE\`, *bits*: a rounding. What a residual branch adds to a membrane is a whole number from -128 to 127 of 1/32; NIR has
  no rounding, so eight neurons for each number find its bits, one step each, the largest first. One that fires takes its
  worth from the smaller ones (\`NODE_inhibit\`). \`NODE_fan\` gives the sum to all eight; \`NODE_byF\` weighs the bits by F
  times their powers of two. These fire at most once and do not depend on the reset.
* \`NODE_conv\`, \`NODE_gate_conv\`, \`NODE_start\`: weights, what the gates weigh, constants that differ from place to place.

Residual connections are in-edges: a neuron adds up every branch that its membrane is made of.

## On the host

NIR has no node for products of two activations, their rearrangement and comparisons. \`manifest.json\` lists them under
\`host\` in words and under \`details.parts.PART.host\` with their sizes: whole numbers in, whole numbers out.

${hostTable('template', parts.template)}
${hostTable('search', parts.search)}
The sigmoids, the best cell and the box are the host's too, after the logits.

## Which executors give this answer

${executors(reset)}

These lines on other programs are from their documentation; none of them was run on these files.
`
}

const FIRING = {
  subtract: `5. A neuron adds what arrives and **fires when its membrane is greater than its threshold, at most once a step, and then
   takes the threshold off** (reset by subtraction). This is not the letter of NIR, whose IF forgets everything; see below.`,
  either: `5. A neuron adds what arrives and **fires when its membrane is greater than its threshold, at most once a step**. No
   neuron has to fire twice: whether it then takes its threshold off or goes to zero makes no difference.`,
}

const NEURON = {
  levels: `* \`NODE\`, *levels*: an I-LIF neuron that is unrolled into binary spikes. Channel 0 of its gate starts it with one half of
  its threshold and its bias, and shuts it (a large negative number); channel 1 opens it when all of its input has
  arrived, and shuts it again four steps later. It fires min(4, ⌊u + ½⌋) times.`,
  ladder: `* \`NODE\`, *ladder*: an I-LIF neuron as four neurons with the thresholds of one to four spikes, which fire in the same
  step, min(4, ⌊u + ½⌋) of them. Channel 0 of their gate starts them with one half of a spike and their bias, and shuts
  them (a large negative number); channel 1 opens them when all of their input has arrived, and shuts them a step later.
  \`NODE_fan\` gives the sum to all four, \`NODE_sum\` counts them.`,
}

function executors(reset: NirSchedule['reset']): string {
  const subtract = reset === 'subtract'
  return `| executor | exact |
|---|---|
| \`evtrackd export verify\` (spike by spike, ${subtract ? 'thresholds subtracted' : 'membranes reset to zero'}) | yes, proven by running it |
| any IF with subtraction of the threshold, one spike a step at most, float32 or 24-bit integers | yes by construction |
| the letter of NIR's IF, a reset to zero (norse) | ${subtract ? 'no: a neuron that must fire again does so too rarely. Roundings are right, since their neurons fire once. `evtrackd export verify DIR --executor hard` shows it; export with `--reset either` for these' : 'yes, proven by running it'} |
| several spikes a step (sinabs, by default) | no: a neuron far above its threshold fires more often than once, and more often than four times |
| IF mapped to a leaky neuron (snnTorch's import), fp16, 16-bit membranes | no: membranes lose what they hold |`
}

function hostTable(part: string, { host }: NirPart): string {
  if (host.length === 0) return `The ${part} needs nothing of the host.\n`
  return [
    `| ${part} | kind | reads | gives |`,
    '|---|---|---|---|',
    ...host.map(
      ({ layer, kind, reads, shape }) =>
        `| ${layer} | ${kind} | ${reads.join(', ')} | ${shape.join('×')} |`,
    ),
    '',
  ].join('\n')
}
