import type { ConvFacts, PartFacts } from './layer-facts.js'
import type { Cores, Limits } from './limits-schema.js'

/** A limit that does not hold: what is needed, what there is, by how much, and what would help. */
export interface Misfit {
  readonly needs: string
  readonly limit: string
  readonly over: string
  readonly remedy: string
}

const more = (count: number) => `+${count} bit${count === 1 ? '' : 's'}`

/** Largest of some numbers a limit names. */
const largest = (numbers: readonly number[]) => Math.max(...numbers)

/** Memory of a layer on a chip whose cores address maps by bits: dimensions are rounded up to powers of two. */
export function coreMemory({ kernel, input, output }: ConvFacts): {
  readonly kernelWords: number
  readonly neuronWords: number
} {
  const [channels] = input
  const [features, height, width] = output
  const up = (n: number) => Math.ceil(Math.log2(n))
  return {
    kernelWords: channels * 2 ** (up(kernel[0] * kernel[1]) + up(features)),
    neuronWords: features * 2 ** (up(height) + up(width)),
  }
}

/** Every limit that a convolution breaks. */
export function convMisfits(conv: ConvFacts, limits: Limits): Misfit[] {
  return [
    ...shapeMisfits(conv, limits),
    ...bitMisfits(conv, limits),
    ...wiringMisfits(conv, limits),
  ]
}

function shapeMisfits(
  { kernel, layer, input, output, first }: ConvFacts,
  limits: Limits,
): Misfit[] {
  const found: Misfit[] = []
  const side = largest(kernel)
  const stride = largest(layer.stride)
  const { kernels, maxKernel, strides, stride2Kernel } = limits
  if (kernels !== null && kernel.some((each) => !kernels.value.includes(each))) {
    const most = largest(kernels.value)
    found.push({
      needs: `kernel ${kernel.join('x')}`,
      limit: `${kernels.value.join(', ')}`,
      over: side > most ? `+${side - most}` : 'not odd',
      remedy: `layer on the host, or kernel ${most}x${most} in training`,
    })
  }
  if (maxKernel !== null && side > maxKernel.value) {
    found.push({
      needs: `kernel ${kernel.join('x')}`,
      limit: `${maxKernel.value}`,
      over: `+${side - maxKernel.value}`,
      remedy: `kernel ${maxKernel.value}x${maxKernel.value} in training`,
    })
  }
  if (strides !== null && !layer.stride.every((each) => strides.value.includes(each))) {
    found.push({
      needs: `stride ${stride}`,
      limit: strides.value.join(', '),
      over: `${(stride / largest(strides.value)).toFixed(1)} x`,
      remedy: `${first ? 'layer on the host, or ' : ''}two layers of stride ${largest(strides.value)}`,
    })
  } else if (stride2Kernel !== null && stride === 2 && side !== stride2Kernel.value) {
    found.push({
      needs: `stride 2 with kernel ${side}`,
      limit: `kernel ${stride2Kernel.value}`,
      over: 'not built',
      remedy: `kernel ${stride2Kernel.value}x${stride2Kernel.value} in training`,
    })
  }
  for (const [which, shape, allowed] of [
    ['reads', input, limits.inputSide],
    ['writes', output, limits.outputSide],
  ] as const) {
    const needed = Math.max(shape[1], shape[2])
    if (allowed === null || needed <= allowed.value) continue
    found.push({
      needs: `${which} ${shape[1]}x${shape[2]}`,
      limit: `${allowed.value}`,
      over: `${(needed / allowed.value).toFixed(1)} x`,
      remedy: `a crop of ${Math.floor((100 * allowed.value) / needed)} % of the side`,
    })
  }
  const { channels, firstChannels } = limits
  const most = Math.max(input[0], output[0])
  if (channels !== null && most > channels.value) {
    found.push({
      needs: `${most} channels`,
      limit: `${channels.value}`,
      over: `${(most / channels.value).toFixed(1)} x`,
      remedy: `${channels.value} channels`,
    })
  }
  if (first && firstChannels !== null && !firstChannels.value.includes(input[0])) {
    found.push({
      needs: `${input[0]} planes in`,
      limit: firstChannels.value.join(' or '),
      over: `+${input[0] - largest(firstChannels.value)}`,
      remedy: 'layer on the host, or fewer planes',
    })
  }
  return found
}

