import type { Limits, Measurement } from './measurement.js'

/** What is wrong with one limit, and the cure. */
export interface LimitProblem {
  /** Which limit: 'maxDrop', 'min' … or '' for the whole. */
  readonly at: string
  readonly message: string
  readonly hint: string
}

const METRIC_LIMITS = ['maxDrop', 'maxRegression', 'min', 'max'] as const
/** Fractions of what the reference has. */
const MODEL_LIMITS = ['maxLatency', 'maxSize', 'maxMacs'] as const
const LIMITS = [...METRIC_LIMITS, ...MODEL_LIMITS]
const KNOWN: readonly string[] = [...LIMITS, 'certainty', 'allowWorthlessReference']

/** Everything that is wrong with limits as a user wrote them. Empty: they are `Limits` and suit the metric, where that is known. */
export function validateLimits(limits: unknown, metric?: Pick<Measurement, 'metric' | 'bounded'>): LimitProblem[] {
  if (typeof limits !== 'object' || limits === null || Array.isArray(limits)) {
    return [{ at: '', message: `the gate is ${show(limits)}, expected an object of limits`, hint: 'write { maxDrop: 0.01 }' }]
  }
  const entries = limits as Record<string, unknown>
  return [...unknownKeys(entries, KNOWN), ...limitProblems(entries, metric)]
}

/** Everything but what is unknown. */
export function limitProblems(
  entries: Record<string, unknown>,
  metric: Pick<Measurement, 'metric' | 'bounded'> | undefined,
): LimitProblem[] {
  return [
    ...absence(entries),
    ...dropProblems('maxDrop', entries.maxDrop, metric),
    ...dropProblems('maxRegression', entries.maxRegression, metric),
    ...boundProblems(entries, metric),
    ...MODEL_LIMITS.flatMap((at) => fractionProblems(at, entries[at])),
    ...certaintyProblems(entries),
    ...allowanceProblems(entries.allowWorthlessReference),
  ]
}

/** What a gate, or a demand, does not know. */
export function unknownKeys(entries: Record<string, unknown>, names: readonly string[] = KNOWN): LimitProblem[] {
  const unknown = Object.keys(entries).filter((key) => !names.includes(key))
  return unknown.map((at) => ({ at, message: `'${at}' is not a limit`, hint: `a gate takes ${names.join(', ')}` }))
}

function absence(entries: Record<string, unknown>): LimitProblem[] {
  if (LIMITS.some((key) => entries[key] !== undefined)) return []
  return [{ at: '', message: 'no limit is set, so nothing could ever fail', hint: 'set maxDrop, min or max, e.g. maxDrop: 0.01' }]
}

function dropProblems(
  at: 'maxDrop' | 'maxRegression',
  maxDrop: unknown,
  metric: Pick<Measurement, 'metric' | 'bounded'> | undefined,
): LimitProblem[] {
  const problem = (message: string, hint: string) => [
    { at, message: `${at} is ${show(maxDrop)}${message}`, hint: hint.replaceAll('maxDrop:', `${at}:`) },
  ]
  if (maxDrop === undefined) return []
  if (typeof maxDrop === 'string') return problem(', text', bothForms(maxDrop, metric))
  if (typeof maxDrop === 'number') {
    if (metric?.metric === 'kl') return problem(KL_IS_ZERO, LIMIT_KL)
    if (metric?.bounded === false) {
      const hint = `write maxDrop: { relative: ${maxDrop > 0 && maxDrop < 1 ? maxDrop : 0.01} }, a fraction of the reference's ${metric.metric}`
      return problem(`, absolute, but ${metric.metric} has no fixed range`, hint)
    }
    if (!(maxDrop >= 0))
      return problem(
        ', expected a drop of 0 or more',
        'a drop is positive where the pruned model is worse: write e.g. maxDrop: 0.01',
      )
    if (maxDrop >= 1)
      return problem(
        ', which nothing between 0 and 1 can exceed',
        `for ${maxDrop} percentage points write maxDrop: ${maxDrop / 100}`,
      )
    return []
  }
  const relative = typeof maxDrop === 'object' && maxDrop !== null ? (maxDrop as { relative?: unknown }).relative : undefined
  const alone = typeof maxDrop === 'object' && maxDrop !== null && Object.keys(maxDrop).length === 1
  if (!alone || typeof relative !== 'number' || !(relative >= 0) || !Number.isFinite(relative)) {
    return problem(', expected a number or { relative: number }', bothForms(relative ?? '', metric))
  }
  if (relative >= 1)
    return problem(`, ${relative * 100} % of the reference`, `for ${relative} % write maxDrop: { relative: ${relative / 100} }`)
  return metric?.metric === 'kl' ? problem(KL_IS_ZERO, LIMIT_KL) : []
}

