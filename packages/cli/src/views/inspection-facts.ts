import type { Range } from '../pipeline/unit-parameters.js'

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
  readonly parameters: { readonly total: number; readonly nonzero: number }
  /** For one sample, all symbolic sizes 1. */
  readonly macs: number | null
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
