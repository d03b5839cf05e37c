import type { MetricFields } from '@pare/evaluate'
import type { Demand, Limits } from '@pare/gate'
import type { GateConfig, MetricConfig } from '../../options/gate.js'
import { type Check, orProblem, placeIn } from '../check.js'

/** A metric's text, by which all that runs and compares knows it: an object of its name and options becomes one. Undefined after a problem that is noted. */
export async function writtenMetric(setting: MetricConfig, place: string, check: Check): Promise<string | undefined> {
  if (typeof setting === 'string') return setting
  const { writeMetric } = await import('@pare/evaluate')
  return orProblem(() => writeMetric(setting), place, check)
}

/** A gate whose metrics are texts. What is no metric stays as it is: the gate tells what is wrong with it. */
export async function writtenGate(gate: GateConfig, place: string, check: Check): Promise<Limits | readonly Demand[]> {
  if (!Array.isArray(gate)) return gate as Limits
  const demands: Demand[] = []
  for (const [i, demand] of (gate as readonly (Demand & { readonly metric?: unknown })[]).entries()) {
    const metric = isFields(demand?.metric)
      ? await writtenMetric(demand.metric, placeIn(`${place}[${i}]`, 'metric'), check)
      : demand?.metric
    demands.push(metric === undefined ? demand : { ...demand, metric: metric as string })
  }
  return demands
}

function isFields(metric: unknown): metric is MetricFields {
  return typeof metric === 'object' && metric !== null && 'name' in metric && typeof metric.name === 'string'
}