const KL_IS_ZERO = ", but the reference's kl is 0 by definition: it is the distance from the reference"
const LIMIT_KL = 'limit kl itself: write e.g. max: 0.05'

/** How the user's text would be written as an absolute and as a relative limit. */
function bothForms(text: unknown, metric: Pick<Measurement, 'metric' | 'bounded'> | undefined): string {
  const match = /^\s*(\d*\.?\d+)\s*(%?)\s*$/.exec(String(text))
  const value = match ? Number((Number(match[1]) / (match[2] ? 100 : 1)).toPrecision(12)) : 0.01
  const relative = `maxDrop: { relative: ${value} } for ${Number((value * 100).toPrecision(12))} % of the reference's value`
  return metric?.bounded === false
    ? `write ${relative}`
    : `write maxDrop: ${value} for an absolute drop (0.95 to ${Number((0.95 - value).toFixed(12))}), or ${relative}`
}

function boundProblems(
  entries: Record<string, unknown>,
  metric: Pick<Measurement, 'metric' | 'bounded'> | undefined,
): LimitProblem[] {
  const problems: LimitProblem[] = []
  for (const at of ['min', 'max']) {
    const value = entries[at]
    if (value === undefined) continue
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      problems.push({ at, message: `${at} is ${show(value)}, expected a number`, hint: `write e.g. ${at}: 0.9` })
    } else if (metric?.bounded && (value < 0 || value > 1)) {
      problems.push({
        at,
        message: `${at} is ${value}, but ${metric.metric} lies between 0 and 1`,
        hint: `for ${value} % write ${at}: ${value / 100}`,
      })
    }
  }
  const { min, max } = entries
  if (typeof min === 'number' && typeof max === 'number' && min > max) {
    problems.push({
      at: 'min',
      message: `min is ${min}, above max, ${max}: nothing can pass`,
      hint: 'swap them, or leave one out',
    })
  }
  return problems
}

const OF_REFERENCE = {
  maxLatency: ['time', 'write maxLatency: 0.8 for at most 80 % of the time, or 1.02 for no slower than it was'],
  maxSize: ['bytes', 'write maxSize: 0.5 for a file of at most half as many bytes'],
  maxMacs: ['multiplications', 'write maxMacs: 0.5 for at most half as many multiplications'],
} as const

function fractionProblems(at: (typeof MODEL_LIMITS)[number], value: unknown): LimitProblem[] {
  if (value === undefined || (typeof value === 'number' && value > 0 && Number.isFinite(value))) return []
  const [what, hint] = OF_REFERENCE[at]
  return [{ at, message: `${at} is ${show(value)}, expected a fraction of the reference's ${what}, above 0`, hint }]
}

function certaintyProblems({ certainty, maxDrop, maxRegression, maxLatency }: Record<string, unknown>): LimitProblem[] {
  if (certainty === undefined) return []
  const problems: LimitProblem[] = []
  if (typeof certainty !== 'number' || !(certainty > 0.5 && certainty < 1)) {
    const example = typeof certainty === 'number' && certainty > 50 && certainty < 100 ? certainty / 100 : 0.95
    problems.push({
      at: 'certainty',
      message: `certainty is ${show(certainty)}, expected a number above 0.5 and below 1`,
      hint: `write certainty: ${example}`,
    })
  }
  if (maxDrop === undefined && maxLatency === undefined && maxRegression === undefined) {
    const hint = 'add e.g. maxDrop: 0.01, or leave certainty out: min and max judge the measured value as it is'
    problems.push({ at: 'certainty', message: 'certainty is set, but maxDrop is not', hint })
  }
  return problems
}

function allowanceProblems(allowed: unknown): LimitProblem[] {
  if (allowed === undefined || typeof allowed === 'boolean') return []
  const at = 'allowWorthlessReference'
  return [{ at, message: `${at} is ${show(allowed)}, expected true or false`, hint: `write ${at}: true, or leave it out` }]
}

export function show(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : (JSON.stringify(value) ?? String(value))
}

/** Whether any limit that can be broken is set. */
export function isLimited(limits: Limits): boolean {
  return LIMITS.some((limit) => limits[limit] !== undefined)
}

/** Whether any limit is on the metric: the time of a run needs no reference that is right. */
export function judgesMetric(limits: Limits): boolean {
  return METRIC_LIMITS.some((limit) => limits[limit] !== undefined)
}

/** Limits that a demand sets on the models themselves, whatever they answer. */
export function modelLimitsOf(limits: Limits): readonly string[] {
  return MODEL_LIMITS.filter((limit) => limits[limit] !== undefined)
}

/** The largest drop allowed, in the metric's own units. */
export function allowedDrop(maxDrop: NonNullable<Limits['maxDrop']>, reference: number): number {
  return typeof maxDrop === 'number' ? maxDrop : maxDrop.relative * Math.abs(reference)
}
