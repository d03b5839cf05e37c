import type { MetricFields } from '@pare/evaluate'
import type { Demand, Limits } from '@pare/gate'
import type { GateConfig, MetricConfig } from '../../options/gate.js'
import type { Problem } from '../../terminal/failure.js'
import { type Check, orProblem, placeIn } from '../check.js'
import { refuseOutside } from '../config/workspace.js'
import { poolingFile, readPooling } from './pooling.js'

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
  if (written === undefined || !AUTO.test(written)) return written
  const file = poolingFile(model)
  if (file !== undefined) await refuseOutside(file, `what says how vectors are pooled`, check.workspace)
  const found = await orProblem(() => readPooling(model), place, check)
  if (found !== undefined) return written.replace(AUTO, `$1${found.pooling}`)
  if (file === undefined) check.problems.push(noPooling(written, place))
  return undefined
}

const AUTO = /([:,]\s*pairs\s*=\s*)auto(?=\s*(,|$))/

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
