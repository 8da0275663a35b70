import { PART_NAMES, type PartName } from '../inference/exact/network.js'
import type { NetworkLayer, NetworkPart } from '../inference/exact/network-schema.js'
import { hostWords } from './nir/host.js'
import { hostStepOf } from './nir/schedule.js'
import type { ExportNetwork, HostLayer } from './target.js'

/** The layers that are in no file of the target, in the order in which they can be computed, each as a rule on integers. */
export function hostLayers(
  { network }: ExportNetwork,
  onHost: (part: PartName, layer: NetworkLayer) => boolean,
): HostLayer[] {
  return PART_NAMES.flatMap((part) => {
    const own = network.description.parts[part]
    return own.layers
      .filter((layer) => onHost(part, layer))
      .map((layer) => ({
        part,
        layer: layer.name,
        kind: layer.kind,
        reads: layer.inputs,
        does: words(own, layer),
      }))
  })
}

function words({ inputs, layers }: NetworkPart, layer: NetworkLayer): string {
  const { output } = layer
  const exponentOf = (name: string) =>
    (layers.find((each) => each.name === name)?.output ?? inputs.find((each) => each.name === name))
      ?.exponent ?? 0
  const within = `within ${output.low ?? 0} and ${output.high}`
  switch (layer.kind) {
    case 'conv': {
      const { weight, bias, exponents, stride, pads, groups } = layer
      const sum = `${layer.inputs[0]} convolved with ${weight}, plus ${bias} (stride ${stride.join(', ')}; zeros at top, left, bottom, right ${pads.join(', ')}; groups ${groups})`
      return output.exponent === null
        ? `${sum}; worth 2^-${exponents}`
        : `${sum}, divided by 2^(${exponents} - ${output.exponent}), rounded, ${within}`
    }
    case 'spike':
      return `${layer.inputs[0]} / ${2 ** exponentOf(layer.inputs[0])}, rounded, ${within}`
    case 'add': {
      const terms = layer.inputs.map((name) => {
        const factor = 2 ** (output.exponent! - exponentOf(name))
        return factor === 1 ? name : `${factor} x ${name}`
      })
      return [...terms, ...(layer.constant ? [layer.constant] : [])].join(' + ')
    }
    case 'slice': {
      const last = layer.first + output.shape[0]! - 1
      return `channels ${layer.first} to ${last} of ${layer.inputs[0]}`
    }
    default:
      return hostWords(hostStepOf(layer))
  }
}

/** The network as integers, constants and weights of the host's layers among them, as they lie in the package. */
export function networkFiles({ pkg, network }: ExportNetwork): Record<string, Uint8Array> {
  const { data } = network.description
  return {
    'network.json': pkg.files[pkg.manifest.integers!]!,
    [data]: pkg.files[data]!,
  }
}

/** How a README explains `host` of the manifest. */
export function hostSection({ network }: ExportNetwork): string {
  const { parts, data } = network.description
  const handed = parts.template.outputs.map(({ name, layer }) =>
    name === layer ? `\`${name}\`` : `\`${name}\` (layer \`${layer}\`)`,
  )
  return `## The two parts and the host

The template part runs once for each target. What it hands on, ${handed.join(', ')}, is input of the search part, which
runs for every window. Crops are bytes, 0 to 255, [channels, height, width]; nothing is normalised.

\`host\` in manifest.json says in order what the host computes: whole numbers throughout, worth number × 2^-exponent, the
exponent of each tensor in \`network.json\`. Arrays that it names (weights, biases, constants) lie in \`${data}\`, little-endian;
\`tensors\` in \`network.json\` gives type, shape and first byte. A constant may be one number, one for each channel, or a
map. Nothing that is rounded lies halfway. After the logits come the sigmoids, the best cell and the box.`
}
