import type { BlockGroup, CoupledGroup, Obstacle, QuantisedTensor, Rows } from '@pare/axes'
import type { Graph, Node, Tensor } from '@pare/onnx'
import type { RoundingGrid } from '@pare/quantise'
import type { SCOPES } from '../choices.js'
import type { UnitCriterion, UnitGroup } from './unit-criterion.js'

// What a plugin sees. A criterion says how important an element is, a structure says what may go; neither knows the other.

/** Facts of the graph. */
export type { Block, BlockGroup, CoupledGroup, Obstacle, QuantisedTensor, Role, Rows, Slice } from '@pare/axes'

/** What a solver that rounds keeps to. */
export type { RoundingGrid } from '@pare/quantise'

/** Whoever judges whole units, and what it is handed. */
export type * from './unit-criterion.js'

/** How much each element of a weight matters: an expression, traced once and compiled by each backend. Higher is kept. */
export interface Criterion<Needs extends Record<string, Statistic> = Record<string, Statistic>> {
  readonly kind?: 'elements'
  readonly name: string
  /** What must be measured on calibration data first. Empty: nothing. `saliency` is given exactly these. */
  readonly needs: Needs
  /** What is ranked together unless the user says otherwise. Default: 'global'. */
  readonly scope?: Scope
  /** Units are judged only by weights that sum over them, not by those that make them. Default: false */
  readonly readersOnly?: boolean
  /** Saliency of each element of `weight`, in its shape. Statistics arrive in a shape that broadcasts against it. */
  saliency(
    input: { readonly weight: TracedValue; readonly stats: { readonly [Key in keyof Needs]: TracedValue } },
    ops: Ops,
  ): TracedValue
}

/**
 * What is measured while calibration data flow through the model: each element of a value is changed by `of`, and reduced over samples and positions
 * to one number for each position of the axis that the weight sums over ('input') or makes ('output'). Open: a plugin brings its own.
 */
export interface Statistic {
  /**
   * Which value: what the weight is multiplied with, for a Conv each position of the kernel on its own, or what comes out. 'gradient': the derivative of the
   * loss with respect to the weight, in the weight's shape, on training data; where `of` changes it, sample by sample.
   */
  readonly at: 'input' | 'output' | 'gradient'
  /** What each element becomes first. Default: itself. */
  of?(value: TracedValue, ops: Ops): TracedValue
  /** 'gram': the mean of the products of each two positions, a matrix, for solvers only. */
  readonly reduce: 'mean' | 'max' | 'variance' | 'gram'
}

/** Chooses what goes and changes what stays, together. Selected like a criterion; refuses structures that cut. */
export interface Solver {
  readonly kind: 'solver'
  readonly name: string
  readonly needs: Record<string, Statistic>
  /** Default: 'tensor'. 'row' or 'tensor'. */
  readonly scope?: Scope
  /** Whether it takes masks that are decided already, and changes what stays. Default: false */
  readonly refits?: boolean
  /** Whether it rounds elements to a grid, and changes those that are not rounded yet to make up for it. Default: false */
  readonly rounds?: boolean
  solve(problem: WeightProblem): Promise<Solution>
}

/** A mask that somebody has decided on already. Refuses structures that cut, and all but free patterns. */
export interface MaskCriterion {
  readonly kind: 'mask'
  /** 'mask from masks.npz' */
  readonly name: string
  /** Bits of the elements that become zero, in the order in which they are stored: element i is bit i & 7 of byte i >> 3. Undefined: the weight stays as it is. */
  zeros(weight: Weight): Promise<Uint8Array | undefined>
  /** Throws PareError where the mask does not fit the model, before `zeros` is asked. Default: it fits */
  check?(analysis: Pick<Analysis, 'weights' | 'notEligible'>): void
}

/** Whatever may be named as the criterion of a step. */
export type AnyCriterion = Criterion | Solver | UnitCriterion | MaskCriterion

