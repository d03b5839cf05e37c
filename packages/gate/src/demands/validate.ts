import { type LimitProblem, limitProblems, modelLimitsOf, show, unknownKeys, validateLimits } from '../limits.js'
import type { Demand, Measurement } from '../measurement.js'

/** What a metric lets a gate demand. */
export interface MetricTraits extends Pick<Measurement, 'metric' | 'bounded'> {
  /** Whether each sample has a class and is right or wrong. */
  readonly classes: boolean
}

/** What demands may be about. */
export interface Demandable {
  /** The metric of demands that name none. Undefined: it is not known. */
  readonly metric: string | undefined
  /** Throws, or is undefined, where there is no such metric. */
  readonly traitsOf: (metric: string) => MetricTraits | undefined
  readonly metrics: readonly string[]
  /** Columns of the data. Undefined: they are not known yet. */
  readonly columns?: readonly string[]
}

const KNOWN = [
  'metric',
  'where',
  'by',
  'classes',
  'maxDrop',
  'maxRegression',
  'min',
  'max',
  'maxLatency',
  'maxSize',
  'maxMacs',
  'certainty',
  'allowWorthlessReference',
]

/**
 * Everything that is wrong with a gate as a user wrote it: limits, or a list of demands. `at` is a path: '[1].where'. Empty: it is `Limits` or
 * `Demand[]`, and suits the metrics, where those are known.
 */
export function validateGate(gate: unknown, context: Demandable): LimitProblem[] {
  if (!Array.isArray(gate)) {
    const traits = context.metric === undefined ? undefined : traitsOf(context.metric, context)
    return validateLimits(gate, traits)
  }
  if (gate.length === 0)
    return [{ at: '', message: 'the gate is an empty list, so nothing could ever fail', hint: 'write [{ maxDrop: 0.01 }]' }]
  return gate.flatMap((demand: unknown, i) =>
    demandProblems(demand, context).map((problem) => ({ ...problem, at: `[${i}]${problem.at === '' ? '' : `.${problem.at}`}` })),
  )
}

function demandProblems(demand: unknown, context: Demandable): LimitProblem[] {
  if (typeof demand !== 'object' || demand === null || Array.isArray(demand))
    return [
      {
        at: '',
        message: `a demand is ${show(demand)}, expected an object of limits`,
        hint: "write { metric: 'f1', maxDrop: 0.01 }",
      },
    ]
  const entries = demand as Record<string, unknown>
  const name = typeof entries.metric === 'string' ? entries.metric : context.metric
  const traits = name === undefined ? undefined : traitsOf(name, context)
  return [
    ...unknownKeys(entries, KNOWN),
    ...metricProblems(entries, traits, context),
    ...limitProblems(entries, traits),
    ...sliceProblems(entries, context),
    ...classesProblems(entries, traits),
    ...wholeProblems(entries),
  ]
}

function traitsOf(metric: string, { traitsOf: find }: Demandable): MetricTraits | undefined {
  try {
    return find(metric)
  } catch {
    // The metric is unknown, which is a problem of its own.
    return undefined
  }
}

function metricProblems(
  { metric }: Record<string, unknown>,
  traits: MetricTraits | undefined,
  { metrics }: Demandable,
): LimitProblem[] {
  if (metric === undefined || (typeof metric === 'string' && traits !== undefined)) return []
  return [{ at: 'metric', message: `metric ${show(metric)} is unknown`, hint: `metrics: ${metrics.join(', ')}` }]
}

function sliceProblems(entries: Record<string, unknown>, { columns }: Demandable): LimitProblem[] {
  const { where, by, classes } = entries
  const problems: LimitProblem[] = []
  const set = ['where', 'by', 'classes'].filter((key) => entries[key] !== undefined)
  if (set.length > 1)
    problems.push({ at: set[1]!, message: `${set.join(' and ')} are set in one demand`, hint: 'write a demand for each' })
  if (where !== undefined && !(typeof where === 'string' && /^\s*[^=\s][^=]*=/.test(where)))
    problems.push({
      at: 'where',
      message: `where is ${show(where)}, expected a column and one of its values`,
      hint: "write where: 'language=de'",
    })
  if (by !== undefined && !(typeof by === 'string' && by !== '' && !by.includes('=')))
    problems.push({
      at: 'by',
      message: `by is ${show(by)}, expected the name of a column`,
      hint: "write by: 'language'; for one value of it, where: 'language=de'",
    })
  if (classes !== undefined && classes !== true)
    problems.push({
      at: 'classes',
      message: `classes is ${show(classes)}, expected true`,
      hint: 'write classes: true, or leave it out',
    })
  const column = typeof where === 'string' ? where.split('=')[0]!.trim() : by
  if (problems.length === 0 && columns !== undefined && typeof column === 'string' && !columns.includes(column)) {
    const hint = columns.length === 0 ? 'the data have none' : `the data have ${columns.join(', ')}`
    problems.push({ at: where === undefined ? 'by' : 'where', message: `there is no column '${column}'`, hint })
  }
  return problems
}

function classesProblems({ classes }: Record<string, unknown>, traits: MetricTraits | undefined): LimitProblem[] {
  if (classes === undefined || traits === undefined || traits.classes) return []
  const message = `classes is set, but ${traits.metric} has no classes`
  return [{ at: 'classes', message, hint: 'set it for accuracy, top-k or f1, or leave it out' }]
}

/** What a model has once has no parts. */
function wholeProblems(entries: Record<string, unknown>): LimitProblem[] {
  const demand = entries as Demand
  const [limit] = modelLimitsOf(demand)
  const part = (['where', 'by', 'classes'] as const).find((key) => demand[key] !== undefined)
  if (part === undefined || limit === undefined) return []
  return [
    {
      at: limit,
      message: `${limit} is of the whole model, and the demand is on a part of the samples`,
      hint: `write a demand of its own: { ${limit}: ${show(demand[limit as keyof Demand])} }`,
    },
  ]
}
