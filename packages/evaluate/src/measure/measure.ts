import { availableParallelism } from 'node:os'
import type { Measurement } from '@pare/gate'
import { type Metric, type ReadableSample, startTally } from '@pare/metric'
import { PareError, present } from '@pare/onnx'
import { type DataOptions, openData } from '../data/data.js'
import { type Batch, type DataSet, padBatch } from '../data/dataset.js'
import type { ModelValue } from '../data/model-value.js'
import { problemsError } from '../data/problems.js'
import { partOf } from '../data/rows/part.js'
import { findMetric, type MetricModules } from '../metrics/find.js'
import { startContext } from '../metrics/outcome.js'
import { type Sameness, startSameness } from '../metrics/sameness.js'
import { textArray, waysArray } from '../metrics/texts.js'
import { readersOf } from '../metrics/tokenizer.js'
import type { EvaluateRequest, Evaluation, EvaluationProgress, Scores } from '../process/request.js'
import { openSession, type Runtime, type Session } from '../process/runtime.js'
import { startAnswers } from './answers.js'
import { askingOf } from './asking/asking.js'
import { writingOf } from './asking/writing.js'
import { mostSamplesOf } from './batch-size.js'
import { startFacts } from './facts.js'
import { startJudge } from './judge.js'
import { startReplay } from './sharing/replay.js'

const DEFAULT_BATCH = 32
/** What a default batch holds at most: tokens of text, elements of anything else. */
const BATCH_TOKENS = 4096
const BATCH_ELEMENTS = 2 ** 23

export interface MeasureOptions {
  readonly onProgress?: (progress: EvaluationProgress) => void
  readonly importModule?: DataOptions['importModule']
}

/** Runs the models over the data in this process and measures them. `evaluate` does so in a child. */
export async function measure(
  runtime: Runtime,
  request: EvaluateRequest,
  { onProgress, importModule }: MeasureOptions = {},
): Promise<Omit<Evaluation, 'peakMemoryBytes'>> {
  const started = performance.now()
  const metrics = await findMetrics(request.metrics, request.modules)
  const { threads = availableParallelism(), trusted = false } = request
  await using model = await openSession(runtime, request.model, {
    threads,
    trusted,
    samplesFirst: true,
    batchAxis: request.batchAxis,
  })
  await using reference =
    request.reference === undefined
      ? undefined
      : await openSession(runtime, request.reference, { threads, trusted, samplesFirst: true, batchAxis: request.batchAxis })
  const textLabels = metrics.some(({ needs }) => needs.read === 'text')
  const boxLabels = metrics.some(({ needs }) => needs.read === 'boxes')
  const output = chooseOutput(model, request.output)
  const asking = askingOf(metrics, model, output)
  const all = await openData(request.data, {
    ...dataOptions(request, model, importModule),
    textLabels,
    boxLabels,
    ...present({ asking }),
  })
  const data = request.part === undefined ? all : await partOf(all, request.part)
  const batch = await chooseBatch(
    data,
    [
      { path: request.model, inputs: model.inputs },
      ...(reference ? [{ path: request.reference!, inputs: reference.inputs }] : []),
    ],
    request.batch,
  )
  const names = (await data.findClasses?.())?.names
  const readers = await readersOf(request.text?.tokenizer, { trusted }, metrics)
  const context = startContext({ ...request, ...present({ names }) }, readers)
  const writing = asking === 'answers' ? await writingOf(request, context) : undefined
  const running = { output, metrics, atOnce: batch, ...present({ writing }) }
  const live = { model, reference, running, context }
  await using judge =
    request.recordings === undefined
      ? await startJudge(live, { runtime, request, batch: batch.size, threads })
      : await startReplay(request.recordings, { metrics, batch: batch.size, output, isCompared: reference !== undefined })
  const scores = startScores(judge.metrics)
  const referenceScores = startScores(judge.metrics)
  const inputs = startInputs()
  const facts = startFacts(data.columnNames)
  const answers = startAnswers(request)
  let samples = 0
  let number = 0
  onProgress?.(progressOf(samples, data))
  for await (const read of data.batches(batch.size)) {
    const part = textLabels ? withTextLabel(read, data.labelName) : read
    const judged = await judge.judge(part, { number, fed: batch.fixed ? () => padBatch(part, batch.size) : () => part })
    number++
    samples += part.size
    onProgress?.(progressOf(samples, data))
    if (judged === undefined) continue
    const { own, reference: other } = judged
    inputs.add(part)
    facts.add(part)
    scores.add(own.samples, part)
    if (other) referenceScores.add(other.samples, part)
    answers.add({ batch: part, own: own.answers, reference: other?.answers })
  }
  const end = await judge.finish({ batches: number, samples })
  const { reference: referenceAnswers, ...gathered } = await answers.finish(end.names)
  return {
    samples,
    ...{ ...scores.finish(output, inputs.same() ?? end.same.own), ...gathered },
    ...(reference && {
      reference: {
        ...referenceScores.finish(output, inputs.same() ?? end.same.reference),
        ...present({ answers: referenceAnswers }),
      },
    }),
    ...present({ facts: facts.finish() }),
    ...{ ignored: data.ignored, notes: data.notes, output, batch: batch.size, threads },
    executionProvider: runtime.provider,
    onnxruntime: runtime.version,
    durationMs: performance.now() - started,
  }
}

