import { CURVES, DESCENTS, OPTIMIZERS, STATISTICS } from '@pare/retrain/choices'
import { z } from 'zod'
import { PRUNING } from './prune.js'
import { field, shapeOf } from './row.js'
import { count, fraction, fromZero, globs, listed, oneOf } from './schemas.js'

const above = z.number().positive()

const [adamwName, sgdName] = OPTIMIZERS
const optimizer = z.union([
  z.enum(OPTIMIZERS),
  z.strictObject({
    name: z.literal(adamwName),
    beta1: z.number().exactOptional(),
    beta2: z.number().exactOptional(),
    epsilon: above.exactOptional(),
    weightDecay: fromZero.exactOptional(),
  }),
  z.strictObject({
    name: z.literal(sgdName),
    momentum: z.number().exactOptional(),
    nesterov: z.boolean().exactOptional(),
    weightDecay: fromZero.exactOptional(),
  }),
])

const distill = z.union([
  z.boolean(),
  z.strictObject({
    temperature: above.describe('a number above 0, such as 2').exactOptional(),
    weight: fraction.describe("a number from 0 to 1, such as 0.5: the teacher's share of the loss").exactOptional(),
    hidden: z
      .array(z.tuple([z.string().min(1), z.string().min(1)]))
      .describe("values that are to be alike, such as [['/layer.3/Add_1_output_0', '/layer.3/Add_1_output_0']]")
      .exactOptional(),
    hiddenWeight: fromZero.describe('a number from 0 on, such as 1').exactOptional(),
    blocks: z.boolean().describe('true: one hidden value after another instead of all at once').exactOptional(),
  }),
])

const movement = z.strictObject({
  sparsity: fraction.exactOptional(),
  curve: oneOf(CURVES).exactOptional(),
  until: fraction.exactOptional(),
  times: count.exactOptional(),
  include: globs.exactOptional(),
})

const lora = z.union([
  count,
  z.strictObject({
    rank: count,
    alpha: above.describe('a number above 0, such as 16: the product is multiplied with alpha ÷ rank').exactOptional(),
    targets: globs.exactOptional(),
  }),
])

/** How what is left is trained. */
export const retrainFields = {
  epochs: field(above, {
    expected: 'a number above 0, such as 3',
    help: 'how often retraining sees each sample; of several stages the last gets half',
    default: '3',
    flag: { argument: 'count', on: PRUNING },
  }),
  steps: field(count, {
    expected: 'a whole number, such as 400',
    help: 'instead of epochs: how often weights change',
    flag: { argument: 'count', on: PRUNING },
  }),
  learningRate: field(above, {
    expected: 'a number above 0, such as 0.001',
    help: 'the learning rate of retraining, at its largest',
    default: '3e-4, 1e-3, 2e-3; with BatchNormalization 1e-3, 2.5e-3, 5e-3, by how much is gone; with lora four times as much',
    flag: { argument: 'rate', on: PRUNING },
  }),
  distill: field(distill, {
    expected: 'true, or how much the model before pruning is learnt from: { temperature: 2, weight: 0.5 }',
    help: 'learn from the model before it was pruned, too; without labels from it alone',
    default: 'off',
    flag: { schema: z.boolean(), on: PRUNING },
  }),
  batch: field(count, {
    expected: 'a whole number of samples run together, such as 64',
    help: 'samples that run at once',
    default: "the model's own where it is fixed, else 16 windows of text or 64 samples, fewer where there are few",
  }),
  accumulate: field(count, {
    expected: 'a whole number of batches that make one step, such as 4',
    help: 'batches whose gradients make one step',
    default: '1; where a large vocabulary makes batches smaller, as many as make up for it',
  }),
  optimizer: field(optimizer, {
    expected: "'adamw', 'sgd', or with their numbers: { name: 'sgd', momentum: 0.9 }",
    help: 'what changes the weights by their gradients',
    default: 'adamw',
  }),
  schedule: field(oneOf(DESCENTS), { help: 'how the learning rate goes down', default: 'cosine' }),
  warmup: field(fromZero, {
    expected: 'steps until it is largest, or below 1 a share of all, such as 0.05',
    help: 'steps until the learning rate is at its largest; below 1 a share of all',
    default: '0.05',
  }),
  clip: field(above, {
    expected: 'a number above 0, such as 1',
    help: 'the largest norm of the gradients of a step',
    default: '1',
  }),
  evaluateEvery: field(count, {
    expected: 'a whole number of steps from one look at held-out samples to the next',
    help: 'steps from one look at the held-out samples to the next',
    default: 'a tenth of the steps',
  }),
  patience: field(count, {
    expected: 'a whole number of looks without a lower loss after which it ends',
    help: 'looks without a lower loss after which training ends',
    default: 'it never ends early',
  }),
  holdOut: field(fromZero, {
    expected: 'samples that are not trained on, or below 1 a share of all, such as 0.05',
    help: 'samples that are not trained on, by which the best weights are chosen; below 1 a share of all',
    default: '0.05, at most 512 samples or 64 windows of text',
  }),
  statistics: field(oneOf(STATISTICS), {
    help: 'what normalisations do with the statistics of each batch',
    default: 'follow',
  }),
  include: field(globs, { help: 'only tensors, or what nodes read, of such a name are trained', default: 'all parameters' }),
  exclude: field(globs, { help: 'tensors, or what nodes read, of such a name are not trained' }),
  lora: field(lora, {
    expected: 'a rank, such as 8, or { rank: 8, alpha: 16, targets: [] }: globs of weights, or nodes that read them',
    help: 'retrain two thin matrices of this rank beside each weight that is multiplied, and add their product to what is left of it: less memory, and everything else stays as it is',
    default: 'the weights themselves are trained',
    flag: { argument: 'rank', schema: count, on: PRUNING },
  }),
  movement: field(movement, {
    expected: 'movement pruning while it trains, such as { sparsity: 0.9 }',
    help: 'movement pruning while it trains: what moves away from zero is kept',
    default: 'masks stay as they are',
  }),
  activationBytes: field(count, {
    expected: 'a whole number of bytes, such as 200000000, for activations of a batch',
    help: 'bytes that activations of a batch may take; what is more is computed again',
    default: 'no limit',
  }),
}