/** One weight as a matrix: a row for each output, the columns what it sums over. A grouped convolution is one problem for each group. */
export interface WeightProblem {
  readonly id: string
  /** f32[rows × columns], row by row. May be changed. */
  readonly weight: Float32Array
  readonly rows: number
  readonly columns: number
  /**
   * By key of `needs`: f64[columns], of a 'gram' f64[columns × columns]. Weights of one stage that read the same input come one after another with the very
   * same array, so that what is made of it can be kept, in a WeakMap by the array, and shared. Not to be changed.
   */
  readonly stats: Readonly<Record<string, Float64Array>>
  /**
   * f64[rows]: the mean square of the derivative of the loss by each output, where that was measured. An error of a row costs in proportion, which matters
   * where rows are ranked together. Default: all rows cost the same
   */
  readonly felt?: Float64Array
  readonly pattern: CommonPattern
  /** u8[rows × columns], 1 where an element stays: a mask that is decided already, which is to be kept in its number of zeros. Only for solvers that refit. */
  readonly kept?: Uint8Array
  /** Elements that are to be zero, where the pattern is free. */
  readonly zeros: number
  /** What elements are to be rounded to; zeros stay zeros. Only for solvers that round. */
  readonly grid?: RoundingGrid
  /** f32[rows × columns]: the weight before zeros were made in it, whose outputs are to be met. Only for solvers that round. Default: `weight` */
  readonly target?: Float32Array
  readonly scope: Scope
  readonly signal?: AbortSignal
}

export interface Solution {
  /** f32[rows × columns], zero where masked. */
  readonly weight: Float32Array
  /** What the user should know: a fallback that was taken, with the reason. */
  readonly notes: readonly string[]
}

/** Where the model may be cut. Only finds; masking, cutting, proving and replay are core's. */
export interface Structure {
  readonly name: string
  /** 'mask': elements become zero, and the target is a sparsity. 'cut': units are removed, and the target is a ratio. Default: 'mask'. */
  readonly kind?: 'mask' | 'cut'
  /** The sparsity that its pattern makes, where that leaves no choice: the target may be left out, and another is refused. */
  readonly sparsity?: number
  /** What all its weights are masked by, so that options that do not go with it are refused before a model is read. Default: that shows once it has found them. */
  readonly pattern?: Pattern['kind']
  /** Channels change places first, so that an n:m pattern keeps more. Default: they stay where they are. */
  readonly permute?: Permuting
  find(analysis: Analysis): Findings
}

/** How long the order of the channels of one group is searched. */
export interface Permuting {
  /** Additions and comparisons, at most: the same on every machine. Default: 4e8, some seconds. */
  readonly operations?: number
  /** After which the search ends where it is, and the plan says so: another run may find another order. Default: 60 */
  readonly seconds?: number
}

export interface Findings {
  readonly groups: readonly Group[]
  readonly declined: readonly DeclinedPart[]
}

/** What is kept or removed unit by unit. */
export type Group = MaskGroup | UnitGroup

/** Elements of one tensor that are masked, never cut. */
export interface MaskGroup {
  readonly kind: 'mask'
  /** Stable between runs. */
  readonly id: string
  readonly weight: Weight
  readonly pattern: Pattern
}

/** Which masks are allowed, of a weight as a matrix with a row for each output and the columns that it sums over. */
export type Pattern = CommonPattern | OwnPattern

/**
 * What criteria and solvers know alike. 'free': any element may go. 'nm': of each m columns that follow one another, a row keeps n. 'tile': blocks of so many
 * rows and columns go as a whole.
 */
export type CommonPattern =
  | { readonly kind: 'free' }
  | { readonly kind: 'nm'; readonly n: number; readonly m: number }
  | { readonly kind: 'tile'; readonly rows: number; readonly columns: number }

/**
 * A pattern that its structure brings: it chooses which elements of a weight stay, by saliencies of any criterion. How many may go is decided before, weight by weight.
 * The plan holds the masks. For solvers, which choose themselves, there is no such pattern; `refit` takes its masks.
 */
export interface OwnPattern {
  readonly kind: 'own'
  /** u8[rows × columns], row by row, 1 where an element stays. The same for the same weight every time; one function for all weights of a structure. */
  keep(problem: PatternProblem): Uint8Array
}

/** One weight of which a pattern chooses. Batches of matrices and groups of a convolution are rows below one another. */
export interface PatternProblem {
  readonly weight: Weight
  readonly rows: number
  /** What a row sums over; of a convolution the positions of its kernel follow one another: `channelsOf(weight).inner` of them for each channel. */
  readonly columns: number
  /** f64[rows × columns], row by row: higher is kept. −Infinity: the element is zero already. Not kept beyond the call. */
  readonly saliency: Float64Array
  /** Elements that may go, at most. One that is zero already counts where it goes, and not where it stays. What is not used up is the next weight's. */
  readonly zeros: number
}

