import type { TextOptions } from '@pare/evaluate'
import type { Loss } from '@pare/retrain'
import { showPath } from '../files/paths.js'
import { untrusted } from '../terminal/failure.js'
import type { TrainConfig } from './config.js'
import { type Evaluation, type EvaluationSource, MODULES, readPath, strayTextOptions, textOf } from './evaluation.js'
import { present } from './settings.js'

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

export interface TrainingPlace {
  /** Of the settings, in the config. */
  readonly place: string
  readonly loss: Loss | undefined
  /** Of the same model: text is read with its tokenizer unless another is named, and labels and output are the same. */
  readonly evaluation?: Evaluation | undefined
}

/** Undefined where nothing names training data, or after a problem that is noted. The evaluation data are a problem. */
export async function readTraining(
  config: TrainConfig | string | undefined,
  { place, loss, evaluation }: TrainingPlace,
  source: EvaluationSource,
): Promise<TrainingSource | undefined> {
  const { overrides, problems, cwd, trusted } = source
  if (config === undefined && overrides.train === undefined) {
    if (loss !== undefined) problems.push(strayLoss(loss))
    return undefined
  }
  const own: TrainConfig = typeof config === 'string' ? { data: config } : { ...config }
  const fields = { ...own, ...present({ length: overrides.length }) }
  const path = await readPath({ own: own.data, override: overrides.train, place, what: 'training data' }, source)
  const tokenizer = await readPath(
    {
      own: own.tokenizer,
      override: overrides.tokenizer,
      place: place === '' ? 'tokenizer' : `${place}.tokenizer`,
      what: 'tokenizer',
    },
    source,
  )
  if (path === undefined) return undefined
  const shown = showPath(path, cwd)
  if (!trusted && MODULES.test(path)) {
    throw untrusted(
      `pare: data set ${shown} would be run, and code of this checkout is not trusted.`,
      'write it as .npz, .npy, .jsonl or .csv',
    )
  }
  if (path === evaluation?.request.data) {
    problems.push({
      place,
      message: `the training data ${shown} are the evaluation data: a model that was trained on them is not measured by them.`,
      hint: 'train on other samples',
    })
  }
  const { mayBeText } = await import('@pare/evaluate')
  const text = mayBeText(path) ? (textOf(tokenizer, fields) ?? evaluation?.request.text) : undefined
  if (text === undefined && tokenizer === undefined) problems.push(...strayTextOptions(own, place))
  const { label = evaluation?.request.label, output = evaluation?.request.output, threads } = own
  return { data: path, trusted, ...present({ text, label, output, threads, loss }) }
}

function strayLoss(loss: Loss) {
  return {
    place: 'loss',
    message: `is '${loss}', and there are no training data.`,
    hint: "name them: train: 'train.npz', or --train train.npz",
  }
}
