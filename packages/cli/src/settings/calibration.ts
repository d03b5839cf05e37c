import { isStatistics, type PruneStep, parseStatistics, type StatisticsFile, searchOf } from '@pare/core'
import type { BatchAxis, Shard, TextOptions } from '@pare/evaluate'
import { mayBeText } from '@pare/evaluate/choices'
import { openRegular, present, readRegular } from '@pare/onnx'
import type { Loss } from '@pare/retrain'
import { isFolder, showPath } from '../files/paths.js'
import type { ModelFolder } from '../folder/model-folder.js'
import type { CalibrateConfig } from '../options/data.js'
import type { Problem } from '../terminal/failure.js'
import type { Check } from './check.js'
import { type DataReading, readDataFile, readReading, strayTextOptions, strayTokenizer, textOf } from './data-file.js'
import type { EvaluationSettings } from './evaluation.js'

/** Calibration data: inputs only. */
export interface Calibration extends Partial<DataReading> {
  readonly data: string
  readonly text?: TextOptions
  /** Only the first so many samples. Default: all */
  readonly samples?: number
  readonly batch?: number
  readonly threads?: number
  /** The axis of samples, where the model does not tell. Default: that which is named batch or N, else the first */
  readonly batchAxis?: BatchAxis
  /** Whether a data module may be run. Default: false */
  readonly trusted?: boolean
  /** Only one of several shards. Default: all data */
  readonly shard?: Shard
}

/** Calibration data as the user names them. The file is there. */
export interface CalibrationSource {
  /** How data are run. Paths are absolute. */
  readonly run: Calibration
  /** Set where the file holds statistics that were measured before: then nothing is run. */
  readonly statistics?: StatisticsFile
}

/** Where calibration settings stand, and what holds for them too. */
interface CalibrationPlace {
  /** Of the settings, in the config. */
  readonly place: string
  /** Of the same model: text is read with its tokenizer unless another is named. */
  readonly evaluation: EvaluationSettings | undefined
  /** Path of the model. */
  readonly model: string
  /** That the model came in. Default: it came alone */
  readonly folder?: ModelFolder | undefined
}

/** Undefined where nothing names calibration data, or after a problem that is noted. */
export async function readCalibration(
  config: CalibrateConfig | string | undefined,
  { place, evaluation, model, folder }: CalibrationPlace,
  check: Check,
): Promise<CalibrationSource | undefined> {
  const { overrides, problems, cwd, trusted } = check
  const over = overrides.calibrate
  if (config === undefined && over?.data === undefined) {
    if (over?.samples !== undefined) problems.push(strayCount(over.samples))
    return undefined
  }
  const own: CalibrateConfig = typeof config === 'string' ? { data: config } : { ...config }
  const section = { own, over, place, dataPlace: place, what: 'calibration data', folder }
  const { data, tokenizer } = await readDataFile(section, check)
  if (data === undefined) return undefined
  const { samples, batch, threads, batchAxis = evaluation?.request.batchAxis, ...fields } = { ...own, ...over }
  const reading = await readReading({ ...section, model }, check)
  const image = reading.image ?? evaluation?.request.image
  const statistics = await readStatistics(data, showPath(data, cwd))
  problems.push(...strayTokenizer(section, { data, isMeasured: evaluation !== undefined }, check))
  const text = mayBeText(data) ? (textOf(tokenizer, fields) ?? evaluation?.request.text) : undefined
  if (text === undefined && tokenizer === undefined) problems.push(...strayTextOptions(own, place))
  return {
    run: { data, trusted, ...reading, ...present({ image, text, samples, batch, threads, batchAxis }) },
    ...present({ statistics }),
  }
}

/** The statistics that a file holds; undefined where it holds something else. */
export async function readStatistics(path: string, shown: string): Promise<StatisticsFile | undefined> {
  if (await isFolder(path)) return undefined
  const first = new Uint8Array(8)
  const { handle } = await openRegular(path, 'calibration data')
  await using file = handle
  await file.read(first, 0, first.length, 0)
  return isStatistics(first) ? parseStatistics(await readRegular(path), shown) : undefined
}

function strayCount(samples: number): Problem {
  return {
    place: '',
    message: `--samples ${samples} counts calibration data, and there are none.`,
    hint: 'name them with --calibrate, or leave --samples out',
  }
}

/** What a step needs of calibration data, in words; undefined where it looks at weights only. */
export function needsOf({
  criterion,
  refit,
  allocation,
}: Pick<PruneStep, 'criterion' | 'refit' | 'allocation'>): string | undefined {
  if (criterion.kind === 'units') return criterion.data === 'training' ? undefined : 'to try units out on calibration data'
  const needs = { ...(criterion.kind === 'mask' ? {} : criterion.needs), ...refit?.needs }
  const keys = Object.entries(needs).flatMap(([key, { at }]) => (at === 'gradient' ? [] : [key]))
  if (keys.length > 0) return `${keys.join(', ')} of calibration data`
  return searchOf(allocation) === undefined ? undefined : 'to try models out on calibration data'
}

