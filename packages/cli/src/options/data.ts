import { LOSSES } from '@pare/autograd/choices'
import { DATA_FORMATS, METRIC_NAMES } from '@pare/evaluate/choices'
import { z } from 'zod'
import { image } from './image.js'
import { PRUNING } from './prune.js'
import { field, shapeOf } from './row.js'
import { count, metric, oneOf, path } from './schemas.js'
import { numberOf, parts, sizesOf } from './text.js'
import { writingFields } from './writing.js'

/** Commands that run a model over data. */
const RUNNING = [...PRUNING, 'evaluate', 'calibrate', 'sensitivity']
const JUDGING = ['prune', 'run', 'evaluate', 'sensitivity']
/** Commands that look at labels. */
const LABELLED = [...PRUNING, 'evaluate', 'sensitivity']

const samplesAtOnce = count.describe('a whole number of samples run together, such as 32')
const tokens = count.describe('a whole number of tokens in a window of text, such as 128')

/** How data are read as text, and by how many threads they are run: the same wherever data are named. */
const threads = field(count, {
  expected: 'a whole number of threads, such as 2',
  help: 'threads that run the model',
  default: 'all cores',
})
const tokenizer = field(path, {
  expected: "a tokenizer file such as 'tokenizer.json'",
  help: 'tokenizer.json: reads the data as text (default for a folder: its own)',
  default: 'that of evaluate, where its data are text too',
})
const length = field(tokens, {
  help: 'tokens in a window of text',
  default: "the model's sequence length where it is fixed, else 256",
})
const stride = field(count, {
  expected: 'a whole number of tokens from one window of text to the next, such as 64',
  help: 'tokens from one window of text to the next',
  default: 'length',
})
const textField = field(path, {
  expected: "the field of a JSONL line that holds the text, such as 'text'",
  help: 'the field of a JSONL line that holds the text',
  default: 'text',
})
const label = field(path, {
  expected: "the name of the array with the labels, such as 'label'",
  help: 'the array with the labels',
  default: "the first of 'label', 'labels', 'y', 'target'",
})

const classes = field(z.union([path, z.array(z.string().min(1)).min(2)]), {
  expected:
    "names of classes in the order of their numbers, such as ['cat', 'dog'], or a file with a name on each line, or a config.json with id2label",
  help: 'names of classes in the order of their numbers, or a file of them: for labels that are names',
  default: 'id2label of config.json beside model or data, else what the model names',
})
const column = path.describe("the name of a column, or array, of the data, such as 'patient'")
/** '1' → 1; 'x=1,y=1' → { x: 1, y: 1 }. */
function axesOf(text: string): unknown {
  return text.includes('=') ? sizesOf(text) : numberOf(text)
}

const batchAxis = field(z.union([z.number().int().min(0), z.record(z.string().min(1), z.number().int().min(0))]), {
  expected: 'the axis of samples, such as 1, or of inputs and outputs by name, such as { tokens: 1, scores: 1 }; the first is 0',
  help: 'the axis of samples of inputs and outputs, the first being 0, where it is not the first: 1, or x=1,y=1 by name',
  default: 'that which the model names batch or N, else the first',
})

const batchAxisOfOthers = field(batchAxis.schema, {
  help: batchAxis.help,
  default: 'that of evaluate, else what the model names batch or N, else the first',
})

