import { segmentTarget } from './segment-target.js'

/** Only what the cores can hold, with a core for each layer. */
export const speck = segmentTarget({
  name: 'speck',
  title: 'SynSense Speck 2e/2f',
  onlyFitting: true,
  notes: [
    "Only segments whose every layer finds a core are in the folder. `weight` and `bias` go to a core's weights and biases, `neuron/vThMant` to its threshold, with subtraction instead of return to zero.",
    'Exact where a sum is made before it is fired. The chip fires while events arrive: a neuron that passes its threshold early and is inhibited later sends a spike that the exact network does not.',
  ],
})
