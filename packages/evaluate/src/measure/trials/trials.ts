import { availableParallelism } from 'node:os'
import { type Metric, type MetricTally, startTally } from '@pare/metric'
import { PareError, present } from '@pare/onnx'
import { openData } from '../../data/data.js'
import { type Batch, type DataSet, padBatch } from '../../data/dataset.js'
import type { ImageOptions } from '../../data/images/image-options.js'
import type { NdArray } from '../../data/ndarray.js'
import type { MixedFile } from '../../data/rows/mixed.js'
import type { TextOptions } from '../../data/text/text-options.js'
import { findMetric, type MetricModules } from '../../metrics/find.js'
import { judgeBatch } from '../../metrics/judged.js'
import type { BatchOutcome } from '../../metrics/outcome.js'
import type { BatchAxis } from '../../process/batch-axis.js'
import type { EvaluationProgress } from '../../process/request.js'
import { openSession, type Runtime, type Session } from '../../process/runtime.js'
import { chooseBatch } from '../batch-size.js'
import { chooseOutput } from '../measured.js'
import { type Distance, type DistanceKind, distanceFrom, distanceKindOf } from './distance.js'
import { openStoredArrays, type StoredArray, type StoredArrays } from './stored-arrays.js'

/** A model that is loaded once and run over the same data again and again, each time with other values of some inputs. */
export interface TrialRequest {
  /** Path of the model. */
  readonly model: string
  /** Path of the data. */
  readonly data: string
  /** Inputs that do not come from the data, and what they hold unless a setting says otherwise. */
  readonly defaults: Readonly<Record<string, NdArray>>
  /** Files of which samples are mixed: the data are then the first of them. Default: the data alone */
  readonly mixture?: readonly MixedFile[]
  readonly text?: TextOptions
  /** The axis of samples of inputs and outputs, by name or of all that have it. Default: that which is named batch or N, else the first */
  readonly batchAxis?: BatchAxis
  /** Name of the array with the labels. Default: the first of 'label', 'labels', 'y', 'target'. */
  readonly label?: string
  /** How images become numbers. Default: as a preprocessor_config.json beside model or data says */
  readonly image?: ImageOptions
  /** Model that this one was made of, beside which config.json and preprocessor_config.json may lie. Default: the model */
  readonly original?: string
  /** The folder in which all files must lie that data name which are not trusted. Default: that of the data */
  readonly workspace?: string
  /** Names of classes in the order of their numbers, for labels that are names. Default: as `openData` finds them */
  readonly classes?: readonly string[]
  /** Name of the output that is judged. Default: 'logits', else the first. */
  readonly output?: string
  /** Default: the model's own batch where it is fixed, else up to 32, fewer where samples are large. */
  readonly batch?: number
  /** Default: all cores. */
  readonly threads?: number
  readonly trusted?: boolean
  /** Files of metrics that do not come with Pare, by name. */
  readonly modules?: MetricModules
}

/** Inputs that hold something else than what is defaults, by name. */
export type TrialSetting = Readonly<Record<string, NdArray | StoredArray>>

/** Settings to be tried on the same samples. */
export interface Round {
  readonly settings: readonly TrialSetting[]
  /**
   * 'labels': mean −log p(label), of text of the tokens, of labels that are fractions the mean squared error. 'outputs': KL divergence from what
   * the model gives with no setting, of values that are no scores the mean squared difference. Else a metric, and its value.
   */
  readonly against: 'labels' | 'outputs' | { readonly metric: string }
  /** Only the first so many samples. Default: all */
  readonly samples?: number
  /** Only so much of these, rounded, at least one: above 0, up to 1. Default: 1 */
  readonly share?: number
}

/**
 * Runs rounds in this process until there are no more. `openTrials` does so in a child. `ask` is given the losses of the round before, NaN where an
 * output holds NaN, and gives the next round.
 */
export async function runTrials(
  runtime: Runtime,
  request: TrialRequest,
  {
    ask,
    onProgress,
  }: { ask: (losses?: readonly number[]) => Promise<Round | undefined>; onProgress: (progress: EvaluationProgress) => void },
): Promise<void> {
  const { threads = availableParallelism(), trusted = false, defaults } = request
  await using session = await openSession(runtime, request.model, {
    threads,
    trusted,
    samplesFirst: true,
    batchAxis: request.batchAxis,
  })
  const inputs = session.inputs.filter(({ name }) => !Object.hasOwn(defaults, name))
  const data = await openData(request.data, {
    ...{ inputs, trusted, models: [request.original ?? request.model] },
    ...present({ label: request.label, text: request.text, image: request.image }),
    ...present({ classes: request.classes, workspace: request.workspace, mixture: request.mixture }),
  })
  const output = chooseOutput(session, request.output)
  const batch = await chooseBatch(data, [{ path: request.model, inputs }], request.batch)
  const stored = openStoredArrays()
  const trying = { session, data, output, batch, defaults, stored, onProgress, ...present({ modules: request.modules }) }
  for (let round = await ask(); round !== undefined; ) round = await ask(await tryOut(round, trying))
}

