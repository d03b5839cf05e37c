import type { ChildOptions, EvaluateRequest, Metric, MetricModules } from '@pare/evaluate'
import { formatOf, METRIC_NAMES, mayBeText, type WritingOptions } from '@pare/evaluate/choices'
import type { Demand, Limits, MetricTraits } from '@pare/gate'
import { present } from '@pare/onnx'
import { suggest } from '@pare/onnx/suggest'
import type { ModelFolder } from '../../folder/model-folder.js'
import type { EvaluateConfig } from '../../options/data.js'
import type { GateConfig } from '../../options/gate.js'
import { locateMetric } from '../../plugins/plugins.js'
import { type Problem, untrusted, usage } from '../../terminal/failure.js'
import { formatValue } from '../../terminal/format.js'
import { type Check, orProblem, placeIn } from '../check.js'
import { readDataFile, readPath, readReading, strayTextOptions, textOf } from './data-file.js'
import { textOfFolder, writtenGate, writtenMetric } from './metric-setting.js'

/** The other half of an encoder with its decoder, where both are measured as one. */
export interface Partner {
  readonly role: 'encoder' | 'decoder'
  /** Beside which a model is measured, absolute: of a decoder the pruned encoder, once there is one. */
  readonly path: string
  /** Beside which the reference is measured, absolute. */
  readonly original: string
}

/** How a model is measured. The paths are absolute; the gate looks at the first metric. */
export interface EvaluationSettings {
  readonly request: Omit<EvaluateRequest, 'model' | 'reference'>
  readonly limits: Pick<ChildOptions, 'timeoutMs' | 'memoryLimitBytes'>
  /** Metrics that compare with a reference model. */
  readonly comparing: readonly string[]
  /** Commands that metrics run. */
  readonly commands: readonly string[]
  /** Whether both models are timed, also where that is not limited. */
  readonly latency: boolean
  /** The other half, where the model is measured as one with it. Default: it is measured alone */
  readonly partner?: Partner
}

/** Undefined where nothing says what to measure with, or after a problem that is noted. */
export async function readEvaluation(
  config: EvaluateConfig | undefined,
  { place, model, folder }: { readonly place: string; readonly model: string; readonly folder?: ModelFolder | undefined },
  check: Check,
): Promise<EvaluationSettings | undefined> {
  const { problems, trusted } = check
  const over = check.overrides.evaluate
  if (config === undefined && over?.data === undefined) return undefined
  const section = { own: config ?? {}, over, place, dataPlace: placeIn(place, 'data'), what: 'evaluation data', folder }
  const { data, tokenizer } = await readDataFile(section, check)
  const fields = { ...config, ...over }
  if (tokenizer === undefined) problems.push(...strayTextOptions(fields, place))
  const { original: _, ...reading } = await readReading({ ...section, model }, check)
  // With the tokenizer of a folder labels may be what is predicted: then its model says which.
  const isOther = fields.tokenizer === undefined && folder?.isLanguageModel === false
  const metricReading = await readMetrics(
    fields.metric,
    { place: placeIn(place, 'metric'), model, tokenizer: isOther ? undefined : tokenizer, data },
    check,
  )
  if (data === undefined || metricReading === undefined) return undefined
  const { metrics, modules, comparing, commands } = metricReading
  problems.push(...strayWriting(fields, { place, isWritten: metricReading.readsText }))
  const { timeout, memory, latency = false } = fields
  const { batch, threads, label, output, group, slices, id, classAxis, batchAxis, firstClass, ignore } = fields
  const own = tokenizer === undefined ? {} : await textOfFolder(fields.metric, model)
  const text = textOf(tokenizer, { ...own, ...fields })
  const examples = await readPath(
    { own: config?.examples, override: over?.examples, place: placeIn(place, 'examples'), what: 'examples' },
    check,
  )
  const { maxTokens, temperature, topP, language, task, stop } = fields
  const options = present({ maxTokens, temperature, topP, language, task, stop })
  const writing = Object.keys(options).length === 0 ? undefined : options
  return {
    request: {
      ...{ data, metrics, trusted, ...reading },
      ...present({
        modules,
        batch,
        threads,
        label,
        output,
        group,
        slices,
        id,
        classAxis,
        batchAxis,
        firstClass,
        ignore,
        text,
        writing,
        examples,
      }),
    },
    limits: present({
      timeoutMs: timeout === undefined ? undefined : timeout * 1000,
      memoryLimitBytes: memory === undefined ? undefined : memory * 2 ** 20,
    }),
    ...{ comparing, commands, latency },
  }
}

/** Options of answers that no model writes, or draws nothing for, would do nothing. */
function strayWriting(
  { maxTokens, temperature, topP, language, task, stop }: Pick<EvaluateConfig, keyof WritingOptions>,
  { place, isWritten }: { readonly place: string; readonly isWritten: boolean },
): readonly Problem[] {
  const stray = isWritten
    ? present({ topP: temperature ? undefined : topP })
    : present({ maxTokens, temperature, topP, language, task, stop })
  return Object.entries(stray).map(([key, value]) => ({
    place: placeIn(place, key),
    message: `is ${formatValue(value)}, but ${isWritten ? 'without a temperature the likeliest token is taken' : 'no metric looks at what a language model writes'}.`,
    hint: isWritten
      ? 'name a temperature, such as 0.8, or leave it out'
      : 'measure exact-match, word-f1, rouge-l, chrf, wer or cer, or leave it out',
  }))
}

/** That of a command whose data must be named. */
export function evaluationOf({ evaluation }: { readonly evaluation: EvaluationSettings | undefined }): EvaluationSettings {
  if (evaluation === undefined) throw new Error('a command without --data was let through')
  return evaluation
}

