import type { Model, StorageStep } from '@pare/onnx'
import type { QuantiseStep, SmoothStep } from '@pare/quantise'
import type { VocabularyStep } from '@pare/vocabulary'
import type { AnalyseOptions } from '../analyse/analyse.js'
import type { AxisSizes } from '../analyse/open-sizes.js'
import type { MaskBits } from '../apply/mask-bits.js'
import type { UpdateStep } from '../apply/update.js'
import type { Backend, Precision } from '../backend/backend.js'
import type { Forward } from '../calibrate/forward.js'
import type { Differentiation } from '../calibrate/gradients.js'
import type { MeasuredStatistics } from '../calibrate/measure.js'
import type { BUDGETS, NORMALIZATIONS, NORMS } from '../choices.js'
import type { AnyCriterion, Criterion, DeclinedPart, Expression, Group, Scope, Solver, Structure } from '../contract/contract.js'
import type { NmRule } from '../patterns/nm.js'
import type { TileRule } from '../patterns/tiles.js'
import type { PermuteStep } from '../permute/step.js'
import type { OpenTrials } from '../probe/trials.js'
import type { OpenSearch, SearchFacts } from '../search/state.js'
import type { Allocation } from '../select/allocation.js'
import type { RowThresholds } from '../select/rows.js'
import type { Threshold } from '../select/threshold.js'

/** Everything that is done to a model, in order: printable, diffable, and replayed to the same bytes anywhere. */
export interface Plan {
  readonly schemaVersion: 1
  readonly kind: 'plan'
  /** The model it was made for. */
  readonly model: SourceFacts
  readonly seed: number
  /** The data that criteria looked at. Absent where none did. */
  readonly calibration?: CalibrationFacts
  /** The computed weights that were stored first: steps are for the model that this makes. Absent where there were none. */
  readonly folding?: Folding
  readonly steps: readonly PlanStep[]
}

/** What `inlineFunctions` and `foldWeights` did to a model. */
export interface Folding {
  /** Whether functions stand in place of their calls. Absent where there were none. */
  readonly inlined?: true
  /** Absent where adapters were left as they were. */
  readonly mergeAdapters?: true
  readonly weights: readonly {
    /** Name of the initializer. */
    readonly id: string
    /** The value it stands for. */
    readonly value: string
    /** Of its elements. */
    readonly sha256: string
  }[]
}

export interface CalibrationFacts {
  /** Of a mixture: how many samples are of each file. */
  readonly parts?: readonly { readonly path: string; readonly samples: number }[]
  /** Of the data, or of a file of statistics. */
  readonly path: string
  readonly sha256: string
  /** That were run. Absent where a criterion only tried units out: it decides itself on how many. */
  readonly samples?: number
  /** Where the run time computed: cpu, webgpu … */
  readonly executionProvider: string
}

export interface SourceFacts {
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  /** Files of external data, by name, in order. Absent where there are none. */
  readonly external?: readonly { readonly name: string; readonly sha256: string }[]
}

export type PlanStep = MaskStep | CutStep | UpdateStep | PermuteStep | SmoothStep | QuantiseStep | VocabularyStep | StorageStep

/** Units of some groups are removed. */
export interface CutStep {
  readonly kind: 'cut'
  readonly structure: string
  readonly criterion: string
  readonly scope: Scope
  readonly target: Target
  readonly groups: readonly { readonly id: string; readonly units: number; readonly removed: readonly number[] }[]
}

/** Elements of some weights are zeroed. What a criterion thinks stands here as an expression, so that replay needs no plugin. */
export interface MaskStep {
  readonly kind: 'mask'
  readonly structure: string
  readonly criterion: string
  readonly scope: Scope
  /** Absent where a mask was given. */
  readonly target?: Target
  readonly saliency: Expression
  readonly precision: Precision
  readonly weights: readonly MaskedWeight[]
}

export interface MaskedWeight {
  readonly id: string
  readonly elements: number
  /** Elements that were zero before. */
  readonly zeros: number
  /** Elements that are zero after. */
  readonly masked: number
  readonly rule: MaskRule
}

/** Which elements of a weight are masked. */
export type MaskRule = Threshold | RowThresholds | NmRule | TileRule | MaskBits

/** Runs both models in turn, and gives the ratio of their times. */
export type TimeModel = (model: Model, reference: Model) => Promise<number>

/** How much goes: of elements, for structures that mask; of units, for structures that cut. */
export type Target = ElementTarget | UnitTarget

/** Sparsity = zeros ÷ elements over the eligible weights, those that are zero already included; threshold: |saliency| below it goes. */
export type ElementTarget = { readonly sparsity: number } | { readonly threshold: number }

