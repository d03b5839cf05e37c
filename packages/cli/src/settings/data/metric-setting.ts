import type { MetricFields } from '@pare/evaluate'
import type { Demand, Limits } from '@pare/gate'
import type { GateConfig, MetricConfig } from '../../options/gate.js'
import type { Problem } from '../../terminal/failure.js'
import { type Check, orProblem, placeIn } from '../check.js'
import { refuseOutside } from '../config/workspace.js'
import { type FolderPooling, poolingFile, readPooling } from './pooling.js'

/** Where a metric is named, and what it is to measure. */
interface MetricPlace {
  readonly place: string
  /** Path of the model, near which 1_Pooling/config.json may lie. */
  readonly model: string
}

/**
 * A metric's text, by which all that runs and compares knows it: an object of its name and options becomes one, and pairs=auto what the folder of the model says. Undefined
 * after a problem that is noted.
 */
export async function writtenMetric(
  setting: MetricConfig,
  { place, model }: MetricPlace,
  check: Check,
): Promise<string | undefined> {
  const { writeMetric } = await import('@pare/evaluate')
  const written = typeof setting === 'string' ? setting : await orProblem(() => writeMetric(setting), place, check)
  const pairs = written === undefined ? undefined : PAIRS.exec(written)?.[2]
  // A model that gives one vector for a text has its pooling inside.
  if (written === undefined || pairs === undefined || pairs === 'output') return written
  const file = poolingFile(model)
  if (file !== undefined) await refuseOutside(file, `what says how vectors are pooled`, check.workspace)
  if (pairs !== 'auto') {
    // What is said stands where the folder cannot be read.
    const folder = await orProblem(() => readPooling(model), place, { problems: [] })
    if (folder !== undefined && folder.pooling !== pairs) check.problems.push(otherPooling(written, { pairs, place, folder }))
    return written
  }
  const folder = await orProblem(() => readPooling(model), place, check)
  if (folder !== undefined) return written.replace(PAIRS, `$1${folder.pooling}`)
  if (file === undefined) check.problems.push(noPooling(written, place))
  return undefined
}

const PAIRS = /([:,]\s*pairs\s*=\s*)(\w+)(?=\s*(,|$))/

/** What the folder of the model says of texts, where one of the metrics leaves their vectors to it. */
export async function textOfFolder(
  metrics: MetricConfig | readonly MetricConfig[] | undefined,
  model: string,
): Promise<FolderPooling['text']> {
  const isAuto = (one: MetricConfig) => (typeof one === 'string' ? PAIRS.exec(one)?.[2] === 'auto' : one.pairs === 'auto')
  if (metrics === undefined || !(Array.isArray(metrics) ? metrics : [metrics]).some(isAuto)) return {}
  // What is wrong with it is told with the metric.
  return (await orProblem(() => readPooling(model), '', { problems: [] }))?.text ?? {}
}

function otherPooling(
  written: string,
  { pairs, place, folder }: { readonly pairs: string; readonly place: string; readonly folder: FolderPooling },
): Problem {
  return {
    place,
    message: `metric '${written}' makes the vector of a text by ${pairs}, and ${folder.source} of the model by ${folder.pooling}.`,
    hint: `write pairs=auto, or correct ${folder.source} where the model was trained otherwise.`,
  }
}

function noPooling(written: string, place: string): Problem {
  return {
    place,
    message: `metric '${written}' takes the pooling from 1_Pooling/config.json, and there is none in the folder of the model or above it.`,
    hint: 'say how the vector of a text is made: pairs=mean, cls, max or last of what the model gives for tokens, or pairs=output.',
  }
}

/** A gate whose metrics are texts. What is no metric stays as it is: the gate tells what is wrong with it. */
export async function writtenGate(
  gate: GateConfig,
  { place, model }: MetricPlace,
  check: Check,
): Promise<Limits | readonly Demand[]> {
  if (!Array.isArray(gate)) return gate as Limits
  const demands: Demand[] = []
  for (const [i, demand] of (gate as readonly (Demand & { readonly metric?: unknown })[]).entries()) {
    const own = demand?.metric
    const metric =
      typeof own === 'string' || isFields(own)
        ? await writtenMetric(own, { place: placeIn(`${place}[${i}]`, 'metric'), model }, check)
        : own
    demands.push(metric === undefined ? demand : { ...demand, metric: metric as string })
  }
  return demands
}

function isFields(metric: unknown): metric is MetricFields {
  return typeof metric === 'object' && metric !== null && 'name' in metric && typeof metric.name === 'string'
}
