import type { AnyCriterion, ElementTarget, Norm, Scope, Structure, UnitTarget } from '@pare/core'
import type { Provider } from '@pare/evaluate'
import type { Limits } from '@pare/gate'
import type { Loss } from '@pare/retrain'
import type { DeviceChoice } from '../engine/device.js'
import type { WrittenAllocation } from './curves-file.js'
import type { RecoverConfig } from './recover.js'
import type { ScheduleConfig } from './schedule.js'

/** What `pare.config.*` says. Paths are relative to the config file. */
export interface Config {
  /** For editors: the JSON Schema of this file. */
  $schema?: string
  /** Of everything random. Default: 1. */
  seed?: number
  models?: ModelConfig[]
  /** For each model that has no `prune` of its own. */
  prune?: PruneConfig[] | PresetConfig
  /** For each model without its own: data that criteria look at, or a file of statistics. */
  calibrate?: string | CalibrateConfig
  /** For each model without its own: data with labels, or for a teacher, that it is retrained on. Never evaluation data. */
  train?: string | TrainConfig
  /** For each model without its own: what retraining minimises. Default: what model and labels suggest. */
  loss?: Loss
  /** For each model; a model's own `evaluate` wins field by field. */
  evaluate?: EvaluateConfig
  /** For each model without its own: whether what is cut is proved before it is written. Default: true. */
  prove?: boolean
  /**
   * For each model without its own: 'repair' fits what is left to calibration data, 'retrain' trains it on training data, { repair, retrain } does both, each as it says.
   * Default: 'none'; with a preset and calibration data 'repair'.
   */
  recover?: RecoverConfig
  /** For each model without its own: whether the target is reached at once, or in steps with recovery in between. Default: 'one-shot'. */
  schedule?: ScheduleConfig
  /** For each model; a model's own `gate` wins field by field. */
  gate?: Limits
  /** Where ONNX Runtime computes all of this. Default: 'cpu'. */
  provider?: Provider
  /** Where saliencies are computed: 'auto' is the CPU. Default: 'auto'. */
  device?: DeviceChoice
}

export interface ModelConfig {
  /** An ONNX file, or a glob of several. */
  path: string
  /** One after the other. Default: `[{}]`, half of all elements by magnitude. */
  prune?: PruneConfig[] | PresetConfig
  calibrate?: string | CalibrateConfig
  train?: string | TrainConfig
  loss?: Loss
  evaluate?: EvaluateConfig
  prove?: boolean
  recover?: RecoverConfig
  schedule?: ScheduleConfig
  gate?: Limits
}

/** A plugin: imported, or by name ('magnitude', 'magnitude:p=2', { name: 'magnitude', p: 2 }). */
export type PluginConfig<Plugin> = Plugin | string | { name: string; [option: string]: unknown }

export interface PruneConfig {
  /** Default: 'element'. */
  structure?: PluginConfig<Structure>
  /** Default: 'magnitude'. */
  criterion?: PluginConfig<AnyCriterion>
  /** Default: { sparsity: 0.5 }, for structures that cut { ratio: 0.25 }. */
  target?: TargetConfig
  /** What is ranked together. Default: what the criterion says, else 'global'; for structures that cut 'group'. */
  scope?: Scope
  /** How a sparsity is spread over weights, each ranked on its own: 'uniform', 'erk', 'owl', { owl: { lambda, outlier } }, { curves }, or 'curves.json' from pare sensitivity --json. Default: 'uniform'. */
  allocation?: WrittenAllocation
  /** How saliencies are made comparable between weights that are ranked together. Default: they are taken as they are. */
  normalize?: 'lamp'
  /** Block by block, each judged by what it meets once the blocks before it are pruned. For criteria that look at data. Default: false; of solvers true. */
  sequential?: boolean
  /** How elements are put together to the score of a unit. Default: 'l1', their sum. */
  norm?: Norm
  /** Units of a group that always stay. Default: 1. */
  minUnits?: number
  /** What is kept of a group is a multiple of this, or all of it. Default: 1. */
  multipleOf?: number
  /** Groups with as many units lose as many. Default: false. */
  uniform?: boolean
  /** Globs over names of nodes or tensors. Default: all eligible weights. */
  include?: readonly string[]
  exclude?: readonly string[]
}

