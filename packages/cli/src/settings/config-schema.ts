import { z } from 'zod'
import { DEVICES } from '../engine/device.js'
import { PROVIDERS } from './provider.js'

// The description of a field says what is expected there: editors show it from the JSON Schema, error messages quote it.

const fraction = z.number().min(0).max(1).describe('a number from 0 to 1, such as 0.5')
const path = z.string().min(1)
const budget = z.number().gt(0).max(1).describe('a fraction above 0 and up to 1, such as 0.5')
const count = z.number().int().positive()

const plugin = (example: string, options: string) =>
  z
    .union([z.string().min(1), z.looseObject({ name: z.string().min(1) })])
    .describe(`a plugin by name ('${example}', '${options}') or an imported one`)

const target = z
  .union([
    z.strictObject({ sparsity: fraction }),
    z.strictObject({ threshold: z.number().positive().describe('a number above 0, such as 0.01') }),
    z.strictObject({ ratio: fraction }),
    z.strictObject({ parameters: budget }),
    z.strictObject({ macs: budget }),
    z.strictObject({ latency: budget }),
    z.strictObject({ bytes: budget }),
  ])
  .describe(
    'one of { sparsity: 0.5 }, { threshold: 0.01 } or, for structures that cut, { ratio: 0.3 }, { macs: 0.5 }, { parameters: 0.5 }, { bytes: 0.5 }, { latency: 0.5 }',
  )

const point = z.strictObject({ sparsity: fraction, loss: z.number().describe('a number: what is lost there') })

const allocation = z
  .union([
    z.enum(['uniform', 'erk', 'owl']),
    z.strictObject({
      owl: z.strictObject({
        lambda: z.number().min(0).describe('a number from 0 on, such as 0.08').optional(),
        outlier: z.number().min(0).describe('a number from 0 on, such as 5').optional(),
      }),
    }),
    z.strictObject({ curves: z.record(z.string(), z.array(point).min(2)) }),
    z.string().endsWith('.json'),
  ])
  .describe(
    "'uniform', 'erk', 'owl', { owl: { lambda: 0.08, outlier: 5 } }, 'curves.json' from pare sensitivity --json, or { curves: { 'name of a weight': [{ sparsity: 0, loss: 0 }, …] } }",
  )

const globs = z.array(z.string().min(1)).describe("a list of globs over names of nodes or tensors, such as ['/lm_head/*']")

const prune = z
  .strictObject({
    structure: plugin('element', '{ name: "element" }').optional(),
    criterion: plugin('magnitude', 'magnitude:p=2').optional(),
    target: target.optional(),
    scope: z
      .enum(['row', 'tensor', 'group', 'global'])
      .describe("'row', 'tensor' or 'global', for structures that cut 'group' or 'global': what is ranked together")
      .optional(),
    allocation: allocation.optional(),
    normalize: z.enum(['lamp']).describe("'lamp': how weights that are ranked together are made comparable").optional(),
    sequential: z
      .boolean()
      .describe('true: block by block, each judged by what it meets once those before it are pruned')
      .optional(),
    norm: z
      .enum(['l1', 'l2', 'mean', 'max'])
      .describe("'l1', 'l2', 'mean' or 'max': how elements make the score of a unit")
      .optional(),
    minUnits: count.describe('a whole number of units of a group that always stay, such as 1').optional(),
    multipleOf: count.describe('a whole number of which the units kept of a group are a multiple, such as 8').optional(),
    uniform: z.boolean().describe('true: groups with as many units lose as many').optional(),
    include: globs.optional(),
    exclude: globs.optional(),
  })
  .describe("a step such as { structure: 'element', criterion: 'magnitude', target: { sparsity: 0.5 } }")

const preset = z
  .strictObject({
    preset: plugin('cnn', '{ name: "cnn" }'),
    ratio: fraction.optional(),
  })
  .describe("a preset such as { preset: 'cnn', ratio: 0.3 }")

const steps = z
  .union([z.array(prune).min(1), preset])
  .describe("a list of pruning steps, at least one, or a preset such as { preset: 'cnn' }")

const calibrate = z
  .union([
    path,
    z.strictObject({
      data: path.describe("a data file such as 'data/calibrate.npz'").optional(),
      samples: count.describe('a whole number of samples, such as 256: only the first so many').optional(),
      batch: count.describe('a whole number of samples run together, such as 32').optional(),
      threads: count.describe('a whole number of threads, such as 2').optional(),
      tokenizer: path.describe("a tokenizer file such as 'tokenizer.json'").optional(),
      length: count.describe('a whole number of tokens in a window of text, such as 128').optional(),
      stride: count.describe('a whole number of tokens from one window of text to the next, such as 64').optional(),
      field: path.describe("the field of a JSONL line that holds the text, such as 'text'").optional(),
    }),
  ])
  .describe("calibration data such as 'calibrate.npz' or { data: 'calibrate.npz', samples: 256 }")