/** What a model is measured with, before and after. */
export const evaluateFields = {
  data: field(path, {
    expected: "a data file such as 'data/val.npz'",
    help: `what to measure with: ${DATA_FORMATS}`,
    flag: { argument: 'file', on: JUDGING, required: ['evaluate', 'sensitivity'], input: true },
  }),
  metric: field(z.union([metric, z.array(metric).min(1)]), {
    expected: "a metric such as 'accuracy' or { name: 'f1', average: 'micro' }, or a list of them; the gate looks at the first",
    help: `what is measured: ${METRIC_NAMES.map((name) => name.replace(/-k$/, '-5')).join(', ')}, or a plugin; options follow as in f1:average=micro; the gate looks at the first`,
    default: 'accuracy, for text perplexity',
    flag: { argument: 'name', repeatable: true, on: ['prune', 'run', 'evaluate'], input: true },
  }),
  batch: field(samplesAtOnce, {
    help: 'samples run together',
    default: "the model's own where it is fixed, else up to 32",
    flag: { argument: 'count', on: RUNNING, also: ['calibrate.batch'] },
  }),
  threads,
  label: { ...label, flags: [{ argument: 'name', on: LABELLED, also: ['train.label'] }] },
  classes: {
    ...classes,
    flags: [
      {
        argument: 'names',
        on: LABELLED,
        also: ['train.classes'],
        read: (text: string) => (text.includes(',') ? parts(text) : text),
      },
    ],
  },
  group: field(column, {
    help: 'the column that says which samples belong together, such as the patient or the document',
    default: 'windows of one document, for text',
    flag: { argument: 'column', on: JUDGING, input: true },
  }),
  slices: field(z.array(column).min(1).describe("a list of columns that tell samples apart, such as ['camera', 'language']"), {
    help: 'a column that tells samples apart, such as the camera or the language',
    default: 'none',
    flag: { name: 'slice', argument: 'column', repeatable: true, on: JUDGING, input: true },
  }),
  id: field(column, {
    help: 'the column that names samples in reports',
    default: "the first of 'id', 'path', 'file', 'file_name' that is no input",
  }),
  image,
  output: field(path, {
    expected: "the name of the output to measure, such as 'logits'",
    help: 'the output that is measured',
    default: "'logits', else the first",
    flag: { argument: 'name', on: LABELLED, also: ['train.output'] },
  }),
  classAxis: field(z.number().int(), {
    expected: "the axis of the output that counts the classes, such as 1: 0 is the samples', -1 the last",
    help: "the axis of the output that counts the classes, the samples' being 0 and the last -1",
    default: 'found by the shapes of output and labels',
    flag: { argument: 'axis', on: JUDGING },
  }),
  batchAxis: {
    ...batchAxis,
    flags: [
      { argument: 'axis', read: axesOf, on: [...JUDGING, 'plan', 'calibrate'], also: ['calibrate.batchAxis', 'train.batchAxis'] },
    ],
  },
  firstClass: field(z.number().int().min(0), {
    expected: 'how many numbers stand before the first class on its axis, such as 4 for a box',
    help: 'how many numbers stand before the scores of the classes on their axis: 4 of detectors whose boxes come first',
    default: '0',
    flag: { argument: 'count', on: JUDGING },
  }),
  ignore: field(z.array(z.number().int()), {
    expected: 'a list of labels that do not count, such as [-100]',
    help: 'labels of places that do not count, besides -100',
    default: '255 of pixels',
  }),
  tokenizer: field(tokenizer.schema, {
    help: tokenizer.help,
    flag: { argument: 'file', on: RUNNING, also: ['calibrate.tokenizer', 'train.tokenizer'] },
  }),
  length: { ...length, flags: [{ argument: 'count', on: RUNNING, also: ['calibrate.length', 'train.length'] }] },
  stride: { ...stride, flags: [{ argument: 'count', on: RUNNING, also: ['calibrate.stride'] }] },
  field: textField,
  ...writingFields,
  latency: field(z.boolean(), {
    expected: 'true: both models are timed in turn, also where the gate does not limit it',
    help: 'both models are timed in turn, also where the gate does not limit it',
    default: 'off',
  }),
  timeout: field(z.number().positive(), {
    expected: 'a number of seconds, such as 3600',
    help: 'seconds that one evaluation may take',
    default: '3600',
  }),
  memory: field(z.number().positive(), {
    expected: 'a number of MiB, such as 4096',
    help: 'MiB of memory that one evaluation may take',
    default: "three quarters of the machine's",
  }),
}

const weighted = z.strictObject({
  data: path.describe("a data file such as 'code.npz'"),
  weight: z.number().positive().describe('how many of the samples are of this file, beside the others: 3').exactOptional(),
})
const mixedFiles = z.array(z.union([path, weighted])).min(1)

