import { extname } from 'node:path'
import type { ChildOptions, EvaluateRequest } from '@pare/evaluate'
import { mayBeText } from '@pare/evaluate/choices'
import type { Demand, Limits, MetricTraits } from '@pare/gate'
import { present } from '@pare/onnx'
import type { EvaluateConfig } from '../options/data.js'
import type { Problem } from '../terminal/failure.js'
import { type Check, placeIn } from './check.js'
import { readDataFile, readReading, strayTextOptions, textOf } from './data-file.js'

/** How a model is measured. The paths are absolute; the gate looks at the first metric. */
export interface EvaluationSettings {
  readonly request: Omit<EvaluateRequest, 'model' | 'reference'>
  readonly limits: Pick<ChildOptions, 'timeoutMs' | 'memoryLimitBytes'>
  /** Whether both models are timed, also where that is not limited. */
  readonly latency: boolean
}

/** Undefined where nothing says what to measure with, or after a problem that is noted. */
export async function readEvaluation(
  config: EvaluateConfig | undefined,
  { place, model }: { readonly place: string; readonly model: string },
  check: Check,
): Promise<EvaluationSettings | undefined> {
  const { problems, trusted } = check
  const over = check.overrides.evaluate
  if (config === undefined && over?.data === undefined) return undefined
  const section = { own: config ?? {}, over, place, dataPlace: placeIn(place, 'data'), what: 'evaluation data' }
  const { data, tokenizer } = await readDataFile(section, check)
  const fields = { ...config, ...over }
  if (tokenizer === undefined) problems.push(...strayTextOptions(fields, place))
  const { original: _, ...reading } = await readReading({ ...section, model }, check)
  const metrics = await readMetrics(fields.metric, placeIn(place, 'metric'), { tokenizer, data, problems })
  if (data === undefined || metrics === undefined) return undefined
  const { batch, threads, label, output, group, slices, id, timeout, memory, latency = false } = fields
  return {
    request: {
      ...{ data, metrics, trusted, ...reading },
      ...present({ batch, threads, label, output, group, slices, id, text: textOf(tokenizer, fields) }),
    },
    limits: present({
      timeoutMs: timeout === undefined ? undefined : timeout * 1000,
      memoryLimitBytes: memory === undefined ? undefined : memory * 2 ** 20,
    }),
    latency,
  }
}

/** That of a command whose data must be named. */
export function evaluationOf({ evaluation }: { readonly evaluation: EvaluationSettings | undefined }): EvaluationSettings {
  if (evaluation === undefined) throw new Error('a command without --data was let through')
  return evaluation
}

/** What the gate demands, one demand or several. Default: a drop of 0.01, relative where the metric has no fixed range. */
export async function readLimits(
  setting: Limits | readonly Demand[] | undefined,
  { metric, place, check }: { metric: string | undefined; place: string; check: Check },
): Promise<readonly Demand[] | undefined> {
  const { findMetric, METRIC_NAMES } = await import('@pare/evaluate')
  const { bounded } = metric === undefined ? { bounded: true } : findMetric(metric)
  const standard = { maxDrop: bounded ? 0.01 : { relative: 0.01 } }
  if (setting === undefined) return [standard]
  const { validateGate } = await import('@pare/gate')
  const gate = isAllowanceOnly(setting) ? { ...setting, ...standard } : setting
  const wrong = validateGate(gate, { metric, metrics: METRIC_NAMES, traitsOf: (name) => traitsOf(findMetric(name)) })
  for (const { at: limit, message, hint } of wrong) {
    // What came from an option is cured there.
    const option = limit === 'maxDrop' && typeof check.overrides.gate?.maxDrop === 'number'
    const cure = option ? `${hint}; as an option: --max-drop relative=${check.overrides.gate?.maxDrop}` : hint
    check.problems.push({
      place: limit === '' || place === '' ? place : limit.startsWith('[') ? `${place}${limit}` : placeIn(place, limit),
      message: `${message}.`,
      hint: cure,
    })
  }
  return wrong.length > 0 ? undefined : Array.isArray(gate) ? (gate as readonly Demand[]) : [gate as Limits]
}

/** What of a metric matters to a gate. Right or wrong in each sample, with a class, are those that count the best classes. */
function traitsOf({ name: metric, bounded, needs }: ReturnType<typeof import('@pare/evaluate').findMetric>): MetricTraits {
  return { metric, bounded, classes: bounded && needs === 'class' }
}

/** Allowing a worthless reference is no limit: the default one still holds. */
function isAllowanceOnly(gate: Limits | readonly Demand[]): gate is Limits {
  const fields = Object.keys(gate)
  return !Array.isArray(gate) && fields.length === 1 && fields[0] === 'allowWorthlessReference'
}

async function readMetrics(
  setting: string | string[] | undefined,
  place: string,
  { tokenizer, data, problems }: { tokenizer: string | undefined; data: string | undefined; problems: Problem[] },
): Promise<readonly string[] | undefined> {
  const { findMetric, METRIC_NAMES } = await import('@pare/evaluate')
  const isText = data !== undefined && (tokenizer === undefined ? extname(data) === '.txt' : mayBeText(data))
  const metrics = setting === undefined ? [isText ? 'perplexity' : 'accuracy'] : typeof setting === 'string' ? [setting] : setting
  const { suggest } = await import('../terminal/suggest.js')
  const unknown = metrics.filter((metric) => {
    try {
      return findMetric(metric) === undefined
    } catch {
      return true
    }
  })
  for (const metric of unknown) {
    const guess = suggest(metric, METRIC_NAMES)
    const all = `metrics: ${METRIC_NAMES.join(', ')}`
    problems.push({
      place,
      message: `metric '${metric}' is unknown.`,
      hint: guess === undefined ? all : `did you mean '${guess}'? ${all}`,
    })
  }
  return unknown.length > 0 ? undefined : metrics
}