/** Ratio = removed units ÷ all units. */
export type UnitTarget = { readonly ratio: number } | Budget

/**
 * The fraction of the model's parameters, multiply-accumulates or bytes, or of the time of a run, that may remain after the step, above 0 up to 1. The fewest
 * units that meet it go. A time is measured: another run may find a few units more or less.
 */
export type Budget = { [Kind in (typeof BUDGETS)[number]]: { readonly [Key in Kind]: number } }[(typeof BUDGETS)[number]]

/**
 * How the saliencies of a unit's elements become its score. l1: their sum; l2: √ of the sum of their squares; mean: their sum ÷ the number of elements;
 * max: the largest.
 */
export type Norm = (typeof NORMS)[number]

/** One thing to do, as the user says it. */
export interface PruneStep extends AnalyseOptions {
  readonly structure: Structure
  readonly criterion: AnyCriterion
  /** Judges instead where the criterion asks for what reads the units of a group, and of one that is not measured. Default: that is refused */
  readonly otherwise?: Criterion
  /** Default: what the structure's pattern makes; to be given where it leaves the choice. */
  readonly target?: Target
  /** What is ranked together. Default: the criterion's, else 'global'; for units 'group'. */
  readonly scope?: Scope
  /** A solver that then changes what stays of the masked weights, to make up for what goes. Default: what stays is as it was */
  readonly refit?: Solver
  /** How a sparsity is spread over weights that are ranked each on its own; scope is then 'tensor' unless it is 'row'. Default: 'uniform' */
  readonly allocation?: Allocation
  /** How saliencies are made comparable between weights that are ranked together. Default: they are taken as they are. */
  readonly normalize?: (typeof NORMALIZATIONS)[number]
  /** Block by block, each judged by what it meets once the blocks before it are pruned. For criteria that look at data. Default: false */
  readonly sequential?: boolean
  /** How elements are put together to the score of a unit. Default: 'l1' */
  readonly norm?: Norm
  /** Units of a group that always stay. Default: 1 */
  readonly minUnits?: number
  /** What is kept of a group is a multiple of this, or all of it. Groups with fewer units are not bound. Default: 1 */
  readonly multipleOf?: number
  /** Groups with as many units lose as many, for run times that read one number for all layers. Default: false */
  readonly uniform?: boolean
}

/** A step of a preset. */
export interface PresetStep extends PruneStep {
  /** What stands in place of criterion, scope and norm where there are calibration data that can be run. Default: the same */
  readonly calibrated?: Pick<PruneStep, 'criterion' | 'scope' | 'norm'>
}

export interface PlanOptions {
  /** A safe integer ≥ 0. */
  readonly seed: number
  /** Stops the work: `throwIfAborted` is called between chunks. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: PlanProgress) => void
  /** Default: the fused CPU backend. */
  readonly backend?: Backend
  /** Runs models over calibration data, for criteria that look at them. */
  readonly forward?: Forward
  /** Gradients of a loss over training data, for criteria that look at them. */
  readonly gradients?: Differentiation
  /** Sizes of axes that the model leaves open, by name, for targets of MACs. Default: as `macCount` chooses */
  readonly sizes?: AxisSizes
  /** Time of a run of a model ÷ that of the reference, for targets of latency. Handed in: core has no run time. */
  readonly latency?: TimeModel
  /** Tries models out on calibration data, for criteria that judge whole units. */
  readonly trials?: OpenTrials
  /** Where searches keep what they have done. */
  readonly search?: OpenSearch
  /** Called with how a search went once it has ended. */
  readonly onSearch?: (facts: SearchFacts) => void
  /** Called with values in whose statistics padding counts too: which of their positions it is does not follow from the model. */
  readonly onPadding?: (values: readonly string[]) => void
  /** Statistics that were measured before, for criteria that look at them. */
  readonly measured?: MeasuredStatistics
}

export interface PlanProgress {
  readonly done: number
  /** Estimated: further passes may be needed. */
  readonly total: number
  /** What it is at, where that is more than a share. */
  readonly message?: string
}

/** A plan without the facts of the model's file, which whoever opened it adds, and what was found on the way. */
export interface PlanOutcome {
  readonly steps: readonly PlanStep[]
  readonly groups: readonly (Group & { readonly structure: string })[]
  readonly declined: readonly DeclinedPart[]
}

/** What the steps that mask say of weights, in order. */
export function maskedBy(steps: readonly PlanStep[]): MaskedWeight[] {
  return steps.flatMap((step) => (step.kind === 'mask' ? step.weights : []))
}