/** Steps for a kind of model, by name. */
export interface PresetConfig {
  /** 'cnn', 'transformer', or a package; imported, it is a list of steps and stands in the place of `prune`. */
  preset: string | { name: string; [option: string]: unknown }
  /** Share of the units that goes. Default: the preset's own. */
  ratio?: number
}

export type TargetConfig = ElementTarget | UnitTarget

/** Inputs like those the model will meet; labels in them are not looked at. */
export interface CalibrateConfig {
  /** .npz, .npy, .jsonl, .csv, .txt, a module that exports an iterable of samples, or a file that `pare calibrate` wrote. */
  data?: string
  /** Only the first so many. Default: all. */
  samples?: number
  /** Samples run together. Default: the model's own batch where it is fixed, else up to 32. */
  batch?: number
  /** Default: all cores. */
  threads?: number
  /** tokenizer.json: reads the data as text. Default: that of `evaluate`, where its data are text too. */
  tokenizer?: string
  /** Tokens in a window of text. Default: the model's sequence length where it is fixed, else 256. */
  length?: number
  /** Tokens from one window of text to the next. Default: `length`. */
  stride?: number
  /** Field of a JSONL line that holds the text. Default: 'text'. */
  field?: string
}

/** Inputs with labels, or without where a teacher has them. Never evaluation data. */
export interface TrainConfig {
  /** .npz, .npy, .jsonl, .csv, .txt, or a module that exports an iterable of samples. */
  data?: string
  /** Array with the labels. Default: the first of 'label', 'labels', 'y', 'target'. */
  label?: string
  /** Output that is judged. Default: 'logits', else the first. */
  output?: string
  /** Default: all cores. */
  threads?: number
  /** tokenizer.json: reads the data as text. Default: that of `evaluate`, where its data are text too. */
  tokenizer?: string
  /** Tokens in a window of text. Default: the model's sequence length where it is fixed, else 256. */
  length?: number
  /** Field of a JSONL line that holds the text. Default: 'text'. */
  field?: string
}

export interface EvaluateConfig {
  /** .npz, .npy, .jsonl, .csv, .txt, or a module that exports an iterable of samples. */
  data?: string
  /** The gate looks at the first one. Default: 'perplexity' for text, else 'accuracy'. */
  metric?: string | string[]
  /** Samples run together. Default: the model's own batch where it is fixed, else up to 32. */
  batch?: number
  /** Default: all cores. */
  threads?: number
  /** Array with the labels. Default: the first of 'label', 'labels', 'y', 'target'. */
  label?: string
  /** Output that is measured. Default: 'logits', else the first. */
  output?: string
  /** tokenizer.json: reads the data as text. */
  tokenizer?: string
  /** Tokens in a window of text. Default: the model's sequence length where it is fixed, else 256. */
  length?: number
  /** Tokens from one window of text to the next. Default: `length`. */
  stride?: number
  /** Field of a JSONL line that holds the text. Default: 'text'. */
  field?: string
  /** Seconds one evaluation may take. Default: 3600. */
  timeout?: number
  /** Both models are timed in turn, also where the gate does not limit it. Default: false. */
  latency?: boolean
  /** MiB of memory one evaluation may take. Default: three quarters of the machine's. */
  memory?: number
}

/** Gives a TypeScript or JavaScript config its types. Returns it as it is. */
export function defineConfig(config: Config): Config {
  return config
}

/** Inputs with labels, or without where a teacher has them. Never evaluation data. */
export interface TrainConfig {
  /** .npz, .npy, .jsonl, .csv, .txt, or a module that exports an iterable of samples. */
  data?: string
  /** Array with the labels. Default: the first of 'label', 'labels', 'y', 'target'. */
  label?: string
  /** Output that is judged. Default: 'logits', else the first. */
  output?: string
  /** Default: all cores. */
  threads?: number
  /** tokenizer.json: reads the data as text. Default: that of `evaluate`, where its data are text too. */
  tokenizer?: string
  /** Tokens in a window of text. Default: the model's sequence length where it is fixed, else 256. */
  length?: number
  /** Field of a JSONL line that holds the text. Default: 'text'. */
  field?: string
}
