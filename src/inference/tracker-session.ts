/**
 * The port that tracking sees: one tracker network, whatever runs it. All tensors are planar, batch first.
 *
 * - `template()` is run once a target (or when its template is renewed): uint8 [1, C, templateSize, templateSize] in,
 *   an opaque state out that the caller keeps and hands to `search()`.
 * - `search()` takes a batch of B crops, uint8 [B, C, searchSize, searchSize], and B template states. Crop i is searched
 *   with state i. Results do not depend on which crops share a batch.
 * - Crops are borrowed: they must not change until the promise settles.
 * - Both reject with EvtrackError BACKEND_UNAVAILABLE when the backend fails.
 * - Exactness (of the int8 graph, and of both where model.json states no fidelity): the logits are dyadic rationals and equal on every backend; only the sigmoids are rounded, in this
 *   project's own code (float64 exp, then rounded to float32).
 */
export interface TrackerSession {
  readonly spec: TrackerSpec
  template(crop: Uint8Array): Promise<TemplateState>
  search(crops: Uint8Array, templates: readonly TemplateState[]): Promise<SearchMaps>
  close(): Promise<void>
}

/** What tracking must know of a network, from model.json. */
export interface TrackerSpec {
  readonly name: string
  readonly sha256: string
  /** Planes of a crop, in order. 'prior' is the box mask: 255 times the share of each crop pixel inside the box. */
  readonly planes: readonly ('trajectory' | 'negative' | 'positive' | 'prior')[]
  readonly templateSize: number
  readonly searchSize: number
  /** Side of the crop = ceil(sqrt(w*h) * factor). */
  readonly templateFactor: number
  readonly searchFactor: number
  /** Side of the score map in cells. */
  readonly mapSize: number
  /** Where the network has its own: strength of the preference for the middle of the search region. */
  readonly windowStrength?: number
  /** Where the network has its own: smallest side of a box, sensor pixels. */
  readonly minBoxPx?: number
}

/** Tensors by graph-output name; only the session that made it may read it. */
export interface TemplateState {
  readonly tensors: Readonly<Record<string, Float32Array | Uint8Array>>
}

/** Maps of B crops, row-major cells, planar: score [B,1,S,S], size [B,2,S,S] (w, h), offset [B,2,S,S] (x, y). */
export interface SearchMaps {
  readonly batch: number
  readonly mapSize: number
  /** Sigmoid of the score logit. */
  readonly score: Float32Array
  /** Width and height as a share of the crop's side, 0..1. */
  readonly size: Float32Array
  /** Centre offset inside the cell, in cells; 0..1 unless the network's offsets are raw. */
  readonly offset: Float32Array
}
