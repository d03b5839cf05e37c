import { figure, formatCount, percent, plural, rough } from './figures.js'
import type { ModelResult, RunResults } from './results/results.js'

type Verdict = RunResults['verdict']

/** The order in which a reader needs them. */
export const URGENCY: readonly Verdict[] = ['fail', 'incomplete', 'pass']

/** What a model is said to be. */
export const STATE: Record<Verdict, string> = { pass: 'passed', fail: 'failed', incomplete: 'incomplete' }

const PREDICATE: Record<Verdict, string> = { ...STATE, incomplete: 'has no complete verdict' }

/** The verdict of the run in a few words: '1 of 3 models failed', 'All 3 models passed'. */
export function headline({ verdict, models }: RunResults): string {
  const counts = (['fail', 'incomplete'] as const)
    .map((kind) => ({ kind, count: models.filter((model) => model.verdict === kind).length }))
    .filter(({ count }) => count > 0)
  const [first] = models
  if (!first) return 'No model was run'
  if (models.length === 1) return `${fileName(first.path)} ${PREDICATE[verdict]}`
  if (counts.length === 0) {
    if (verdict !== 'pass') return 'The run is incomplete'
    return `All ${plural(models.length, judged(models))} passed`
  }
  return `${counts.map(({ kind, count }) => `${count} ${STATE[kind]}`).join(', ')} of ${plural(models.length, judged(models))}`
}

/** What is counted: a model may be judged on several files of data. */
export function judged(models: readonly Pick<ModelResult, 'of'>[]): 'model' | 'evaluation' {
  return models.some(({ of }) => of !== undefined) ? 'evaluation' : 'model'
}

/** 'models/a.onnx' is 'a.onnx'. */
function fileName(path: string): string {
  return path.split(/[\\/]/).at(-1) || path
}

/** Why the model got its verdict: for a reviewer who reads nothing else. */
export function explanation({ verdict, summary, reasons, error }: ModelResult): string {
  if (error) return error.message
  if (reasons.length > 0) return reasons.join(' ')
  return summary ?? (verdict === 'pass' ? 'Every limit was met.' : 'No reason was recorded.')
}

/** The demands on a model: ['drop ≤ 0.002, 95 % certain', 'accuracy ≥ 0.97']. */
export function demands(model: ModelResult): string[] {
  const own = limitTexts(model)
  const others = (model.demands?.length ?? 1) - 1
  return others === 0 ? own : [...own, `${others} more below`]
}

/** What limits allow. */
export function limitTexts({ limits = {}, metric = 'metric' }: Pick<ModelResult, 'limits' | 'metric'>): string[] {
  const { maxDrop, maxRegression, min, max, maxLatency, maxSize, maxMacs, certainty } = limits
  const sure = certainty === undefined ? '' : `, ${percent(certainty)} certain`
  const sentences: string[] = []
  if (typeof maxDrop === 'number') sentences.push(`drop\u00a0≤\u00a0${figure(maxDrop)}${sure}`)
  if (typeof maxDrop === 'object') sentences.push(`drop\u00a0≤\u00a0${percent(maxDrop.relative)}${sure}`)
  if (maxRegression !== undefined)
    sentences.push(
      `regression\u00a0≤\u00a0${typeof maxRegression === 'number' ? figure(maxRegression) : percent(maxRegression.relative)}`,
    )
  if (min !== undefined) sentences.push(`${metric}\u00a0≥\u00a0${figure(min)}`)
  if (max !== undefined) sentences.push(`${metric}\u00a0≤\u00a0${figure(max)}`)
  if (maxLatency !== undefined) sentences.push(`time\u00a0≤\u00a0${figure(maxLatency)}×`)
  if (maxSize !== undefined) sentences.push(`bytes\u00a0≤\u00a0${figure(maxSize)}×`)
  if (maxMacs !== undefined) sentences.push(`MACs\u00a0≤\u00a0${figure(maxMacs)}×`)
  return sentences
}

/** The largest drop allowed in the metric's own units, where one is set and can be known. */
export function allowedDrop(model: ModelResult): number | undefined {
  const maxDrop = model.limits?.maxDrop
  if (typeof maxDrop !== 'object') return maxDrop
  const reference = model.metric === undefined ? undefined : model.reference.metrics[model.metric]
  return reference === undefined ? undefined : maxDrop.relative * Math.abs(reference)
}

/** '0.003', or '1.2 (4.7 %)' where the limit is relative. */
export function dropText({ drop, limits }: ModelResult): string | undefined {
  if (!drop) return undefined
  const relative = typeof limits?.maxDrop === 'object' && drop.relative !== undefined
  return relative ? `${figure(drop.value, 3)} (${percent(drop.relative!)})` : figure(drop.value, 3)
}

/** '−0.0011 to 0.0074'. */
export function intervalText({ drop }: ModelResult): string | undefined {
  return drop && `${rough(drop.interval[0])} to ${rough(drop.interval[1])}`
}

/** What McNemar's test says, in a sentence. */
export function mcnemarText({ drop }: ModelResult): string | undefined {
  if (!drop?.mcnemar) return undefined
  const { lost, gained, p, groups } = drop.mcnemar
  const chance = p < 0.0001 ? 'p\u00a0<\u00a00.0001' : `p\u00a0=\u00a0${rough(p)}`
  return `Only the reference got ${plural(lost, 'sample')} right, only the pruned model ${formatCount(gained)} (${groups ? `exact sign test over ${plural(groups.lost + groups.gained, 'group')} that changed` : "McNemar's exact test"}: ${chance}).`
}

/** Models that need attention first; the order of the config within a verdict. */
export function byUrgency(models: readonly ModelResult[]): ModelResult[] {
  return URGENCY.flatMap((verdict) => models.filter((model) => model.verdict === verdict))
}

/** '0.52× the time of the reference (0.50 to 0.54)'. */
export function latencyText({ latency }: ModelResult): string | undefined {
  if (!latency) return undefined
  const [low, high] = latency.interval
  return `${figure(latency.relative, 3)}× the time of the reference (${figure(low, 3)} to ${figure(high, 3)})`
}
