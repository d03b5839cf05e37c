import { resolve } from 'node:path'
import type { EvaluateRequest, Evaluation } from '@pare/evaluate'
import { figure, plural } from '@pare/gate'
import { present } from '@pare/onnx'
import { workOn } from '../engine/work.js'
import { showPath } from '../files/paths.js'
import { openAsOne, theDecoderOf } from '../folder/encoder-decoder.js'
import { type OptionValues, ownOf } from '../options/overrides.js'
import { measure } from '../pipeline/measure.js'
import { evaluationOf } from '../settings/data/evaluation.js'
import { readFolderTasks } from '../settings/tasks.js'
import { answer, type Context, say, sayPlainly } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { Failure, usage } from '../terminal/failure.js'

/** `pare evaluate MODEL --data FILE`: one model's measurements. */
export async function evaluate(context: Context, [written = '']: readonly string[], values: OptionValues): Promise<number> {
  const { io, progress } = context
  await using read = await readFolderTasks('evaluate', written, { values, cwd: io.cwd })
  const { engine } = read
  const { task, encoder } = theDecoderOf(read.tasks)
  const { reference } = ownOf('evaluate', values)
  const { request: common, limits, comparing } = evaluationOf(task)
  if (comparing.length > 0 && reference === undefined) {
    throw usage(
      `pare evaluate: metric '${comparing[0]}' compares with a reference model, and none is named.`,
      'name the model before it was pruned: --reference model.onnx',
    )
  }
  const model = encoder === undefined ? task.name : written
  if (task.folder !== undefined) progress.note(`model: ${task.folder.choice}`)
  await using original = reference === undefined ? undefined : await openAsOne(resolve(io.cwd, reference))
  const models = { encoder, reference: original?.path, referenceEncoder: original?.encoder }
  const request = { ...common, model: task.path, ...present(models) }
  const measured = await measure(request, limits, workOn(task, engine, context))
  const [missing] = measured.unmeasured
  if (missing !== undefined) {
    throw new Failure('infrastructure', `pare evaluate: ${missing.metric} of ${model} could not be measured: ${missing.reason}`, {
      hint: 'check the model and the data at that sample',
    })
  }
  const { metrics, samples, durationMs, peakMemoryBytes, onnxruntime, executionProvider } = measured
  const data = showPath(request.data, io.cwd)
  const warnings = await doubtsOf(measured, { comparing, request })
  answer(context, {
    schemaVersion: 1,
    command: 'evaluate',
    model,
    data,
    samples,
    metrics,
    durationMs,
    peakMemoryBytes,
    onnxruntime,
    executionProvider,
    ...(warnings.length > 0 && { warnings }),
  })
  say(context, { model, data, metrics }, (shown) => {
    const lines = Object.entries(shown.metrics).map(([metric, value]) => `  ${metric.padEnd(14)} ${figure(value)}`)
    return [`${shown.model} on ${plural(samples, 'sample')} of ${shown.data}`, ...lines].join('\n')
  })
  sayPlainly(context, { metrics }, (shown) =>
    Object.entries(shown.metrics)
      .map(([metric, value]) => `${metric} ${figure(value)}`)
      .join('\n'),
  )
  for (const note of measured.notes) progress.note(`note: ${note}`)
  for (const warning of warnings) progress.note(`warning: ${warning}`)
  return EXIT.pass
}

/** Why figures say nothing of the model. Of those that compare it with a reference, why they say nothing of that. */
async function doubtsOf(
  { measurements, reference, facts }: Evaluation,
  { comparing, request }: { readonly comparing: readonly string[]; readonly request: EvaluateRequest },
): Promise<readonly string[]> {
  const { worthless } = await import('@pare/gate')
  const { findAggregates } = await import('@pare/evaluate')
  const aggregates = await findAggregates(request.metrics, request.modules)
  const doubts = measurements.flatMap((own) => {
    const judged = comparing.includes(own.metric) ? reference?.measurements.find(({ metric }) => metric === own.metric) : own
    return judged === undefined ? [] : worthless(judged, { facts, aggregate: aggregates.get(own.metric) })
  })
  return [...new Set(doubts)]
}