/** Whether a step cannot do without gradients of a loss over training data, to judge or to spread its target. */
export function needsGradients(step: Pick<PruneStep, 'criterion' | 'allocation'>): boolean {
  return step.allocation === 'fisher' || judgesByGradients(step)
}

/** Whether a step looks at gradients, because it must or because there are training data with a loss that has any. */
export function looksAtGradients(
  step: Pick<PruneStep, 'criterion' | 'allocation'>,
  training: { readonly loss?: Loss | undefined } | undefined,
): boolean {
  const { criterion, allocation } = step
  const weighs = (criterion.kind === 'units' && criterion.weighsByLoss === true) || searchOf(allocation) !== undefined
  // The model as it is, is no distance from itself.
  return needsGradients(step) || (weighs && training !== undefined && training.loss !== 'kl')
}

/** Whether a step's criterion looks at gradients of a loss over training data. */
export function judgesByGradients({ criterion }: Pick<PruneStep, 'criterion'>): boolean {
  if (criterion.kind === 'units') return criterion.data === 'training'
  return criterion.kind !== 'mask' && Object.values(criterion.needs).some(({ at }) => at === 'gradient')
}

/** Data as they are there for one model. */
export interface DataThere {
  readonly calibration: CalibrationSource | undefined
  /** Undefined: there are none. */
  readonly training: object | string | undefined
  /** What gradients are taken of. Undefined: what model and labels suggest. */
  readonly loss: Loss | undefined
}

/** Why steps cannot do with the data they have; `at` is the place of a step. */
export function calibrationProblems(
  steps: readonly PruneStep[],
  { calibration, training, loss }: DataThere,
  at: (step: number) => string,
): Problem[] {
  return steps.flatMap((step, i) => {
    const isMeasured = calibration?.statistics !== undefined && step.criterion.kind !== 'units'
    const lacks = training === undefined && ((judgesByGradients(step) && !isMeasured) || step.allocation === 'fisher')
    const taught = needsGradients(step) && loss === 'kl'
    const problems = [problemOf(step, i, calibration), lacks && noTraining(step), taught && noDistance(step)]
    return problems.flatMap((problem) => (problem ? [{ place: at(i), ...problem }] : []))
  })
}

function noTraining(step: PruneStep): Complaint {
  const hint = "name inputs with labels: --train train.npz, or train: 'train.npz' in the config"
  return {
    message: `${looking(step)} looks at gradients of the loss over training data, and there are none.`,
    hint: judgesByGradients(step)
      ? hint
      : `${hint}; of a language model the calibration data serve, whose next tokens are the labels`,
  }
}

const looking = (step: PruneStep) => (judgesByGradients(step) ? `criterion '${step.criterion.name}'` : 'allocation fisher')

/** The model as it is, is no distance from itself. */
function noDistance(step: PruneStep): Complaint {
  return {
    message: `${looking(step)} looks at gradients of the loss, and 'kl' is a distance from a teacher, which it has none of.`,
    hint: 'leave the loss out, and it is chosen by model and labels',
  }
}

type Complaint = Omit<Problem, 'place'>

function problemOf(step: PruneStep, index: number, source: CalibrationSource | undefined): Complaint | undefined {
  const needs = needsOf(step)
  if (needs === undefined) return undefined
  if (source === undefined) {
    return {
      message: `${whoNeeds(step)} needs ${needs}, and there are none.`,
      hint: "name inputs that are like those the model will meet: --calibrate data.npz, or calibrate: 'data.npz' in the config",
    }
  }
  return source.statistics === undefined ? undefined : statisticsProblem(step, index, needs)
}

const whoNeeds = (step: PruneStep) =>
  needsOf({ ...step, allocation: 'uniform' }) === undefined ? 'allocation search' : whoMeasures(step)

const whoMeasures = ({ criterion, refit }: PruneStep) =>
  refit === undefined ? `criterion '${criterion.name}'` : `refit '${refit.name}'`

/** What was measured before is of the whole model, as it was. */
function statisticsProblem(step: PruneStep, index: number, needs: string): Complaint | undefined {
  const { criterion, sequential, refit } = step
  const who = whoNeeds(step)
  const data = 'give the data themselves: --calibrate data.npz'
  if (criterion.kind === 'units') return { message: `${who} needs ${needs}, and a file of statistics has none.`, hint: data }
  if (searchOf(step.allocation) !== undefined)
    return { message: 'allocation search tries models out on calibration data, and a file of statistics has none.', hint: data }
  const isSolver = criterion.kind === 'solver' || refit !== undefined
  if (isSolver ? sequential !== false : sequential === true) {
    return {
      message: `${who} goes block by block and measures in between, which a file of statistics cannot.`,
      hint: `${data}, or ${isSolver ? 'say sequential: false in the config' : 'leave --sequential out'}`,
    }
  }
  if (index === 0) return undefined
  return { message: `${who} judges what the steps before leave, and a file of statistics is of the whole model.`, hint: data }
}
