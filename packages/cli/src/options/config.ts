import { PROVIDERS } from '@pare/evaluate/choices'
import { z } from 'zod'
import {
  calibrate,
  calibrateFields,
  calibrateSection,
  evaluate,
  evaluateFields,
  lossField,
  train,
  trainFields,
  trainSection,
} from './data.js'
import { demandFields, evaluationFields, evaluations, gate, gateFields, limits } from './gate.js'
import { MASK_FORMATS, PRUNING, pruneFields, step, steps } from './prune.js'
import { baselinesField, quantiseField, storageField } from './quantise.js'
import { recoverField, retrain, retrainFields, scheduleField } from './recover.js'
import { type Field, type Fields, field, shapeOf } from './row.js'
import { axisSizes, oneOf, path } from './schemas.js'
import { searchSection, smallestFields } from './smallest.js'
import { sizesOf } from './text.js'

/** What a user may choose for scoring and selecting weights: `auto` uses the CPU. */
export const DEVICES = ['auto', 'cpu', 'gpu'] as const

/** Where it is decided what goes. 'auto' is the CPU: it judges weights in less time than a GPU takes to be sent them (bench/README.md). */
export type DeviceChoice = (typeof DEVICES)[number]

const seed = z.number().int().min(0).max(0xffffffff)

/** What has one value for a model, which the whole config may give to all. */
export const oneLevel = {
  recover: recoverField,
  loss: lossField,
  schedule: scheduleField,
  quantise: quantiseField,
  storage: storageField,
  baselines: baselinesField,
  prove: field(z.boolean(), {
    expected: 'false: what is cut is not proved, for models that ONNX Runtime cannot run',
    help: 'write what was cut or permuted without proving it, for models that ONNX Runtime cannot run',
    default: 'proved',
    flag: { negative: true, on: ['prune', 'run', 'replay'] },
  }),
  masks: field(oneOf(MASK_FORMATS), {
    help: 'write the masks of masked weights beside each pruned model, for other trainers: model.masks.npz',
    default: 'not written',
    flag: { argument: 'format', hint: 'npz for NumPy, safetensors for PyTorch and others', on: ['run'], input: true },
  }),
  mergeAdapters: field(z.boolean(), {
    expected: 'true or false',
    help: 'add low-rank adapters to their weights first, and prune the sums; otherwise the weights are pruned and the adapters stay',
    default: 'off',
    flag: { on: [...PRUNING, 'sensitivity', 'calibrate'] },
  }),
  dims: field(axisSizes, {
    expected: 'sizes of axes that the model leaves open, by name, such as { height: 320, width: 320 }',
    help: 'sizes of open axes, by name, at which MACs are counted: height=320,width=320; of a node whose data decide how many it gives, such as NonMaxSuppression, by the name of the node',
    default: 'images 224, all others 1',
    flag: {
      argument: 'sizes',
      schema: axisSizes,
      read: sizesOf,
      repeatable: true,
      hint: 'write --dims height=320,width=320; where an axis has no name, --dims "input[2]=320"',
      on: [...PRUNING, 'inspect'],
    },
  }),
}

/** What only the whole config says. */
const topLevel = {
  seed: field(seed, {
    expected: 'a whole number from 0 to 4294967295',
    help: 'of everything random',
    default: '1',
    flag: { argument: 'number', on: [...PRUNING, 'sensitivity', 'bench'] },
  }),
  device: field(oneOf(DEVICES), {
    help: 'where saliencies are computed; auto is the CPU, which judges weights in less time than a GPU takes to be sent them',
    default: 'auto',
    flag: { argument: 'device', hint: 'pare devices lists what is here', on: PRUNING },
  }),
  provider: field(oneOf(PROVIDERS), {
    help: 'where ONNX Runtime computes, for everything that runs a model',
    default: 'cpu',
    flag: {
      argument: 'name',
      hint: 'leave it out to run models on the CPU; a GPU is cuda, webgpu, dml (Windows) or coreml (macOS)',
      on: [...PRUNING, 'replay', 'evaluate', 'bench', 'calibrate', 'sensitivity'],
      input: true,
    },
  }),
}

/** The name of a preset, as an option has it; in a config it stands in the place of the steps. */
const presetField: Field<z.ZodString> = field(path, {
  expected: "a preset such as 'cnn'",
  help: 'steps for a kind of model: cnn, transformer, or a package; takes --ratio and --seed, decides the rest',
  flag: { argument: 'name', on: PRUNING },
})

const inherited = {
  prune: steps.exactOptional(),
  calibrate: calibrate.exactOptional(),
  train: train.exactOptional(),
  evaluate: evaluate.exactOptional(),
  evaluations: evaluations.exactOptional(),
  gate: gate.exactOptional(),
  search: searchSection.exactOptional(),
}

const model = z
  .strictObject({
    path: path.describe(
      "an ONNX file such as 'models/classifier.onnx', a folder as Hugging Face has it, or a glob of several files",
    ),
    ...inherited,
    ...shapeOf(oneLevel),
  })
  .describe("a model such as { path: 'model.onnx' }")

export const configSchema = z
  .strictObject({
    $schema: z.string().describe('where the JSON Schema of this file is, for editors').exactOptional(),
    models: z.array(model).describe("a list of models, each such as { path: 'model.onnx' }").exactOptional(),
    ...inherited,
    ...shapeOf(oneLevel),
    ...shapeOf(topLevel),
  })
  .describe('a config of pare: models to prune, how to measure them, and what they may lose')

export type Config = z.infer<typeof configSchema>
/** What `oneLevel` says. */
export type OneLevel = Readonly<Pick<Config, keyof typeof oneLevel>>

export type ModelConfig = z.infer<typeof model>

/** Where things compute, as options or the config have it. */
export type EngineChoice = Pick<Config, 'provider' | 'device'>

/**
 * What options of the command line and inputs of the action say of each model, in the shape of a config: it wins over the config, field by field. Its paths
 * start at the current folder. `models` are files or globs: where the config has an entry for a file, its settings stay. `prune` is said of the only step of
 * each model, `preset` in the place of all steps, `retrain` of what the config says of retraining.
 */
export const overridesSchema = z
  .strictObject({
    models: z.array(path).exactOptional(),
    prune: step.exactOptional(),
    preset: path.exactOptional(),
    calibrate: calibrateSection.exactOptional(),
    train: trainSection.exactOptional(),
    retrain: retrain.exactOptional(),
    evaluate: evaluate.exactOptional(),
    gate: limits.exactOptional(),
    search: searchSection.exactOptional(),
    ...shapeOf(oneLevel),
    ...shapeOf(topLevel),
  })
  .describe('what is said besides the config, such as { gate: { maxDrop: 0.01 } }')

export type Overrides = z.infer<typeof overridesSchema>

/** Sections of what options say of one model: their fields, by the name of the section. '' are those that stand in no section. */
export const SECTIONS = {
  prune: pruneFields,
  calibrate: calibrateFields,
  train: trainFields,
  '': { preset: presetField, ...oneLevel, ...topLevel },
  retrain: retrainFields,
  evaluate: evaluateFields,
  gate: gateFields,
  search: smallestFields,
} satisfies Readonly<Record<string, Fields>>

/** Fields that only a config has, of lists: no option says which entry it means. */
export const LIST_FIELDS = { 'gate[]': demandFields, 'evaluations[]': evaluationFields } satisfies Readonly<
  Record<string, Fields>
>

export type Section = keyof typeof SECTIONS
