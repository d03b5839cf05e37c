import type { BatchAxis, TextOptions } from '@pare/evaluate'
import { mayBeText } from '@pare/evaluate/choices'
import { present } from '@pare/onnx'
import type { Loss } from '@pare/retrain'
import { showPath } from '../../files/paths.js'
import type { ModelFolder } from '../../folder/model-folder.js'
import type { TrainConfig } from '../../options/data.js'
import type { Problem } from '../../terminal/failure.js'
import type { Check } from '../check.js'
import { type DataReading, readDataFile, readReading, strayTextOptions, strayTokenizer, textOf } from './data-file.js'
import type { EvaluationSettings } from './evaluation.js'

/** Training data as the user names them. The file is there. */
export interface TrainingSource extends DataReading {
  /** Absolute. */
  readonly data: string
  readonly trusted: boolean
  readonly text?: TextOptions
  readonly label?: string
  readonly output?: string
  readonly threads?: number
  /** The axis of samples, where the model does not tell. Default: that which is named batch or N, else the first */
  readonly batchAxis?: BatchAxis
  /** Default: what model and labels suggest. */
  readonly loss?: Loss
}

interface TrainingPlace {
  /** Of the settings, in the config. */
  readonly place: string
  readonly loss: Loss | undefined
  /** Of the same model: text is read with its tokenizer unless another is named, and labels and output are the same. */
  readonly evaluation: EvaluationSettings | undefined
  /** Path of the model. */
  readonly model: string
  /** That the model came in. Default: it came alone */
  readonly folder?: ModelFolder | undefined
}

/** Undefined where nothing names training data, or after a problem that is noted. The evaluation data are a problem. */
export async function readTraining(
  config: TrainConfig | string | undefined,
  { place, loss, evaluation, model, folder }: TrainingPlace,
  check: Check,
): Promise<TrainingSource | undefined> {
  const { overrides, problems, cwd, trusted } = check
  const over = overrides.train
  if (config === undefined && over?.data === undefined) {
    if (loss !== undefined) problems.push(strayLoss(loss))
    if (evaluation === undefined) problems.push(...strayLabels(over))
    return undefined
  }
  const own: TrainConfig = typeof config === 'string' ? { data: config } : { ...config }
  const section = { own, over, place, dataPlace: place, what: 'training data', folder }
  const { data, tokenizer } = await readDataFile(section, check)
  if (data === undefined) return undefined
  if (data === evaluation?.request.data) {
    problems.push({
      place,
      message: `the training data ${showPath(data, cwd)} are the evaluation data: a model that was trained on them is not measured by them.`,
      hint: 'train on other samples',
    })
  }
  const { request } = evaluation ?? {}
  const {
    label = request?.label,
    output = request?.output,
    batchAxis = request?.batchAxis,
    threads,
    ...fields
  } = {
    ...own,
    ...over,
  }
  problems.push(...strayTokenizer(section, { data, isMeasured: evaluation !== undefined }, check))
  const text = mayBeText(data) ? (textOf(tokenizer, fields) ?? request?.text) : undefined
  if (text === undefined && tokenizer === undefined) problems.push(...strayTextOptions(own, place))
  const reading = await readReading({ ...section, model }, check)
  const { image = request?.image, classes = request?.classes } = reading
  return { data, trusted, ...reading, ...present({ image, classes, text, label, output, batchAxis, threads, loss }) }
}

/** What is said of labels, where there are no data with any. */
function strayLabels(over: TrainConfig | undefined): Problem[] {
  return Object.entries(present({ label: over?.label, output: over?.output, classes: over?.classes })).map(([option, value]) => ({
    place: '',
    message: `--${option} ${String(value)} is about labels, and there are no data with any.`,
    hint: `name them with --train, or leave --${option} out`,
  }))
}

function strayLoss(loss: Loss) {
  return {
    place: 'loss',
    message: `is '${loss}', and there are no training data.`,
    hint: "name them: train: 'train.npz', or --train train.npz",
  }
}
