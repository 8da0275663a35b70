import { segmentTarget } from './segment-target.js'

/** Files for Lava's netx: whole-number weights, layers in sequence. */
export const loihi2 = segmentTarget({
  name: 'loihi2',
  title: 'Intel Loihi 2, .net files for Lava',
  onlyFitting: false,
  notes: [
    'Weights are whole numbers on one scale for a layer. Where they need more than 8 bits the chip would cut them: the check says so, and training with one exponent a layer mends it.',
    "Exact with a neuron that rounds a sum to graded spikes, which on the chip is a neuron program of one's own. The CUBA neuron that netx builds fires at most once a step and resets to zero: it gives other spikes.",
    'Padding must be the same on both sides: a kernel that had more on one side has grown by a row and a column of zeros.',
  ],
})
