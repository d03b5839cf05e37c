import type { Node, Tensor } from '@pare/onnx'

// What a plugin sees. A criterion says how important an element is, a structure says what may go; neither knows the other.

/** How much each element of a weight matters: an expression, traced once and compiled by each backend. Higher is kept. */
export interface Criterion<Needs extends Record<string, Statistic> = Record<string, Statistic>> {
  readonly name: string
  /** What must be measured on calibration data first. Empty: nothing. `saliency` is given exactly these. */
  readonly needs: Needs
  /** What is ranked together unless the user says otherwise. Default: 'global'. */
  readonly scope?: Scope
  /** Saliency of each element of `weight`, in its shape. Statistics arrive in a shape that broadcasts against it. */
  saliency(input: { readonly weight: Value; readonly stats: { readonly [Key in keyof Needs]: Value } }, ops: Ops): Value
}

/** What is measured while data flow through the model. Open: a plugin brings its own. */
export interface Statistic {
  readonly key: string
  /** Which value: what the weight is multiplied with, or what comes out. */
  readonly at: 'input' | 'output'
  /** Reduces one batch of the value to the statistic. */
  reduce(value: Value, ops: Ops): Value
  /** How results of several batches become one. */
  readonly merge: 'sum' | 'max' | 'moments'
}

/** Where the model may be cut. Only finds; masking, cutting, proving and replay are core's. */
export interface Structure {
  readonly name: string
  /** 'mask': elements become zero, and the target is a sparsity. 'cut': units are removed, and the target is a ratio. Default: 'mask'. */
  readonly kind?: 'mask' | 'cut'
  find(analysis: Analysis): Found
}

export interface Found {
  readonly groups: readonly Group[]
  readonly declined: readonly Declined[]
}

/** What is kept or removed unit by unit. */
export type Group = MaskGroup | UnitGroup

/** What is cut unit by unit: positions of axes, or stretches of the graph. */
export type UnitGroup = CoupledGroup | BlockGroup

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
}

/**
 * conv-out, conv-in, matmul-out, matmul-in: a weight makes them, or sums over them. batch: multiplied apart in a product of activations, as attention
 * heads are. inner: summed over in one. norm: a normalisation takes statistics over them, so removing one changes the others. embedding: columns of a
 * table. group: groups of a convolution. repeat: copies made by broadcasting.
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

/** Elements of one tensor that are masked, never cut. */
export interface MaskGroup {
  readonly kind: 'mask'
  /** Stable between runs. */
  readonly id: string
  readonly weight: Weight
  readonly pattern: Pattern
}

/** Which masks are allowed. 'free': any element may go. */
export type Pattern = { readonly kind: 'free' }

/** Something that looks prunable and is not, with the reason. */
export interface Declined {
  readonly id: string
  readonly structure: string
  readonly reason: string
}

/** What is ranked together: one output unit, one tensor, one group of coupled tensors, everything. */
export type Scope = 'row' | 'tensor' | 'group' | 'global'

/** What core knows of a graph, computed once and shared by all structures. */
export interface Analysis {
  /** Weights of MatMul, Gemm, Conv and ConvTranspose, in the order of the graph, each tensor once. */
  readonly weights: readonly Weight[]
  /** Constant operands of those operators that are not pruned by default, with the reason. */
  readonly notEligible: readonly NotEligible[]
  /** What can only go together. Found for structures that cut, else empty. */
  readonly coupled: readonly CoupledGroup[]
  /** Residual blocks, one group for each stretch of blocks that follow one another. Found for structures that cut, else empty. */
  readonly blocks: readonly BlockGroup[]
}

export interface NotEligible {
  readonly id: string
  readonly reason: string
  /** Left out by include or exclude, not by itself. */
  readonly byUser: boolean
}

export interface Weight {
  /** Unique in the model, stable between runs: the tensor's name, with the way to it in subgraphs and functions. */
  readonly id: string
  readonly tensor: Tensor
  /** The operators that read it, the first one first. */
  readonly uses: readonly WeightUse[]
  readonly rows: Rows
}

export interface WeightUse {
  readonly node: Node
  /** Name of the node, or of its first output where it has none. */
  readonly name: string
}

/** Where the output units of a weight lie: element index = ((batch · before + b) · out + row) · after + a. */
export interface Rows {
  /** Independent stretches with rows of their own: batch dimensions of MatMul, groups of ConvTranspose. */
  readonly batch: number
  readonly before: number
  readonly out: number
  readonly after: number
}

/** A traced value. Opaque: only `Ops` make and combine them. */
export interface Value {
  readonly expression: Expression
}

/** The operations a saliency may use. All work element by element in f32 (f64 for f64 weights), rounding after each. */
export interface Ops {
  constant(value: number): Value
  abs(value: Value): Value
  square(value: Value): Value
  sqrt(value: Value): Value
  negate(value: Value): Value
  add(left: Value, right: Value): Value
  subtract(left: Value, right: Value): Value
  multiply(left: Value, right: Value): Value
  divide(left: Value, right: Value): Value
  min(left: Value, right: Value): Value
  max(left: Value, right: Value): Value
  /** Uniform in [0, 1), a function of (seed, weight, element) alone. */
  random(): Value
}

export type Expression =
  | { readonly op: 'weight' }
  | { readonly op: 'statistic'; readonly key: string }
  | { readonly op: 'constant'; readonly value: number }
  | { readonly op: 'random' }
  | { readonly op: Unary; readonly of: Expression }
  | { readonly op: Binary; readonly left: Expression; readonly right: Expression }

export type Unary = 'abs' | 'square' | 'sqrt' | 'negate'
export type Binary = 'add' | 'subtract' | 'multiply' | 'divide' | 'min' | 'max'