export const retrain = z
  .strictObject(shapeOf(retrainFields))
  .describe('how it is retrained, such as { epochs: 3, distill: true }; all of it has a default')

const blocks = z.strictObject({
  epochs: above.describe('how often each part of a block sees each calibration sample, such as 10').exactOptional(),
  batch: count.describe('samples that run at once, such as 8').exactOptional(),
  learningRate: above.describe('the learning rate at its largest, such as 0.005').exactOptional(),
})

/** What can be done about a pruned model, in the order in which it is done. */
const RECOVERIES = ['repair', 'blocks', 'retrain'] as const

const recover = z.union([
  z.enum(['none', ...RECOVERIES]),
  z.strictObject({
    repair: z.boolean().describe('true: fit what is left to calibration data, before it is retrained').exactOptional(),
    blocks: z
      .union([z.boolean(), blocks])
      .describe(
        'true, or how long: train what is left block by block on calibration data, without labels, before it is retrained',
      )
      .exactOptional(),
    retrain: retrain.exactOptional(),
  }),
])

export const recoverField = field(recover, {
  expected: "'repair', 'blocks', 'retrain', 'none' or { repair: true, blocks: true, retrain: { epochs: 3 } }",
  help: 'repair: fit what is left to the calibration data; blocks: train it on them block by block, without labels; retrain: train it on the training data; several with commas (repair,retrain); none: leave it as it was pruned',
  default: 'none; with a preset and calibration data repair',
  flag: {
    argument: 'how',
    schema: recover.describe('repair, blocks, retrain, several of them (repair,retrain) or none'),
    read: severalOf,
    hint: 'repair fits statistics, biases and weights to calibration data: --recover repair --calibrate data.npz; blocks trains block by block on them: --recover blocks --calibrate data.npz; retrain trains what is left: --recover retrain --train data.npz',
    ...{ on: PRUNING, input: true },
  },
})

/** Steps of a schedule that names none. */
export const DEFAULT_STAGES = 5

const iterative = z.strictObject({
  kind: z.literal('iterative').describe("'iterative'"),
  steps: count.describe('a whole number of steps, such as 5').exactOptional(),
  curve: oneOf(CURVES).exactOptional(),
})
const schedule = z.union([z.literal('one-shot'), iterative])

export const scheduleField = field(schedule, {
  expected: "'one-shot', or { kind: 'iterative', steps: 5, curve: 'cubic' }: how the target is reached",
  help: `one-shot, or some at a time, recovered and judged anew: a curve (${listed(CURVES)}) and a number of steps, such as cubic:5`,
  default: 'one-shot',
  flag: {
    argument: 'curve:steps',
    schema: schedule.describe(`one-shot, or a curve (${listed(CURVES)}) and a number of steps, such as cubic:5`),
    read: scheduleOf,
    hint: 'in each step some more is pruned, recovered, and judged anew',
    on: PRUNING,
  },
})

export type RetrainConfig = z.infer<typeof retrain>
export type BlocksConfig = z.infer<typeof blocks>
export type RecoverConfig = z.infer<typeof recover>
export type ScheduleConfig = z.infer<typeof schedule>

/** 'repair,retrain': each once, in any order. */
function severalOf(text: string): unknown {
  const names = text.split(',').map((name) => name.trim())
  const recoveries = new Set(RECOVERIES.filter((name) => names.includes(name)))
  if (names.length < 2 || recoveries.size !== names.length) return text
  return {
    ...(recoveries.has('repair') && { repair: true }),
    ...(recoveries.has('blocks') && { blocks: true }),
    ...(recoveries.has('retrain') && { retrain: {} }),
  }
}

/** 'cubic:5', or 'cubic'. */
function scheduleOf(text: string): unknown {
  const [, curve, steps] = /^\s*(\w+)(?::(\d+))?\s*$/.exec(text) ?? []
  return curve === undefined ? text.trim() : { kind: 'iterative', curve, ...(steps !== undefined && { steps: Number(steps) }) }
}