const evaluate = z
  .strictObject({
    data: path.describe("a data file such as 'data/val.npz'").optional(),
    metric: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .describe("a metric such as 'accuracy', or a list of them; the gate looks at the first")
      .optional(),
    batch: count.describe('a whole number of samples run together, such as 32').optional(),
    threads: count.describe('a whole number of threads, such as 2').optional(),
    label: path.describe("the name of the array with the labels, such as 'label'").optional(),
    output: path.describe("the name of the output to measure, such as 'logits'").optional(),
    tokenizer: path.describe("a tokenizer file such as 'tokenizer.json'").optional(),
    length: count.describe('a whole number of tokens in a window of text, such as 128').optional(),
    stride: count.describe('a whole number of tokens from one window of text to the next, such as 64').optional(),
    field: path.describe("the field of a JSONL line that holds the text, such as 'text'").optional(),
    latency: z.boolean().describe('true: both models are timed in turn, also where the gate does not limit it').optional(),
    timeout: z.number().positive().describe('a number of seconds, such as 3600').optional(),
    memory: z.number().positive().describe('a number of MiB, such as 4096').optional(),
  })
  .describe("what to measure with, such as { data: 'val.npz', metric: 'accuracy' }")

const gate = z
  .strictObject({
    maxDrop: z
      .union([z.number().min(0), z.strictObject({ relative: z.number().min(0) })])
      .describe('0.01 (absolute, for metrics between 0 and 1) or { relative: 0.01 } (a fraction of the reference)')
      .optional(),
    min: z.number().describe('a number: the smallest value allowed of the metric').optional(),
    max: z.number().describe('a number: the largest value allowed of the metric').optional(),
    maxLatency: z
      .number()
      .positive()
      .describe('0.8: a run takes at most 80 % of the time that it takes with the reference')
      .optional(),
    certainty: z.number().gt(0.5).lt(1).describe('a number between 0.5 and 1, such as 0.95').optional(),
    allowWorthlessReference: z
      .boolean()
      .describe('true: pass also where the reference is no better than an answer that ignores the input')
      .optional(),
  })
  .describe('limits such as { maxDrop: 0.01 }')

const prove = z.boolean().describe('false: what is cut is not proved, for models that ONNX Runtime cannot run')

const train = z
  .union([
    path,
    z.strictObject({
      data: path.describe("a data file such as 'data/train.npz'").optional(),
      label: path.describe("the name of the array with the labels, such as 'label'").optional(),
      output: path.describe("the name of the output to judge, such as 'logits'").optional(),
      threads: count.describe('a whole number of threads, such as 2').optional(),
      tokenizer: path.describe("a tokenizer file such as 'tokenizer.json'").optional(),
      length: count.describe('a whole number of tokens in a window of text, such as 128').optional(),
      field: path.describe("the field of a JSONL line that holds the text, such as 'text'").optional(),
    }),
  ])
  .describe("training data such as 'train.npz' or { data: 'train.npz', label: 'label' }; never the evaluation data")

const loss = z
  .enum(['cross-entropy', 'next-token', 'mse', 'kl', 'output'])
  .describe("'cross-entropy', 'next-token', 'mse', 'kl' or 'output': what retraining minimises")

const above = z.number().positive()

const optimizer = z
  .union([
    z.enum(['adamw', 'sgd']),
    z.strictObject({
      name: z.literal('adamw'),
      beta1: z.number().optional(),
      beta2: z.number().optional(),
      epsilon: above.optional(),
      weightDecay: z.number().min(0).optional(),
    }),
    z.strictObject({
      name: z.literal('sgd'),
      momentum: z.number().optional(),
      nesterov: z.boolean().optional(),
      weightDecay: z.number().min(0).optional(),
    }),
  ])
  .describe("'adamw', 'sgd', or with their numbers: { name: 'sgd', momentum: 0.9 }")

const distill = z
  .union([
    z.boolean(),
    z.strictObject({
      temperature: above.describe('a number above 0, such as 2').optional(),
      weight: fraction.describe("a number from 0 to 1, such as 0.5: the teacher's share of the loss").optional(),
      hidden: z
        .array(z.tuple([z.string().min(1), z.string().min(1)]))
        .describe("values that are to be alike, such as [['/layer.3/Add_1_output_0', '/layer.3/Add_1_output_0']]")
        .optional(),
      hiddenWeight: z.number().min(0).describe('a number from 0 on, such as 1').optional(),
      blocks: z.boolean().describe('true: one hidden value after another instead of all at once').optional(),
    }),
  ])
  .describe('true, or how much the model before pruning is learnt from: { temperature: 2, weight: 0.5 }')

