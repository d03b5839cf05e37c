import type { DataCount, FoldedModel, FoldedWeight, MacFormula, TiedCopy } from '@pare/core'
import type { Range } from '../pipeline/facts/unit-parameters.js'

/** What `pare inspect --json` prints of a model. */
export interface InspectView {
  readonly model: {
    readonly path: string
    /** With external data. */
    readonly bytes: number
    readonly opset: number | null
    readonly nodes: number
    readonly inputs: readonly ValueView[]
    readonly outputs: readonly ValueView[]
  }
  /** Weights that the graph computes: they are seen as if they were stored. Absent where there are none. */
  readonly folded?: readonly FoldedWeight[]
  /** Computed weights that are not seen so, and why. */
  readonly notFolded?: FoldedModel['left']
  /** Weights that are copies of embeddings. Absent where there are none. */
  readonly tied?: readonly TiedCopy[]
  readonly parameters: { readonly total: number; readonly nonzero: number }
  /** For one sample, at `macsAt`; null where they cannot be counted. */
  readonly macs: number | null
  /** Sizes of all axes that the model leaves open, and of `macsDecidedByData`. */
  readonly macsAt: Readonly<Record<string, number>>
  /** What only data decide and MACs follow, such as the boxes that NonMaxSuppression leaves: as many as there can be, unless said. Absent where there is nothing. */
  readonly macsDecidedByData?: readonly DataCount[]
  /** MACs of one sample at any sizes that the model leaves open. Absent where these do not change them. */
  readonly macFormula?: MacFormula
  /** Why MACs cannot be counted. */
  readonly macsUnknown?: string
  readonly layers: readonly WeightView[]
  readonly structures: readonly StructureView[]
  readonly groups: readonly GroupView[]
  readonly declined: readonly { readonly id: string; readonly structure: string; readonly reason: string }[]
}

export interface ValueView {
  readonly name: string
  readonly type: string
  readonly shape: readonly (number | string)[] | undefined
}

export interface WeightView {
  readonly name: string
  readonly node: string
  readonly op: string
  readonly shape: readonly number[]
  /** Of the integers that it is stored in. Absent: it is stored in floats */
  readonly type?: string
  readonly elements: number
  readonly sparsity: number
}

/** What a structure finds. */
export interface StructureView {
  readonly name: string
  readonly kind: 'mask' | 'cut'
  readonly groups: number
  readonly units: number
  /** Parameters that belong to any of the units, each counted once. */
  readonly parameters: number
  /** Of all parameters. Of each group some unit always remains. */
  readonly share: number
  readonly declined: number
}

export interface GroupView {
  readonly id: string
  readonly structure: string
  /** The node that reads the first weight of the group; none for blocks. */
  readonly node?: string
  readonly units: number
  /** Parameters that go with one unit; for structures that cut. */
  readonly unitParameters?: Range
  /** MACs that go with one unit; null where the model's are not known. */
  readonly unitMacs?: Range | null
}
