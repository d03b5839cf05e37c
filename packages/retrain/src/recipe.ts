import { PareError } from '@pare/onnx'
import { checkOptimizer, type OptimizerOptions } from './optimizer/optimizer.js'
import type { Schedule } from './optimizer/schedule.js'
import type { Recipe } from './train.js'

/** How a model is trained. All of it has a default. */
export interface RecipeOptions {
  /** How often each sample is seen. Default: 3, unless `steps` is said */
  readonly epochs?: number
  /** Instead of epochs: how often weights change. */
  readonly steps?: number
  /** Samples that run at once. Default: the model's own batch where that is fixed, else 16 windows of text or 64 samples, fewer where there are few, or where the vocabulary of a language model is large */
  readonly batch?: number
  /** Batches whose gradients make one step. Default: 1; where a large vocabulary makes batches smaller, as many as make up for it */
  readonly accumulate?: number
  /** Default: 'adamw' */
  readonly optimizer?: OptimizerOptions | OptimizerOptions['name']
  /** At its largest. Default: see `defaultLearningRate` */
  readonly learningRate?: number
  /** How it goes down. Default: 'cosine' */
  readonly schedule?: Schedule
  /** Steps until it is at its largest; below 1 a share of all. Default: 0.05 */
  readonly warmup?: number
  /** Largest norm of the gradients of a step; Infinity for none. Default: 1 */
  readonly clip?: number
  /** Steps from one look at the held-out samples to the next. Default: a tenth of the steps */
  readonly evaluateEvery?: number
  /** Looks without a lower loss after which training ends. Default: it never ends early */
  readonly patience?: number
}

/** What is known once data and model are there. */
export interface RecipeFacts {
  /** Samples of an epoch. */
  readonly samples: number
  readonly isText: boolean
  /** Of the model, where it has one. */
  readonly fixedBatch: number | undefined
  /** Samples that may run at once, for what is computed from them. */
  readonly most: number
  /** Share of the weights that is zero or gone. */
  readonly removed: number
  /** Whether it has BatchNormalization whose statistics follow. */
  readonly normalized: boolean
  /** Whether thin matrices are trained instead of weights. Default: false */
  readonly isLora?: boolean
}

const DEFAULT_EPOCHS = 3
const DEFAULT_LOOKS = 10
const FEWEST_STEPS = 20

/** All of it, with defaults. */
export function recipeOf(options: RecipeOptions, facts: RecipeFacts): Recipe {
  const { schedule = 'cosine', warmup = 0.05, clip = 1, patience = Number.POSITIVE_INFINITY } = options
  const optimizer = optimizerOf(options)
  const { batch, accumulate } = batchesOf(options, facts)
  const perEpoch = facts.samples / (batch * accumulate)
  const steps = options.steps ?? Math.max(1, Math.round((options.epochs ?? DEFAULT_EPOCHS) * perEpoch))
  return {
    ...{ steps, batch, accumulate, optimizer, schedule, warmup, clip, patience },
    learningRate: options.learningRate ?? defaultLearningRate(optimizer.name, facts),
    evaluateEvery: options.evaluateEvery ?? Math.max(1, Math.ceil(steps / DEFAULT_LOOKS)),
  }
}

/** With its name only, where that is all that was said. */
export function optimizerOf({ optimizer = 'adamw' }: RecipeOptions): OptimizerOptions {
  return typeof optimizer === 'string' ? { name: optimizer } : optimizer
}

/** Samples that run at once, and how often that is one step. Throws PareError where the model's own number is another one. */
export function batchesOf(
  { batch, accumulate = 1 }: RecipeOptions,
  { samples, isText, fixedBatch, most }: Omit<RecipeFacts, 'removed' | 'normalized' | 'isLora'>,
): { batch: number; accumulate: number } {
  if (fixedBatch !== undefined && batch !== undefined && batch !== fixedBatch) {
    throw new PareError(`retrain: a batch of ${batch}, and the model's is fixed to ${fixedBatch}.`, {
      hint: 'leave the batch out, and accumulate gradients over several with accumulate; or export the model with a dynamic batch.',
    })
  }
  if (fixedBatch !== undefined) return { batch: fixedBatch, accumulate }
  if (batch !== undefined) return { batch: Math.min(batch, samples), accumulate }
  const usual = isText ? 16 : 64
  // Of few samples small batches, so that an epoch has some steps.
  const few = 2 ** Math.floor(Math.log2(Math.max(1, samples / FEWEST_STEPS)))
  const size = Math.max(1, Math.min(usual, Math.max(8, few), samples))
  let parts = 1
  while (size / parts > most || size % parts !== 0) parts++
  return { batch: size / parts, accumulate: accumulate * parts }
}

/**
 * AdamW: 3e-4 where less than half of the weights are gone, 1e-3 up to 0.7, and from there on rising to 2e-3 at 0.9: the more is gone, the further what is left has to go, and on a model that is nearly whole a large
 * rate does harm. With BatchNormalization 1e-3, 2.5e-3 and 5e-3, since normalised layers bear more. SGD with momentum: thirty times as much. With LoRA four times as much, since the one matrix begins at zero. bench/README.md has the measurements.
 */
export function defaultLearningRate(
  optimizer: OptimizerOptions['name'],
  { removed, normalized, isLora = false }: Pick<RecipeFacts, 'removed' | 'normalized' | 'isLora'>,
): number {
  const [few, half] = normalized ? [1e-3, 2.5e-3] : [3e-4, 1e-3]
  const rate = removed < 0.5 ? few : half * 2 ** Math.min(1, Math.max(0, (removed - 0.7) / 0.2))
  return Number((rate * (optimizer === 'adamw' ? 1 : 30) * (isLora ? 4 : 1)).toPrecision(2))
}

/** Throws PareError with everything that is out of range. */
export function checkRecipe(options: RecipeOptions): void {
  const wrong: string[] = []
  const whole = (what: string, value: number | undefined) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= 1))
      wrong.push(`${what} is ${value}, expected a whole number from 1 on`)
  }
  const above = (what: string, value: number | undefined, least: 'above 0' | 'from 0 on') => {
    if (value !== undefined && !(least === 'above 0' ? value > 0 : value >= 0))
      wrong.push(`${what} is ${value}, expected a number ${least}`)
  }
  for (const key of ['steps', 'batch', 'accumulate', 'evaluateEvery'] as const) whole(key, options[key])
  above('epochs', options.epochs, 'above 0')
  above('learningRate', options.learningRate, 'above 0')
  above('clip', options.clip, 'above 0')
  above('patience', options.patience, 'above 0')
  above('warmup', options.warmup, 'from 0 on')
  if (options.steps !== undefined && options.epochs !== undefined)
    wrong.push(`steps (${options.steps}) and epochs (${options.epochs}) both say how long`)
  if (options.learningRate !== undefined && options.learningRate === Number.POSITIVE_INFINITY)
    wrong.push('learningRate is infinite')
  if (options.schedule !== undefined && !['cosine', 'linear', 'constant'].includes(options.schedule))
    wrong.push(`schedule is '${options.schedule}', expected cosine, linear or constant`)
  if (wrong.length > 0) {
    throw new PareError(`retrain: ${wrong.join('; ')}.`, {
      hint: 'leave it out to take the default: the README of @pare/retrain has them.',
    })
  }
  checkOptimizer(optimizerOf(options))
}
