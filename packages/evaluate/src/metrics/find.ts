import { pathToFileURL } from 'node:url'
import type { Aggregate } from '@pare/gate'
import { aggregateOf, type Metric, type MetricFactory } from '@pare/metric'
import { PareError } from '@pare/onnx'
import { METRICS } from './first-party.js'
import { guardMetric } from './guard-metric.js'
import { METRIC_NAMES } from './metric-names.js'

/** Files of metrics that do not come with this package, by the name in front of the colon. */
export type MetricModules = Readonly<Record<string, string>>

/** A metric as it is written: 'f1:average=micro'. */
export interface MetricReference {
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
}

/** 'top-k:k=5', or 'top-5' for short: any name that ends in -k takes a number in its place. Throws PareError where it is not written so. */
export function readMetric(written: string): MetricReference {
  const [, head = '', , tail] = /^([^:]*)(:(.*))?$/s.exec(written) ?? []
  const [, stem, k] = /^(.+)-(\d+)$/.exec(head) ?? []
  const short = stem !== undefined && Object.hasOwn(METRICS, `${stem}-k`)
  const options: Record<string, unknown> = short ? { k: Number(k) } : {}
  for (const part of tail === undefined ? [] : tail.split(',')) {
    const [, name, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/s.exec(part) ?? []
    if (name === undefined) {
      throw new PareError(`metric '${written}': option '${part}' is not of the form name=value.`, {
        hint: "write it as 'f1' or 'f1:average=micro'.",
      })
    }
    options[name] = parseOption(value!)
  }
  return { name: short ? `${stem}-k` : head.trim(), options }
}

/** A metric as a config may write it: its name, with its options in fields beside it. */
export interface MetricFields {
  readonly name: string
  readonly [option: string]: number | boolean | string
}

/**
 * The text that `readMetric` reads as the same metric: { name: 'f1', average: 'micro' } → 'f1:average=micro'. Throws PareError for an option that no text can
 * say.
 */
export function writeMetric({ name, ...options }: MetricFields): string {
  const written = Object.entries(options).map(([option, value]) => {
    if (typeof value === 'string' && value.includes(',')) {
      throw new PareError(`metric '${name}': ${option} is '${value}', and a comma ends an option.`, {
        hint: 'write it without one.',
      })
    }
    return `${option}=${value}`
  })
  const own = readMetric(name)
  if (written.length > 0 && Object.keys(own.options).length > 0) {
    throw new PareError(`metric '${name}' has options in its name, and more beside it.`, {
      hint: `write { name: '${own.name}', … } with all of them.`,
    })
  }
  return written.length === 0 ? name : `${name}:${written.join(',')}`
}

/** The metric as it is written, which is its name. Throws PareError for an unknown one, and for options that it does not have. */
export async function findMetric(written: string, modules: MetricModules = {}): Promise<Metric> {
  const { name, options } = readMetric(written)
  const factory = await factoryOf(name, modules)
  if (factory === undefined) {
    throw new PareError(`metric '${written}' is unknown.`, {
      hint: `expected one of ${METRIC_NAMES.join(', ')}; top-5 is top-k:k=5.`,
    })
  }
  const read = new Set<string>()
  const watched = new Proxy(options, {
    get(target, option) {
      if (typeof option === 'string') read.add(option)
      return Reflect.get(target, option)
    },
  })
  const metric = make(written, factory, watched)
  const unread = Object.keys(options).find((option) => !read.has(option))
  if (unread !== undefined) {
    throw new PareError(`metric '${name}' has no option '${unread}' (${String(options[unread])}).`, {
      hint: `its options: ${[...read].join(', ') || 'none'}.`,
    })
  }
  const named = { ...metric, name: written }
  const comesWithPare = Object.hasOwn(METRICS, name)
  return guardMetric(named, { kind: 'metric', name, ...(comesWithPare ? { comesWithPare } : { from: modules[name]! }) })
}

/** What makes the value of records, of those metrics that have some. */
export async function findAggregates(
  metrics: readonly string[],
  modules?: MetricModules,
): Promise<ReadonlyMap<string, Aggregate>> {
  const aggregates = new Map<string, Aggregate>()
  for (const written of metrics) {
    const aggregate = aggregateOf((await findMetric(written, modules)).combine)
    if (aggregate !== undefined) aggregates.set(written, aggregate)
  }
  return aggregates
}

async function factoryOf(name: string, modules: MetricModules): Promise<MetricFactory | undefined> {
  // It checks its options itself.
  if (Object.hasOwn(METRICS, name)) return METRICS[name]!() as Promise<MetricFactory>
  const path = Object.hasOwn(modules, name) ? modules[name] : undefined
  if (path === undefined) return undefined
  const module = await import(pathToFileURL(path).href).then(
    (exported) => exported as Readonly<Record<string, unknown>>,
    (cause: Error) => {
      throw new PareError(`metric '${name}' could not be loaded from ${path}: ${cause.message}`, {
        hint: 'check the file, or install the package again.',
        cause,
      })
    },
  )
  const factory = module.default ?? module[exportName(name)]
  if (typeof factory === 'function') return factory as MetricFactory
  throw new PareError(`${path} exports no metric: neither a default export nor '${exportName(name)}' is a function.`, {
    hint: 'a metric exports a factory: see the README of @pare/evaluate.',
  })
}

/** '@acme/metric-word-order' → 'wordOrder'. */
function exportName(name: string): string {
  const short = name.replace(/^@[^/]+\//, '').replace(/^(pare-)?metric-/, '')
  return short.replace(/[-_.]+(\w)/g, (_, letter: string) => letter.toUpperCase())
}

function make(written: string, factory: MetricFactory, options: Readonly<Record<string, unknown>>): Metric {
  let metric: unknown
  try {
    metric = factory(options)
  } catch (cause) {
    if (!(cause instanceof PareError))
      throw new PareError(`metric '${written}' refused its options: ${cause instanceof Error ? cause.message : String(cause)}`, {
        hint: 'see the README of the plugin.',
        cause,
      })
    // What checks its options has said its name.
    const { message, hint } = cause
    throw new PareError(message.startsWith(factory.name) ? `metric ${message}` : `metric '${written}': ${message}`, {
      hint,
      cause,
    })
  }
  const lacking = MEMBERS.filter((member) => typeof metric !== 'object' || metric === null || !(member in metric))
  if (lacking.length === 0) return metric as Metric
  throw new PareError(`metric '${written}' is not a metric: it lacks ${lacking.join(', ')}.`, {
    hint: 'check that the package is a metric, and that it is made for this version of Pare.',
  })
}

const MEMBERS = ['name', 'formula', 'better', 'bounded', 'needs', 'of', 'combine'] as const satisfies readonly (keyof Metric)[]

/** Numbers and booleans as such, the rest as text. */
function parseOption(text: string): unknown {
  if (text === 'true') return true
  if (text === 'false') return false
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}
