import { resolve } from 'node:path'
import type { Evaluation, Provider } from '@pare/evaluate'
import { figure, formatCount } from '@pare/gate'
import { engineOf } from '../engine/work.js'
import { showPath } from '../files/paths.js'
import { comparesModels, measure } from '../pipeline/measure.js'
import { formatProblems } from '../settings/config-problems.js'
import { readEvaluation } from '../settings/evaluation.js'
import { present } from '../settings/settings.js'
import { answer, type Context, say } from '../terminal/context.js'
import { EXIT } from '../terminal/exit.js'
import { Failure, type Problem, usage } from '../terminal/failure.js'

export interface DataOptions {
  readonly data: string
  readonly metric?: string[]
  readonly batch?: number
  readonly tokenizer?: string
  readonly length?: number
  readonly stride?: number
  readonly provider?: Provider
}

export interface EvaluateOptions extends DataOptions {
  readonly label?: string
  readonly output?: string
  readonly reference?: string
}

/** `pare evaluate MODEL --data FILE`: one model's measurements. */
export async function evaluate(context: Context, model: string, options: EvaluateOptions): Promise<number> {
  const { io, progress } = context
  const { reference, provider, ...fields } = options
  const problems: Problem[] = []
  const source = { cwd: io.cwd, folder: io.cwd, overrides: {}, trusted: true, problems }
  const found = await readEvaluation(fields, '', source)
  if (found === undefined || problems.length > 0)
    throw new Failure('usage', `pare evaluate: wrong options:\n${formatProblems(problems)}`, { problems })
  const comparing = found.request.metrics.find(comparesModels)
  if (comparing !== undefined && reference === undefined) {
    throw usage(
      `pare evaluate: metric '${comparing}' compares with a reference model, and none is named.`,
      'name the model before it was pruned: --reference model.onnx',
    )
  }
  const request = { ...found.request, model: resolve(io.cwd, model), ...present({ reference: absolute(reference, io.cwd) }) }
  const work = { signal: io.signal, progress, label: model, engine: engineOf(context, { provider }) }
  const measured = await measure(request, found.limits, work)
  const [missing] = measured.unmeasured
  if (missing !== undefined) {
    throw new Failure('infrastructure', `pare evaluate: ${missing.metric} of ${model} could not be measured: ${missing.reason}`, {
      hint: 'check the model and the data at that sample',
    })
  }
  const { metrics, samples, durationMs, peakMemoryBytes, onnxruntime, executionProvider } = measured
  const data = showPath(request.data, io.cwd)
  const warnings = await doubtsOf(measured)
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
    return [`${shown.model} on ${formatCount(samples)} samples of ${shown.data}`, ...lines].join('\n')
  })
  for (const warning of warnings) progress.note(`warning: ${warning}`)
  return EXIT.pass
}

/** Why figures say nothing of the model. Of those that compare it with a reference, why they say nothing of that. */
async function doubtsOf({ measurements, reference }: Evaluation): Promise<readonly string[]> {
  const { worthless } = await import('@pare/gate')
  const doubts = measurements.flatMap((own) => {
    const judged = comparesModels(own.metric) ? reference?.measurements.find(({ metric }) => metric === own.metric) : own
    return judged === undefined ? [] : worthless(judged)
  })
  return [...new Set(doubts)]
}

function absolute(path: string | undefined, cwd: string): string | undefined {
  return path === undefined ? undefined : resolve(cwd, path)
}