/** What the gate demands, one demand or several. Default: a drop of 0.01, relative where the metric has no fixed range. */
export async function readLimits(
  config: GateConfig | undefined,
  { metric, place, model, check }: { metric: string | undefined; place: string; model: string; check: Check },
): Promise<readonly Demand[] | undefined> {
  const setting = config === undefined ? undefined : await writtenGate(config, { place, model }, check)
  const demanded = Array.isArray(setting) ? (setting as readonly Partial<Demand>[]).map((demand) => demand?.metric) : []
  const metrics = await metricsOf([metric, ...demanded], check)
  const { bounded } = metric === undefined ? { bounded: true } : (metrics.get(metric) ?? { bounded: true })
  const standard = { maxDrop: bounded ? 0.01 : { relative: 0.01 } }
  if (setting === undefined) return [standard]
  const { validateGate } = await import('@pare/gate')
  const gate = isAllowanceOnly(setting) ? { ...setting, ...standard } : setting
  const wrong = validateGate(gate, { metric, metrics: METRIC_NAMES, traitsOf: (name) => traitsOf(metrics.get(name)) })
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

/** Those of the metrics that there are, by the name that is written. */
async function metricsOf(names: readonly unknown[], check: Check): Promise<ReadonlyMap<string, Metric>> {
  const { findMetric } = await import('@pare/evaluate')
  const metrics = new Map<string, Metric>()
  for (const name of new Set(names)) {
    if (typeof name !== 'string') continue
    // One that is unknown is told by the gate.
    const metric = await orProblem(async () => findMetric(name, await modulesOf(name, check)), '', { problems: [] })
    if (metric !== undefined) metrics.set(name, metric)
  }
  return metrics
}

/** What of a metric matters to a gate. Right or wrong in each sample, with a class, are those that count the best classes. */
function traitsOf(metric: Metric | undefined): MetricTraits | undefined {
  if (metric === undefined) return undefined
  const { name, bounded, needs, combine } = metric
  const isCounted = combine === 'proportion' || (typeof combine === 'object' && 'f1' in combine)
  return { metric: name, bounded, classes: needs.against === 'class' && isCounted }
}

/** Allowing a worthless reference is no limit: the default one still holds. */
function isAllowanceOnly(gate: Limits | readonly Demand[]): gate is Limits {
  const fields = Object.keys(gate)
  return !Array.isArray(gate) && fields.length === 1 && fields[0] === 'allowWorthlessReference'
}

/** Metrics as they are written, and what follows from them. */
export interface MetricSettings {
  readonly metrics: readonly string[]
  /** Files of those that do not come with pare. */
  readonly modules: MetricModules | undefined
  readonly comparing: readonly string[]
  /** Commands that they run. */
  readonly commands: readonly string[]
  /** Whether one of them looks at text, which a language model writes. */
  readonly readsText: boolean
}

async function readMetrics(
  setting: EvaluateConfig['metric'],
  { place, model, tokenizer, data }: { place: string; model: string; tokenizer: string | undefined; data: string | undefined },
  check: Check,
): Promise<MetricSettings | undefined> {
  const isText = data !== undefined && (tokenizer === undefined ? formatOf(data) === '.txt' : mayBeText(data))
  if (setting === undefined) return metricSettings([isText ? 'perplexity' : 'accuracy'], place, check)
  const metrics = await Promise.all(
    (Array.isArray(setting) ? setting : [setting]).map((one) => writtenMetric(one, { place, model }, check)),
  )
  const written = metrics.filter((metric) => metric !== undefined)
  return written.length < metrics.length ? undefined : metricSettings(written, place, check)
}

/** Undefined where one is unknown, which is noted. */
export async function metricSettings(
  metrics: readonly string[],
  place: string,
  check: Check,
): Promise<MetricSettings | undefined> {
  const { findMetric } = await import('@pare/evaluate')
  const modules: Record<string, string> = {}
  const comparing: string[] = []
  const commands: string[] = []
  let [holds, readsText] = [true, false]
  for (const written of metrics) {
    const metric = await orProblem(
      async () => {
        Object.assign(modules, await modulesOf(written, check))
        const traits = await findMetric(written, modules)
        if (traits.runs === undefined || check.trusted) return traits
        throw untrusted(
          `metric '${traits.name}' runs a command of the config, and this checkout is not trusted.`,
          'take a metric that compares texts, such as exact-match, or run on a trusted event',
        )
      },
      place,
      check,
    )
    if (metric === undefined) holds = false
    else if (metric.needs.against === 'reference') comparing.push(written)
    readsText ||= metric?.needs.read === 'text'
    if (metric?.runs !== undefined) commands.push(metric.runs)
  }
  if (!holds) return undefined
  return { metrics, modules: Object.keys(modules).length > 0 ? modules : undefined, comparing, commands, readsText }
}

/** The file of the metric, by its name, where it does not come with pare. */
async function modulesOf(written: string, check: Check): Promise<MetricModules> {
  const { readMetric } = await import('@pare/evaluate')
  const { name } = readMetric(written)
  return METRIC_NAMES.includes(name) ? {} : { [name]: await moduleOf(name, check) }
}

/** The file of a metric that does not come with pare. A slip of the pen is told as one. */
async function moduleOf(name: string, { folder, trusted }: Check): Promise<string> {
  const guess = suggest(name, METRIC_NAMES)
  const all = `metrics: ${METRIC_NAMES.join(', ')}`
  if (guess !== undefined) throw usage(`metric '${name}' is unknown.`, `did you mean '${guess}'? ${all}`)
  return locateMetric(name, { folder, trusted })
}