export function dataOptions(request: EvaluateRequest, model: Session, importModule: MeasureOptions['importModule']): DataOptions {
  return {
    inputs: model.inputs,
    trusted: request.trusted ?? false,
    models: [request.reference, request.model].filter((path) => path !== undefined),
    ...present({ label: request.label, text: request.text, importModule }),
    ...present({ group: request.group, slices: request.slices, id: request.id, classes: request.classes }),
    ...present({ mixture: request.mixture }),
    ...present({ image: request.image, workspace: request.workspace, writing: request.writing, examples: request.examples }),
  }
}

/** Answers that are expected are a column of text; metrics find them where labels are. */
export function withTextLabel(batch: Batch, name: string | undefined): Batch {
  if (batch.prompts !== undefined) return { ...batch, label: waysArray(batch.prompts.map(({ expected }) => expected)) }
  const texts = name === undefined || batch.label !== undefined ? undefined : batch.columns?.[name]
  if (texts === undefined) return batch
  return { ...batch, label: textArray(texts.map(String)) }
}

export async function findMetrics(names: readonly string[], modules?: MetricModules): Promise<Metric[]> {
  if (names.length > 0) return Promise.all([...new Set(names)].map((name) => findMetric(name, modules)))
  throw new PareError('evaluation: no metric is named.', { hint: 'name at least one, accuracy or perplexity for example.' })
}

function progressOf(done: number, { samples }: DataSet): EvaluationProgress {
  return { done, ...present({ total: samples }) }
}

/** The output that is measured. */
export function chooseOutput({ name, outputs }: Session, choice: string | undefined): string {
  const match =
    choice === undefined
      ? (outputs.find((output) => output.name === 'logits') ?? outputs[0])
      : outputs.find((output) => output.name === choice)
  if (match) return match.name
  throw new PareError(`${name}: ${choice === undefined ? 'no output is a tensor' : `no output '${choice}'`}.`, {
    hint: `outputs that can be measured: ${outputs.map((output) => output.name).join(', ') || 'none'}.`,
  })
}

/** The fixed batch of the models, else the one asked for, else one that fits the size of the samples and of what is computed from them. */
export async function chooseBatch(
  data: DataSet,
  models: readonly { readonly path: string; readonly inputs: readonly ModelValue[] }[],
  batch: number | undefined,
): Promise<{ size: number; fixed: boolean }> {
  const inputs = models.flatMap((model) => model.inputs)
  const fixed = [...new Set(inputs.filter(({ shape }) => shape.length > 1).map(({ shape }) => shape[0]))].filter(
    (dim) => typeof dim === 'number',
  )
  const problems: string[] = []
  if (batch !== undefined && !(Number.isInteger(batch) && batch >= 1))
    problems.push(`a batch of ${batch}, expected a whole number from 1.`)
  if (fixed.length > 1) problems.push(`the inputs' first axes are fixed to different sizes: ${fixed.join(', ')}.`)
  if (fixed.length === 1 && batch !== undefined && batch !== fixed[0])
    problems.push(`a batch of ${batch}, but the model's is fixed to ${fixed[0]}.`)
  if (problems.length > 0) throw problemsError('evaluation', problems, 'leave the batch out to take what the model has.')
  if (fixed.length === 1) return { size: fixed[0]!, fixed: true }
  if (batch !== undefined) return { size: batch, fixed: false }
  const most = Math.floor((data.tokens === undefined ? BATCH_ELEMENTS : BATCH_TOKENS) / data.sampleSize)
  return { size: Math.max(1, Math.min(data.mostAtOnce ?? DEFAULT_BATCH, most, await mostSamplesOf(models, data))), fixed: false }
}

/** Whether all inputs are the same in every sample. */
function startInputs() {
  const inputs = new Map<string, Sameness>()
  return {
    add({ inputs: arrays, size }: Batch) {
      for (const [name, array] of Object.entries(arrays)) {
        if (!inputs.has(name)) inputs.set(name, startSameness(0))
        inputs.get(name)!.add(array, size)
      }
    },
    same(): Measurement['same'] {
      const all = [...inputs.values()]
      if (all.length === 0 || !all.every((one) => one.isSame())) return undefined
      return all.every((one) => one.isZero()) ? 'zeros' : 'inputs'
    },
  }
}

/** All metrics of one model. One that meets a sample it cannot judge stops there and has no value. */
function startScores(metrics: readonly Metric[]) {
  const tallies = metrics.map((metric) => ({
    metric: metric.name,
    tally: startTally(metric),
    failed: -1,
  }))
  return {
    add(samples: readonly (readonly ReadableSample[])[], batch: Batch) {
      for (const [at, one] of tallies.entries()) {
        const own = samples[at]!
        for (let i = 0; i < own.length && one.failed < 0; i++) if (!one.tally.add(own[i]!)) one.failed = batch.first + i
      }
    },
    finish(output: string, same: Measurement['same']): Scores {
      const unmeasured = tallies
        .filter(({ failed }) => failed >= 0)
        .map(({ metric, failed }) => ({
          metric,
          reason: `metric '${metric}' has no value: output '${output}' of sample ${failed} holds NaN or an infinite value.`,
        }))
      const measurements = tallies
        .filter(({ failed }) => failed < 0)
        .map(({ tally }) => ({ ...tally.measurement(), ...(same && { same }) }))
      const finite = measurements.filter(({ value }) => Number.isFinite(value))
      const infinite = measurements
        .filter(({ value }) => !Number.isFinite(value))
        .map(({ metric, value }) => ({ metric, reason: `metric '${metric}' has no value: it comes out as ${value}.` }))
      return {
        metrics: Object.fromEntries(finite.map(({ metric, value }) => [metric, value])),
        measurements: finite,
        unmeasured: [...unmeasured, ...infinite],
      }
    },
  }
}
