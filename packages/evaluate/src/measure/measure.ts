import { availableParallelism } from 'node:os'
import { PareError, present } from '@pare/onnx'
import type { DataOptions } from '../data/data.js'
import { type DataSet, padBatch } from '../data/dataset.js'
import { partOf } from '../data/rows/part.js'
import { openRequested } from '../process/encoder-decoder.js'
import type { EvaluateRequest, Evaluation, EvaluationProgress } from '../process/request.js'
import type { Runtime } from '../process/runtime.js'
import { startAnswers } from './answers.js'
import { chooseBatch } from './batch-size.js'
import { startFacts } from './facts.js'
import { startJudge } from './judge.js'
import { openMeasured, prepareRuns } from './measured.js'
import { startInputs, startScores } from './scores.js'
import { startReplay } from './sharing/replay.js'

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
  if (request.metrics.length === 0)
    throw new PareError('evaluation: no metric is named.', { hint: 'name at least one, accuracy or perplexity for example.' })
  const { threads = availableParallelism(), trusted = false, batchAxis } = request
  const open = (own: EvaluateRequest) => openRequested(runtime, own, { threads, trusted, samplesFirst: true, batchAxis })
  await using model = await open(request)
  const { reference: other, encoder, referenceEncoder = encoder } = request
  await using reference =
    other === undefined ? undefined : await open({ ...request, model: other, ...present({ encoder: referenceEncoder }) })
  const measured = await openMeasured(model, request, importModule)
  const data = request.part === undefined ? measured.data : await partOf(measured.data, request.part)
  const models = [
    { path: request.model, inputs: model.inputs },
    ...(reference ? [{ path: request.reference!, inputs: reference.inputs }] : []),
  ]
  const batch = await chooseBatch(data, models, request.batch)
  const { context, running } = await prepareRuns(measured, { model, request, batch })
  const { output, metrics } = running
  await using judge =
    request.recordings === undefined
      ? await startJudge({ model, reference, running, context }, { runtime, request, batch: batch.size, threads })
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
    const part = measured.labelled(read)
    const judged = await judge.judge(part, { number, fed: batch.fixed ? () => padBatch(part, batch.size) : () => part })
    number++
    samples += part.size
    onProgress?.(progressOf(samples, data))
    if (judged === undefined) continue
    const { own, reference: otherOutcome } = judged
    inputs.add(part)
    facts.add(part)
    scores.add(own.samples, part)
    if (otherOutcome) referenceScores.add(otherOutcome.samples, part)
    answers.add({ batch: part, own: own.answers, reference: otherOutcome?.answers })
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

function progressOf(done: number, { samples }: DataSet): EvaluationProgress {
  return { done, ...present({ total: samples }) }
}
