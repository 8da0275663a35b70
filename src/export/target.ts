import type { Network, PartName } from '../inference/exact/network.js'
import type { ModelPackage } from '../inference/model-package.js'

/** What is exported: a verified package and its network as integers, the intermediate description of every target. */
export interface ExportNetwork {
  readonly pkg: ModelPackage
  readonly network: Network
}

export interface ExportOptions {
  /** Golden inputs to write and verify with, at most what the package has. */
  readonly golden: number
  /** What neurons may do when they fire, where a target leaves it open (nir): take their threshold off, or either. */
  readonly reset?: 'subtract' | 'either'
}

/** One layer held against a target's limits. */
export interface LayerCheck {
  readonly part: PartName
  readonly layer: string
  readonly kind: string
  /** Where it runs when it is exported: on the chip or on the host beside it. */
  readonly side: 'chip' | 'host'
  readonly fits: boolean
  /** What the layer needs and what the target has, in words and numbers: `24576 neurons`, `8192`. */
  readonly needs: string
  readonly limit: string
  /** By how much it does not fit (`3.0 x`), empty where it does. */
  readonly over: string
  /** What would make it fit, empty where it does. */
  readonly remedy: string
}

export interface CheckTable {
  readonly target: string
  readonly title: string
  readonly fits: boolean
  readonly layers: readonly LayerCheck[]
  /** Sentences below the table: totals, sources, what was assumed. */
  readonly notes: readonly string[]
}

/** What one inference costs where it is exported to, counted on the golden inputs that were exported (means). */
export interface PartReport {
  readonly part: PartName
  /** Binary spikes that are sent, converters of roundings included where a target has them. */
  readonly spikes: number
  /** Accumulates of spikes that arrive; multiplications where bytes come in. */
  readonly synapticOperations: number
  readonly multiplications: number
  readonly neurons: number
  /** Weights and constants, and the state of neurons or activations that lives at once. */
  readonly weightBytes: number
  readonly stateBytes: number
  /** By the convention of src/inference/energy.ts, for what is exported; the host is not counted. */
  readonly microjoules: number
}

export interface TargetReport {
  readonly convention: string
  readonly counted_on: string
  readonly parts: readonly PartReport[]
}

/** What a target says of its folder; `write-folder.ts` adds format, origin and the hashes of the files. */
export interface ManifestBody {
  readonly report: TargetReport
  /** The layers that stay on the host, with what they do. */
  readonly host: readonly HostLayer[]
  /** Whatever else a reader of this target needs; plain JSON. */
  readonly details: Readonly<Record<string, unknown>>
}

export interface HostLayer {
  readonly part: PartName
  readonly layer: string
  readonly kind: string
  readonly reads: readonly string[]
  readonly does: string
}

export interface Manifest extends ManifestBody {
  readonly format: 'evtrackd-export'
  readonly version: 1
  readonly target: string
  readonly model: { readonly name: string; readonly sha256: string }
  /** By path in the folder, with '/'; the manifest itself is not listed. */
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>
}

export interface VerifiedLayer {
  readonly part: PartName
  readonly layer: string
  /** Neurons (or values) of the layer over all golden inputs, and how many of them are not the golden ones. */
  readonly neurons: number
  readonly mismatches: number
}

export interface VerifyReport {
  readonly target: string
  /** What was executed, and what was only compared value by value. */
  readonly executed: string
  readonly exact: boolean
  readonly layers: readonly VerifiedLayer[]
  readonly notes: readonly string[]
}

export interface VerifyOptions {
  /** nir: neurons that reset like this when they fire, in place of what the folder asks for. */
  readonly reset?: 'subtract' | 'hard'
}

/** One chip or format. Each is a small module on the intermediate description, listed in targets.ts. */
export interface ExportTarget {
  readonly name: string
  readonly title: string
  /** Holds the network against the target's limits; nothing is written. */
  check(network: ExportNetwork): CheckTable
  /**
   * Writes the artefact into an empty folder.
   * @throws EvtrackError EXPORT_UNSUPPORTED naming what cannot be exported, EXPORT_UNAVAILABLE
   */
  write(network: ExportNetwork, dir: string, options: ExportOptions): Promise<ManifestBody>
  /**
   * Executes what was written, from the files alone, and compares with the golden vectors in the folder. Hashes are
   * checked before.
   * @throws EvtrackError EXPORT_INVALID
   */
  verify(dir: string, manifest: Manifest, options?: VerifyOptions): Promise<VerifyReport>
}