function bitMisfits(conv: ConvFacts, limits: Limits): Misfit[] {
  const found: Misfit[] = []
  const { weightBits, firstWeightBits, sharedExponent, activationBits, stateBits } = limits
  const room = (conv.first ? (firstWeightBits ?? weightBits) : weightBits)?.value ?? Infinity
  const shared = sharedExponent?.value === true
  const need = shared ? conv.sharedWeightBits : conv.weightBits
  if (need > room) {
    const spread = shared && conv.weightBits <= room
    found.push({
      needs: `weights of ${need} bits`,
      limit: `${room}${shared ? ', one exponent' : ''}`,
      over: more(need - room),
      remedy: spread
        ? `one exponent in training, or ${conv.exponents} populations, one for each`
        : `${room}-bit weights in training`,
    })
  }
  for (const [what, needed] of [
    ['reads', conv.first ? 0 : conv.inputBits],
    ['writes', conv.layer.output.type === 'logit' ? 0 : conv.outputBits],
  ] as const) {
    if (activationBits === null || needed <= activationBits.value) continue
    found.push({
      needs: `${what} ${needed} bits`,
      limit: `${activationBits.value}`,
      over: more(needed - activationBits.value),
      remedy: `increments of ${activationBits.value} bits in training, or the sum on the host`,
    })
  }
  if (stateBits !== null && conv.sumBits > stateBits.value) {
    found.push({
      needs: `sums of ${conv.sumBits} bits`,
      limit: `${stateBits.value}`,
      over: more(conv.sumBits - stateBits.value),
      remedy: `${conv.first ? 'layer on the host, or ' : ''}fewer inputs, or weights 1/${2 ** (conv.sumBits - stateBits.value)} as large`,
    })
  }
  return found
}

function wiringMisfits(conv: ConvFacts, { fanOut, cores }: Limits): Misfit[] {
  const found: Misfit[] = []
  if (fanOut !== null && conv.readers > fanOut.value) {
    found.push({
      needs: `${conv.readers} readers`,
      limit: `${fanOut.value}`,
      over: `+${conv.readers - fanOut.value}`,
      remedy: 'no residual connections',
    })
  }
  if (cores === null) return found
  const { kernelWords, neuronWords } = coreMemory(conv)
  const { kernelKi, neuronKi } = cores.value
  if (someCoreHolds(conv, cores.value)) return found
  const kernel = kernelWords / (1024 * largest(kernelKi))
  const neuron = neuronWords / (1024 * largest(neuronKi))
  const ki = (words: number) => `${Math.ceil(words / 1024)} Ki`
  found.push({
    needs: `kernel ${ki(kernelWords)}, neurons ${ki(neuronWords)}`,
    limit: `one core: ${[...new Set(kernelKi.map((k, i) => `${k}/${neuronKi[i]}`))].join(', ')} Ki`,
    over:
      Math.max(kernel, neuron) > 1 ? `${Math.max(kernel, neuron).toFixed(1)} x` : 'in no one core',
    remedy: narrower(conv, cores.value),
  })
  return found
}

function someCoreHolds(conv: ConvFacts, { kernelKi, neuronKi }: Cores): boolean {
  const { kernelWords, neuronWords } = coreMemory(conv)
  return kernelKi.some((ki, i) => kernelWords <= 1024 * ki && neuronWords <= 1024 * neuronKi[i]!)
}

/** The most channels that a core holds, in and out in proportion; else a smaller map. */
function narrower(conv: ConvFacts, cores: Cores): string {
  const [channels, ...map] = conv.input
  const [features, ...cells] = conv.output
  // A kernel that no core holds stays what it is on any map.
  const { kernelWords } = coreMemory(conv)
  const crop = kernelWords <= 1024 * largest(cores.kernelKi) ? ', or a smaller crop' : ''
  for (let out = features - 1; out > 0; out--) {
    const into = Math.max(1, Math.floor((channels * out) / features))
    if (someCoreHolds({ ...conv, input: [into, ...map], output: [out, ...cells] }, cores)) {
      return `${into} to ${out} channels instead of ${channels} to ${features}${crop}`
    }
  }
  return 'a smaller crop'
}

/** Limits that a whole part breaks. */
export function partMisfits(facts: PartFacts, limits: Limits): Misfit[] {
  const found: Misfit[] = []
  const bytes = facts.weightBytes + facts.stateBytes
  for (const [needed, allowed, what] of [
    [facts.neurons, limits.neurons, 'neurons'],
    [facts.synapses, limits.synapses, 'synapses'],
    [bytes, limits.memoryBytes, 'bytes'],
    [facts.convs.length, limits.cores && { value: limits.cores.value.kernelKi.length }, 'layers'],
  ] as const) {
    if (allowed === null || needed <= allowed.value) continue
    const factor = needed / allowed.value
    found.push({
      needs: `${needed} ${what}`,
      limit: `${allowed.value}`,
      over: `${factor.toFixed(1)} x`,
      remedy:
        what === 'layers'
          ? `a network of at most ${allowed.value} layers`
          : what === 'bytes'
            ? 'fewer channels'
            : factor > 16
              ? 'another network, or another chip'
              : `${Math.ceil(factor)} chips, fewer channels, or crops of ${Math.floor(100 / Math.sqrt(factor))} % of the side`,
    })
  }
  return found
}

/** A sum of membranes on a chip that adds activations of few bits. */
export function residualMisfit(sumBits: number, limits: Limits): Misfit | undefined {
  const { residual, activationBits } = limits
  if (residual?.value === false) {
    return {
      needs: 'a membrane past a layer',
      limit: 'layers in sequence',
      over: 'not built',
      remedy: 'training without residual connections, or the sum on the host',
    }
  }
  if (activationBits === null || sumBits <= activationBits.value) return undefined
  return {
    needs: `sums of ${sumBits} bits`,
    limit: `${activationBits.value}`,
    over: more(sumBits - activationBits.value),
    remedy: `membranes of ${activationBits.value} bits in training, or the sum on the host`,
  }
}
