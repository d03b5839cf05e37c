import { isStatistics, type PruneStep, parseStatistics, type StatisticsFile, searchOf } from '@pare/core'
import type { BatchAxis, MixedFile, Shard, TextOptions } from '@pare/evaluate'
import { mayBeText } from '@pare/evaluate/choices'
import { openRegular, present, readRegular } from '@pare/onnx'
import type { Loss } from '@pare/retrain'
import { isFolder, showPath } from '../../files/paths.js'
import type { ModelFolder } from '../../folder/model-folder.js'
import type { CalibrateConfig, CalibrateData } from '../../options/data.js'
import type { Problem } from '../../terminal/failure.js'
import type { Check } from '../check.js'
import {
  type DataReading,
  type DataSection,
  readDataFile,
  readReading,
  strayTextOptions,
  strayTokenizer,
  textOf,
} from './data-file.js'
import type { EvaluationSettings } from './evaluation.js'

/** Calibration data: inputs only. */
export interface Calibration extends Partial<DataReading> {
  /** Path of the data; of a mixture the first of its files. */
  readonly data: string
  /** Files of which samples are mixed. Default: the data alone */
  readonly mixture?: readonly MixedFile[]
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
  config: CalibrateConfig | CalibrateData | string | undefined,
  { place, evaluation, model, folder }: CalibrationPlace,
  check: Check,
): Promise<CalibrationSource | undefined> {
  const { overrides, problems, cwd, trusted } = check
  const over = overrides.calibrate
  if (config === undefined && over?.data === undefined) {
    if (over?.samples !== undefined) problems.push(strayCount(over.samples))
    return undefined
  }
  const own: CalibrateConfig = typeof config === 'string' || isList(config) ? { data: config } : { ...config }
  const section = { own, over, place, dataPlace: place, what: 'calibration data', folder }
  const { files, tokenizer } = await readFiles(section, check)
  if (files === undefined) return undefined
  const data = (files.find((file) => mayBeText(file.data)) ?? files[0]!).data
  const { samples, batch, threads, batchAxis = evaluation?.request.batchAxis, ...fields } = { ...own, ...over }
  const reading = await readReading({ ...section, model }, check)
  const image = reading.image ?? evaluation?.request.image
  const statistics = await readStatistics(files, { place, cwd, problems })
  problems.push(...strayTokenizer(section, { data, isMeasured: evaluation !== undefined }, check))
  const mixture = files.length === 1 ? undefined : files
  const text = mayBeText(data) ? (textOf(tokenizer, fields) ?? evaluation?.request.text) : undefined
  if (text === undefined && tokenizer === undefined) problems.push(...strayTextOptions(own, place))
  const run = {
    data: files[0]!.data,
    trusted,
    ...reading,
    ...present({ mixture, image, text, samples, batch, threads, batchAxis }),
  }
  return { run, ...present({ statistics }) }
}

const isList = (config: CalibrateConfig | CalibrateData | undefined): config is CalibrateData => Array.isArray(config)

type FilesSection = Omit<DataSection, 'own' | 'over'> & {
  readonly own: CalibrateConfig
  readonly over: Partial<CalibrateConfig> | undefined
}

/** All files that are named, with absolute paths, and the tokenizer. Undefined where one of them is not there, which is noted. */
async function readFiles(
  { own, over, ...section }: FilesSection,
  check: Check,
): Promise<{ readonly files: readonly MixedFile[] | undefined; readonly tokenizer: string | undefined }> {
  const named = namedFiles(over?.data ?? own.data)
  const isOver = over?.data !== undefined
  const files: MixedFile[] = []
  let tokenizer: string | undefined
  for (const { data: written, weight = 1 } of named) {
    const one = {
      ...section,
      own: { ...own, data: isOver ? undefined : written },
      over: { ...over, data: isOver ? written : undefined },
    }
    const read = await readDataFile(one as DataSection, check)
    tokenizer ??= read.tokenizer
    if (read.data !== undefined) files.push({ data: read.data, weight })
  }
  return { files: files.length < named.length ? undefined : files, tokenizer }
}

function namedFiles(data: CalibrateConfig['data']): { readonly data: string | undefined; readonly weight?: number }[] {
  if (data === undefined || typeof data === 'string') return [{ data }]
  return data.map((file) => (typeof file === 'string' ? { data: file } : file))
}

/** The files that calibration data are read from. */
export function calibrationFiles({ data, mixture }: Calibration): readonly string[] {
  return mixture?.map((file) => file.data) ?? [data]
}

/** 'calibrate.npz', 'text.npz, code.npz:weight=3' */
export function describeFiles({ data, mixture }: Calibration, cwd: string): string {
  if (mixture === undefined) return showPath(data, cwd)
  return mixture.map((file) => `${showPath(file.data, cwd)}${file.weight === 1 ? '' : `:weight=${file.weight}`}`).join(', ')
}

/** The statistics that a file holds; undefined where it holds something else. They are not mixed with anything. */
async function readStatistics(
  files: readonly MixedFile[],
  { place, cwd, problems }: { readonly place: string; readonly cwd: string; readonly problems: Problem[] },
): Promise<StatisticsFile | undefined> {
  for (const { data } of files) {
    const shown = showPath(data, cwd)
    const statistics = await statisticsIn(data, shown)
    if (statistics === undefined) continue
    if (files.length === 1) return statistics
    problems.push({
      place,
      message: `mixes ${shown}, which holds statistics, with other calibration data.`,
      hint: 'mix the data themselves, or leave the others out; statistics of parts of one file are put together by pare merge',
    })
  }
  return undefined
}

/** The statistics that a file holds; undefined where it holds something else. */
async function statisticsIn(path: string, shown: string): Promise<StatisticsFile | undefined> {
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
function needsGradients(step: Pick<PruneStep, 'criterion' | 'allocation'>): boolean {
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