/** Something that looks prunable and is not, with the reason. */
export interface DeclinedPart {
  /** Of a group or weight, a node, or `WHOLE_MODEL`. */
  readonly id: string
  readonly structure: string
  readonly reason: string
}

/** What is ranked together: one output unit, one tensor, one group of coupled tensors, everything. */
export type Scope = (typeof SCOPES)[number]

/** What core knows of a graph, computed once and shared by all structures. */
export interface Analysis {
  /** The graph of the model, for what else a structure wants to know: names, outputs, what reads what. Not to be changed. */
  readonly graph: Graph
  /** Weights of MatMul, Gemm, Conv and ConvTranspose, in the order of the graph, each tensor once. */
  readonly weights: readonly Weight[]
  /** Constant operands of those operators that are not pruned by default, with the reason. */
  readonly notEligible: readonly NotEligible[]
  /** What can only go together. Found for structures that cut, else empty. */
  readonly coupled: readonly CoupledGroup[]
  /** Residual blocks, one group for each stretch of blocks that follow one another. Found for structures that cut, else empty. */
  readonly blocks: readonly BlockGroup[]
  /**
   * Parts of these blocks: attention alone ('attention:' begins their ids), and feed-forward networks alone ('feed-forward:'), of stretches in which there is
   * attention. Found for structures that cut, else empty.
   */
  readonly parts: readonly BlockGroup[]
  /** Nodes that end the search for what goes together, with the reason. Found for structures that cut, else empty. */
  readonly obstacles: readonly Obstacle[]
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
  /** The numbers that are multiplied with. Of a weight that is stored in integers, what these stand for: f32, decoded where it is read. */
  readonly tensor: Tensor
  /** Set where it is stored in integers: how, and how it is written. */
  readonly quantised?: QuantisedTensor
  /** The operators that read it, the first one first. */
  readonly uses: readonly WeightUse[]
  readonly rows: Rows
}

export interface WeightUse {
  readonly node: Node
  /** Which of its inputs is the weight. */
  readonly input: number
  /** Name of the node, or of its first output where it has none. */
  readonly name: string
  /** Where a weight of integers meets integers: the floats that these were rounded from, if a node before makes them so. */
  readonly floats?: string
  /** Where the node meets some of several weights that are stored as one, those of the experts of each token: what takes them, as messages have it. */
  readonly gather?: string
}

/** A traced value. Opaque: only `Ops` make and combine them. */
export interface TracedValue {
  readonly expression: Expression
}

/** The operations a saliency may use. All work element by element in f32 (f64 for f64 weights), rounding after each. */
export interface Ops {
  constant(value: number): TracedValue
  abs(value: TracedValue): TracedValue
  square(value: TracedValue): TracedValue
  sqrt(value: TracedValue): TracedValue
  /** Within 3 units in the last place, as log and tanh are. */
  exp(value: TracedValue): TracedValue
  /** The natural logarithm: of 0 −∞, of less NaN. */
  log(value: TracedValue): TracedValue
  tanh(value: TracedValue): TracedValue
  /** 1 ÷ (1 + e⁻ˣ). */
  sigmoid(value: TracedValue): TracedValue
  /** Of numbers from 0 on, raised to any power: exp(exponent · log(base)). */
  power(base: TracedValue, exponent: TracedValue): TracedValue
  negate(value: TracedValue): TracedValue
  add(left: TracedValue, right: TracedValue): TracedValue
  subtract(left: TracedValue, right: TracedValue): TracedValue
  multiply(left: TracedValue, right: TracedValue): TracedValue
  divide(left: TracedValue, right: TracedValue): TracedValue
  min(left: TracedValue, right: TracedValue): TracedValue
  max(left: TracedValue, right: TracedValue): TracedValue
  /** 1 where left < right, else 0. */
  less(left: TracedValue, right: TracedValue): TracedValue
  /** Uniform in [0, 1), a function of (seed, weight, element) alone. */
  random(): TracedValue
}

export type Expression =
  | { readonly op: 'weight' }
  | { readonly op: 'statistic'; readonly key: string }
  | { readonly op: 'constant'; readonly value: number }
  | { readonly op: 'random' }
  | { readonly op: Unary; readonly of: Expression }
  | { readonly op: Binary; readonly left: Expression; readonly right: Expression }

export type Unary = 'abs' | 'square' | 'sqrt' | 'negate' | 'exp' | 'log' | 'tanh'
export type Binary = 'add' | 'subtract' | 'multiply' | 'divide' | 'min' | 'max' | 'less'
