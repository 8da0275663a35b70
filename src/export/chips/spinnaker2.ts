import { segmentTarget } from './segment-target.js'

/** Layer files for a chip that is programmed in C: it can hold the network, products included. */
export const spinnaker2 = segmentTarget({
  name: 'spinnaker2',
  title: 'SpiNNaker2',
  onlyFitting: false,
  notes: [
    'The memory of the chip holds the whole network. No public compiler takes it: the files carry the numbers for a program on its processors, which can also do what is listed under `host`.',
  ],
})