/** 'code.npz:weight=3'; an input of the action holds several, one on each line. */
function mixedFilesOf(text: string): unknown {
  const lines = text.split('\n').map((line) => line.trim())
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const [, data, weight] = /^(.+):weight=([^:=]*)$/.exec(line) ?? []
      return data === undefined ? line : { data, weight: numberOf(weight!) }
    })
}

const mixing = {
  schema: mixedFiles.describe(
    "a data file such as 'calibrate.npz'; of several, each with its weight where it is not 1: 'code.npz:weight=3'",
  ),
  read: mixedFilesOf,
  repeatable: true,
} as const

/** Inputs like those the model will meet; labels in them are not looked at. */
export const calibrateFields = {
  data: field(z.union([path, mixedFiles]), {
    expected:
      "a data file such as 'data/calibrate.npz', or several that are mixed, with weights: ['text.npz', { data: 'code.npz', weight: 3 }]",
    help: `inputs for criteria that look at data, and for repair: ${DATA_FORMATS}, or a file of pare calibrate; several are mixed, evenly or by weight (code.npz:weight=3)`,
    flags: [
      { name: 'calibrate', argument: 'data', on: PRUNING, input: true, ...mixing },
      {
        argument: 'data',
        on: ['calibrate'],
        required: ['calibrate'],
        help: `inputs like those the model will meet: ${DATA_FORMATS}; several are mixed, evenly or by weight (code.npz:weight=3)`,
        ...mixing,
      },
    ],
  }),
  samples: field(count, {
    expected: 'a whole number of samples, such as 256: only the first so many',
    help: 'only the first so many of the calibration data',
    default: 'all',
    flag: { argument: 'count', on: [...PRUNING, 'calibrate'] },
  }),
  batch: field(samplesAtOnce, { help: evaluateFields.batch.help, default: evaluateFields.batch.default! }),
  batchAxis: batchAxisOfOthers,
  ...{ threads, tokenizer, length, stride, field: textField, image },
}

/** Inputs with labels, or without where a teacher has them. Never evaluation data. */
export const trainFields = {
  data: field(path, {
    expected: "a data file such as 'data/train.npz'",
    help: `inputs with labels, for criteria that look at gradients and for retraining, never the evaluation data: ${DATA_FORMATS}`,
    flag: { name: 'train', argument: 'data', on: PRUNING, input: true },
  }),
  label,
  classes,
  output: field(path, {
    expected: "the name of the output to judge, such as 'logits'",
    help: 'the output that is judged',
    default: "that of evaluate, else 'logits', else the first",
  }),
  batchAxis: batchAxisOfOthers,
  ...{ threads, tokenizer, length, field: textField, image },
}

export const evaluate = z
  .strictObject(shapeOf(evaluateFields))
  .describe("what to measure with, such as { data: 'val.npz', metric: 'accuracy' }")

export const calibrateSection = z.strictObject(shapeOf(calibrateFields))
export const calibrate = z
  .union([path, mixedFiles, calibrateSection])
  .describe(
    "calibration data such as 'calibrate.npz', ['text.npz', { data: 'code.npz', weight: 3 }] or { data: 'calibrate.npz', samples: 256 }",
  )

export const trainSection = z.strictObject(shapeOf(trainFields))
export const train = z
  .union([path, trainSection])
  .describe("training data such as 'train.npz' or { data: 'train.npz', label: 'label' }; never the evaluation data")

export type EvaluateConfig = z.infer<typeof evaluate>
export type CalibrateConfig = z.infer<typeof calibrateSection>
export type CalibrateData = z.infer<typeof mixedFiles>
export type TrainConfig = z.infer<typeof trainSection>

export const lossField = field(oneOf(LOSSES), {
  help: 'what retraining minimises',
  default: 'by the labels',
  flag: { argument: 'name', hint: 'leave it out, and it is chosen by model and labels', on: PRUNING },
})
