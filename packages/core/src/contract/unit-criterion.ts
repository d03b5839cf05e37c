import type { BlockGroup, CoupledGroup } from '@pare/axes'

/** What is cut unit by unit: positions of axes, or stretches of the graph. */
export type UnitGroup = CoupledGroup | BlockGroup

/** Judges whole units by trying or comparing them. Refuses structures that mask. */
export interface UnitCriterion {
  readonly kind: 'units'
  readonly name: string
  /** What it asks its probe about. Default: 'calibration' */
  readonly data?: 'calibration' | 'training'
  /**
   * Whether which units go depends on how many do: it is asked once more when that is known, where it was not from the beginning, and scores then only say which
   * ones. Default: false
   */
  readonly jointly?: boolean
  /** Whether it looks at gradients of the loss too, where there are training data. Default: false */
  readonly weighsByLoss?: boolean
  /** f64[units] for each group; the lowest go first, ties in order of position. Compared between groups as they are where the scope is 'global'. */
  score(groups: readonly UnitGroup[], probe: Probe): Promise<readonly Float64Array[]>
}

/** What the pipeline hands to those who try things out: the model runs on calibration data. */
export interface Probe {
  /**
   * The mean loss with units gated, one for each setting: a gate is f32[units] by group id, 1 where a unit counts; groups that are not named stay as
   * they are. Throws PareError for groups along which statistics are taken: there a factor 0 is not removal.
   */
  losses(groups: readonly UnitGroup[], settings: readonly Gates[], loss: MeasuredLoss): Promise<readonly number[]>
  /** How alike two values of the model are, f64, one for each pair of names: a mean over rows of calibration data. */
  likeness(pairs: readonly (readonly [string, string])[], likeness: Likeness): Promise<readonly number[]>
  /**
   * f64[units] for each group: the mean over training data, sample by sample, of the size of the derivative of the loss with respect to each unit's gate at 1,
   * or of its square. Throws PareError where `losses` does.
   */
  gradients(groups: readonly UnitGroup[], of: 'size' | 'square'): Promise<readonly Float64Array[]>
  /**
   * For each group, in order, the weights that sum over its units, one reader for each input that weights have in common, measured on calibration data. Throws
   * PareError for a group of which no weight's inputs are measured.
   */
  readers(groups: readonly UnitGroup[]): AsyncIterable<readonly UnitReader[]>
  /** By group id how many units are to go, where that is known before they are judged: not for a budget, nor where groups are ranked together. */
  readonly removals?: ReadonlyMap<string, number>
  readonly signal?: AbortSignal
}

/** Weights that multiply the same inputs, some of which belong to units. */
export interface UnitReader {
  /** Of the weights. */
  readonly id: string
  /** f64[columns × columns]: the mean of the products of each two inputs; about their means, where a bias takes those up. Not to be changed. */
  readonly gram: Float64Array
  /** f32[rows × columns], row by row: the weights one below the other, a row for each output. */
  readonly weight: Float32Array
  readonly rows: number
  /** i32[columns]: the unit of each input, or −1. */
  readonly units: Int32Array
  /** f64[rows]: the mean square of the derivative of the loss by each output, for all readers or for none. Default: not measured */
  readonly felt?: Float64Array
}

export interface MeasuredLoss {
  /**
   * 'labels': mean −log p(label), of text of the tokens, of numbers the mean squared error. 'outputs': KL divergence from what the model gives with
   * nothing gated; needs no labels.
   */
  readonly against: 'labels' | 'outputs'
  /** Only the first so many samples. Default: all */
  readonly samples?: number
}

export interface Likeness {
  /** 'cosine' of two rows, or their 'angle' ÷ π: 0 where they point the same way, 1 where the opposite. */
  readonly of: 'cosine' | 'angle'
  /** A row lies along the last axis, of images [batch, channels, …] along the channels. 'last': only that of the last position of [batch, seq, width]. */
  readonly rows: 'all' | 'last'
}

export type Gates = ReadonlyMap<string, Float32Array>
