import type { Config } from '../options/config.js'

/** A config for a kind of model and of user: steps, recovery and bits that were measured together. */
export interface Recipe {
  readonly name: string
  /** Whom it is for, as a phrase. */
  readonly for: string
  /** What it does, in order, in a sentence. */
  readonly does: string
  /** What of data it takes, as a phrase. */
  readonly takes: string
  /** Without models and evaluation data: everything that decides what comes out. Paths are to be replaced. */
  readonly config: Pick<Config, 'prune' | 'calibrate' | 'recover' | 'quantise'>
  /** The most that may be lost, as the gate of its config has it. */
  readonly maxDrop: number | { readonly relative: number }
  /** The metric of its config. */
  readonly metric: string
  readonly measured: readonly RecipeMeasurement[]
}

/** What a recipe made of a test model. */
export interface RecipeMeasurement {
  readonly model: string
  readonly metric: string
  /** Value of the metric before and after, on all evaluation data. */
  readonly before: number
  readonly after: number
  /** Of the file before. */
  readonly bytes: number
  /** Of the gzipped file before and after. */
  readonly zipped: readonly [before: number, after: number]
  /** Of one CPU, in all processes, measuring included. */
  readonly cpuSeconds: number
  /** What is to be known of it, as a sentence. */
  readonly note?: string
}

export const RECIPES: readonly Recipe[] = []
