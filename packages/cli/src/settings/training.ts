import type { TextOptions } from '@pare/evaluate'
import { mayBeText } from '@pare/evaluate/choices'
import type { Loss } from '@pare/retrain'
import { showPath } from '../files/paths.js'
import type { TrainConfig } from '../options/data.js'
import { present } from '../options/present.js'
import type { Check } from './check.js'
import { readDataFile, strayTextOptions, textOf } from './data-file.js'
import type { Evaluation } from './evaluation.js'

/** Training data as the user names them. The file is there. */
export interface TrainingSource {
  /** Absolute. */
  readonly data: string
  readonly trusted: boolean
  readonly text?: TextOptions
  readonly label?: string
  readonly output?: string
  readonly threads?: number
  /** Default: what model and labels suggest. */
  readonly loss?: Loss
}

interface TrainingPlace {
  /** Of the settings, in the config. */
  readonly place: string
  readonly loss: Loss | undefined
  /** Of the same model: text is read with its tokenizer unless another is named, and labels and output are the same. */
  readonly evaluation: Evaluation | undefined
}

/** Undefined where nothing names training data, or after a problem that is noted. The evaluation data are a problem. */
export async function readTraining(
  config: TrainConfig | string | undefined,
  { place, loss, evaluation }: TrainingPlace,
  check: Check,
): Promise<TrainingSource | undefined> {
  const { overrides, problems, cwd, trusted } = check
  const over = overrides.train
  if (config === undefined && over?.data === undefined) {
    if (loss !== undefined) problems.push(strayLoss(loss))
    return undefined
  }
  const own: TrainConfig = typeof config === 'string' ? { data: config } : { ...config }
  const section = { own, over, place, dataPlace: place, what: 'training data' }
  const { data, tokenizer } = await readDataFile(section, check)
  if (data === undefined) return undefined
  if (data === evaluation?.request.data) {
    problems.push({
      place,
      message: `the training data ${showPath(data, cwd)} are the evaluation data: a model that was trained on them is not measured by them.`,
      hint: 'train on other samples',
    })
  }
  const { label = evaluation?.request.label, output = evaluation?.request.output, threads, ...fields } = { ...own, ...over }
  const text = mayBeText(data) ? (textOf(tokenizer, fields) ?? evaluation?.request.text) : undefined
  if (text === undefined && tokenizer === undefined) problems.push(...strayTextOptions(own, place))
  return { data, trusted, ...present({ text, label, output, threads, loss }) }
}

function strayLoss(loss: Loss) {
  return {
    place: 'loss',
    message: `is '${loss}', and there are no training data.`,
    hint: "name them: train: 'train.npz', or --train train.npz",
  }
}