const movement = z
  .strictObject({
    sparsity: fraction.optional(),
    curve: z.enum(['cubic', 'linear', 'exponential']).optional(),
    until: fraction.optional(),
    times: count.optional(),
    include: globs.optional(),
  })
  .describe('movement pruning while it trains, such as { sparsity: 0.9 }')

const retrain = z
  .strictObject({
    epochs: above.describe('a number above 0, such as 3: how often each sample is seen').optional(),
    steps: count.describe('a whole number, such as 400, instead of epochs: how often weights change').optional(),
    batch: count.describe('a whole number of samples run together, such as 64').optional(),
    accumulate: count.describe('a whole number of batches that make one step, such as 4').optional(),
    optimizer: optimizer.optional(),
    learningRate: above.describe('a number above 0, such as 0.001: the largest').optional(),
    schedule: z.enum(['cosine', 'linear', 'constant']).describe("'cosine', 'linear' or 'constant': how it goes down").optional(),
    warmup: z.number().min(0).describe('steps until it is largest, or below 1 a share of all, such as 0.05').optional(),
    clip: above.describe('a number above 0, such as 1: the largest norm of the gradients').optional(),
    evaluateEvery: count.describe('a whole number of steps from one look at held-out samples to the next').optional(),
    patience: count.describe('a whole number of looks without a lower loss after which it ends').optional(),
    holdOut: z.number().min(0).describe('samples that are not trained on, or below 1 a share of all, such as 0.05').optional(),
    statistics: z.enum(['follow', 'keep']).describe("'follow' or 'keep': what normalisations do with each batch").optional(),
    include: globs.optional(),
    exclude: globs.optional(),
    distill: distill.optional(),
    movement: movement.optional(),
    activationBytes: count.describe('a whole number of bytes, such as 200000000, for activations of a batch').optional(),
  })
  .describe('how it is retrained, such as { epochs: 3, distill: true }; all of it has a default')

const recover = z
  .union([
    z.enum(['none', 'repair', 'retrain']),
    z.strictObject({
      repair: z.boolean().describe('true: fit what is left to calibration data, before it is retrained').optional(),
      retrain: retrain.optional(),
    }),
  ])
  .describe("'repair', 'retrain', 'none' or { repair: true, retrain: { epochs: 3 } }: what is done about what is left of a model")

const schedule = z
  .union([
    z.literal('one-shot'),
    z.strictObject({
      kind: z.literal('iterative').describe("'iterative'"),
      steps: count.describe('a whole number of steps, such as 5').optional(),
      curve: z.enum(['cubic', 'linear', 'exponential']).describe("'cubic', 'linear' or 'exponential'").optional(),
    }),
  ])
  .describe("'one-shot', or { kind: 'iterative', steps: 5, curve: 'cubic' }: how the target is reached")

const provider = z.enum(PROVIDERS).describe(`${PROVIDERS.map((name) => `'${name}'`).join(', ')}: where ONNX Runtime computes`)

const device = z.enum(DEVICES).describe(`${DEVICES.map((name) => `'${name}'`).join(', ')}: where saliencies are computed`)

const model = z
  .strictObject({
    path: path.describe("an ONNX file such as 'models/classifier.onnx', or a glob of several"),
    prune: steps.optional(),
    calibrate: calibrate.optional(),
    train: train.optional(),
    loss: loss.optional(),
    evaluate: evaluate.optional(),
    prove: prove.optional(),
    recover: recover.optional(),
    schedule: schedule.optional(),
    gate: gate.optional(),
  })
  .describe("a model such as { path: 'model.onnx' }")

export const configSchema = z
  .strictObject({
    $schema: z.string().describe('where the JSON Schema of this file is, for editors').optional(),
    seed: z.number().int().min(0).max(0xffffffff).describe('a whole number from 0 to 4294967295').optional(),
    models: z.array(model).describe("a list of models, each such as { path: 'model.onnx' }").optional(),
    prune: steps.optional(),
    calibrate: calibrate.optional(),
    train: train.optional(),
    loss: loss.optional(),
    evaluate: evaluate.optional(),
    prove: prove.optional(),
    recover: recover.optional(),
    schedule: schedule.optional(),
    gate: gate.optional(),
    provider: provider.optional(),
    device: device.optional(),
  })
  .describe('a config of pare: models to prune, how to measure them, and what they may lose')

/** The JSON Schema that `schema/config.schema.json` publishes. */
export function configJsonSchema(): unknown {
  return { ...z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input' }), title: 'pare.config' }
}
