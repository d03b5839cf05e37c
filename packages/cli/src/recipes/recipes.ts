import type { Config } from '../options/config.js'

/** A config for a kind of model and of user: steps, recovery and bits that were measured together. */
export interface ModelRecipe {
  readonly name: string
  /** Whom it is for, as a phrase. */
  readonly for: string
  /** What it does, in order, in a sentence. */
  readonly does: string
  /** What of data it takes, as a phrase. */
  readonly takes: string
  /** Without models and evaluation data: everything that decides what comes out. Paths are to be replaced. */
  readonly config: Pick<Config, 'prune' | 'calibrate' | 'train' | 'recover' | 'quantise'>
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

export const RECIPES: readonly ModelRecipe[] = [
  {
    name: 'mobile-cnn',
    for: 'convolutional networks on phones and boards: a small file, and fewer multiplications',
    does: 'Channels that the others make up for go, what is left is fitted to the original, then 8 bits.',
    takes: 'inputs with labels, such as some of those that it was trained on; without labels leave train out',
    config: {
      prune: [{ structure: 'channel', criterion: 'osscar', target: { ratio: 0.45 } }],
      calibrate: { data: 'calibrate.npz', samples: 512 },
      train: 'calibrate.npz',
      recover: 'repair',
      quantise: 'int8',
    },
    metric: 'accuracy',
    maxDrop: 0.005,
    measured: [
      {
        model: 'mnist-resnet20-folded',
        ...{ metric: 'accuracy', before: 0.984, after: 0.9835 },
        ...{ bytes: 1_095_209, zipped: [1_008_856, 82_492], cpuSeconds: 30 },
      },
      {
        model: 'mnist-mobilenet-folded',
        ...{ metric: 'accuracy', before: 0.9875, after: 0.9845 },
        ...{ bytes: 525_061, zipped: [473_913, 57_977], cpuSeconds: 25 },
        note: 'At half of the channels it loses 0.007: its depthwise layers bear less',
      },
    ],
  },
  {
    name: 'server-encoder',
    for: 'BERT-like encoders on servers: less work for each text, and a small file',
    does: 'A quarter of the heads and three quarters of the feed-forward neurons go, then 30 % of the weights that are left with a solver; what is left is fitted to the original; then 4 bits in blocks.',
    takes: 'some hundred calibration texts without labels',
    config: {
      prune: [
        { structure: 'head', target: { ratio: 0.25 } },
        { structure: 'neuron', target: { ratio: 0.75 }, multipleOf: 8 },
        { structure: 'element', criterion: 'alps', target: { sparsity: 0.3 } },
      ],
      calibrate: 'calibrate.npz',
      recover: 'repair',
      quantise: 'int4',
    },
    metric: 'accuracy',
    maxDrop: 0.01,
    measured: [
      {
        model: 'kjv-bert',
        ...{ metric: 'accuracy', before: 0.8325, after: 0.8358 },
        ...{ bytes: 4_376_893, zipped: [4_034_993, 516_481], cpuSeconds: 36 },
        note: 'The rise is chance: 17 of 1,206 verses were lost and 21 gained',
      },
    ],
  },
  {
    name: 'small-llm',
    for: 'language models of up to some hundred million parameters: a small file and less memory',
    does: 'Feed-forward neurons go where the loss feels it least, over all layers together; what is left is fitted to the original; then 4 bits in blocks.',
    takes: 'calibration text, which is its own label: 128 windows are fitted, and all are asked what the loss feels',
    config: {
      prune: [{ structure: 'neuron', criterion: 'osscar', scope: 'global', target: { ratio: 0.35 } }],
      calibrate: { data: 'calibrate.npz', samples: 128 },
      train: 'calibrate.npz',
      recover: 'repair',
      quantise: 'int4',
    },
    metric: 'perplexity',
    maxDrop: { relative: 0.05 },
    measured: [
      {
        model: 'lm-llama',
        ...{ metric: 'perplexity', before: 25.65, after: 26.34 },
        ...{ bytes: 22_098_159, zipped: [20_057_235, 2_780_404], cpuSeconds: 97 },
        note: 'Layers lose different numbers of neurons: run times that read one width for all layers need scope group',
      },
    ],
  },
]