interface Trying {
  readonly session: Session
  readonly data: DataSet
  readonly output: string
  readonly batch: { readonly size: number; readonly fixed: boolean }
  readonly defaults: Readonly<Record<string, NdArray>>
  readonly stored: StoredArrays
  readonly modules?: MetricModules
  readonly onProgress: (progress: EvaluationProgress) => void
}

/** One pass over the data: each batch is read once and run with every setting. */
async function tryOut({ settings: written, against, samples, share = 1 }: Round, trying: Trying): Promise<number[]> {
  const { session, data, output, batch, defaults, stored, onProgress } = trying
  const settings: Readonly<Record<string, NdArray>>[] = []
  for (const setting of written) settings.push(await stored.read(setting))
  const most = await samplesOf(data, { samples, share })
  const total = Number.isFinite(most) ? { total: most * settings.length } : {}
  const run = (part: Batch, setting: Readonly<Record<string, NdArray>>) => {
    const fed = batch.fixed ? padBatch(part, batch.size) : part
    return session.run({ ...fed, inputs: { ...fed.inputs, ...defaults, ...setting } }, output)
  }
  let trials: Trial[] = []
  let kind: DistanceKind | undefined
  let done = 0
  for await (const whole of data.batches(batch.size)) {
    if (whole.first >= most) break
    const part = whole.first + whole.size > most ? firstOf(whole, most - whole.first) : whole
    const metric = await metricFor(against, part, trying.modules)
    const reference = metric.needs.against === 'reference' ? { reference: await run(part, {}) } : {}
    const compared = { batch: part, name: output, ...reference }
    if (trials.length === 0) {
      trials = settings.map(() => ({ tally: startTally(metric), holds: true, sum: 0, count: 0 }))
      kind = against === 'outputs' ? distanceKindOf(compared) : undefined
    }
    const by = kind === undefined ? metric : distanceFrom(kind, compared)
    for (const [i, setting] of settings.entries()) {
      addTo(trials[i]!, { ...compared, output: await run(part, setting) }, by)
      done += part.size
      onProgress({ done, ...total })
    }
  }
  if (trials.length === 0) throw new PareError('there are no data to try settings on.', { hint: 'give at least one sample.' })
  return trials.map((trial) => lossOf(trial, against))
}

/** One setting, so far. */
interface Trial {
  readonly tally: MetricTally
  /** False once a sample could not be judged. */
  holds: boolean
  /** Of distances. */
  sum: number
  /** Of the samples, or places in them, whose distances these are. */
  count: number
}

function addTo(trial: Trial, outcome: BatchOutcome, by: Distance | Metric): void {
  if (typeof by === 'function') {
    const { sum, count } = by(outcome.output)
    trial.sum += sum
    trial.count += count
    return
  }
  for (const sample of judgeBatch(outcome, [by])[0]!) trial.holds &&= trial.tally.add(sample)
}

/** How many samples of the data are run, infinite where nobody knows how many there are and all are. Counts them where only a share is. */
async function samplesOf(
  { samples: there, batches }: DataSet,
  { samples = Number.POSITIVE_INFINITY, share }: { readonly samples: number | undefined; readonly share: number },
): Promise<number> {
  const most = Math.min(samples, there ?? Number.POSITIVE_INFINITY)
  if (share === 1) return most
  let counted = most
  if (!Number.isFinite(counted)) {
    counted = 0
    for await (const { size } of batches(32)) counted += size
  }
  return Math.max(1, Math.round(share * counted))
}

function metricFor(against: Round['against'], { label, tokens }: Batch, modules?: MetricModules): Promise<Metric> {
  if (typeof against === 'object') return findMetric(against.metric, modules)
  if (against === 'outputs') return findMetric('kl')
  if (label === undefined) return findMetric(tokens === undefined ? 'cross-entropy' : 'perplexity')
  return findMetric(/^float/.test(label.type) ? 'mse' : 'cross-entropy')
}

function lossOf({ tally, holds, sum, count }: Trial, against: Round['against']): number {
  if (count > 0) return sum / count
  if (!holds) return Number.NaN
  const { value, metric } = tally.measurement()
  return metric === 'perplexity' && against === 'labels' ? Math.log(value) : value
}

/** The first samples of a batch. */
function firstOf(batch: Batch, size: number): Batch {
  const rows = (array: NdArray): NdArray => {
    if (array.shape.length === 0) return array
    const data = array.data.subarray(0, (array.data.length / batch.size) * size) as NdArray['data']
    return { ...array, shape: [size, ...array.shape.slice(1)], data }
  }
  const { label, scored } = batch
  return {
    ...batch,
    size,
    inputs: Object.fromEntries(Object.entries(batch.inputs).map(([name, array]) => [name, rows(array)])),
    ...(label && { label: rows(label) }),
    ...(scored && { scored: rows(scored) }),
  }
}
