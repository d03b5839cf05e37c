import type { Tensor } from '@pare/onnx'

// What of a model goes together, as facts of its graph: whoever cuts decides which units go.

interface Units {
  /** Stable between runs. */
  readonly id: string
  readonly units: number
  /** What of each tensor belongs to which unit. */
  readonly slices: readonly Slice[]
  /** Why nothing may be removed; such a group can only be declined. */
  readonly held?: string
}

/** Units that exist across several tensors: a unit that goes, goes from all of them. Its id: the first weight that is sliced, and its axis. */
export interface CoupledGroup extends Units {
  readonly kind: 'coupled'
  /** What the units are to the operators they run through. */
  readonly roles: ReadonlySet<Role>
  /** How many units stay at least, as where a router chooses so many of them. Default: 1 */
  readonly least?: number
  /** Whether it is held only since the analysis ends there, so that what its units are is not known. */
  readonly unseen?: boolean
}

/** Units that are stretches of the graph, one after another: a unit that goes is passed by. Its id: 'blocks:' and the value that enters the first. */
export interface BlockGroup extends Units {
  readonly kind: 'block'
  /** One for each unit, in the order of the graph. */
  readonly blocks: readonly Block[]
}

/** A stretch of the graph between two values of one shape, of which nothing else is read outside. */
export interface Block {
  /** The value that enters, and is read instead of `to` when the block goes. */
  readonly from: string
  readonly to: string
  /** First outputs of the nodes that go with it. */
  readonly nodes: readonly string[]
  /** Inputs and outputs of the model that go with it: its part of a cache. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  /** Of a block in one branch of an If: where the same block begins and ends in the other. Names are those that `flattened` gives. Absent: the graph has it once */
  readonly twin?: Pick<Block, 'from' | 'to'>
}

/**
 * conv-out, conv-in, matmul-out, matmul-in: a weight makes them, or sums over them. batch: multiplied apart in a product of activations, as attention
 * heads are. inner: summed over in one. norm: a normalisation takes statistics over them, so removing one changes the others. embedding: columns of a
 * table. group: groups of a convolution. repeat: copies made by broadcasting, as queries need of the key and value that they share.
 * recurrent: hidden units of a recurrent layer. expert: experts that a router chooses among. chosen: numbers of which the largest are chosen.
 */
export type Role =
  | 'conv-out'
  | 'conv-in'
  | 'matmul-out'
  | 'matmul-in'
  | 'batch'
  | 'inner'
  | 'outer'
  | 'norm'
  | 'embedding'
  | 'group'
  | 'repeat'
  | 'recurrent'
  | 'expert'
  | 'chosen'

/** The part of one tensor that belongs to the units of a group. */
export interface Slice {
  /** Of the tensor, unique in the model. */
  readonly id: string
  readonly tensor: Tensor
  readonly axis: number
  /** i32[size of the axis]: the unit of each position, or −1. */
  readonly units: Int32Array
  /** Whether its elements count towards the scores of units. */
  readonly scored: boolean
}

/** Where the analysis of a model stops. */
export interface Obstacle {
  /** Operator and name of the node: "Pad '/Pad'". */
  readonly id: string
  readonly reason: string
}
