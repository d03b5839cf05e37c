import { definePlugin, type OptionDescription, type PluginFactory, type z } from '@pare/plugin'
import type { Metric } from './contract.js'

/** What a metric is called, its formula, what can be set, and how it is made of that. */
export interface MetricDefinition<Shape extends z.ZodRawShape> {
  readonly name: string
  /** The formula, for README and help. */
  readonly formula: string
  /** By name: a zod type with a description, and a default unless it may be left out. Default: none */
  readonly options?: Shape
  /** Makes it of options that are checked and complete. A formula of its own takes the place of the general one. */
  readonly create: (options: z.output<z.ZodObject<Shape>>) => Omit<Metric, 'name' | 'formula'> & { readonly formula?: string }
}

/** A metric that says what can be set. Its options are checked by itself. */
export interface MetricPlugin {
  (options?: never): Metric
  /** The formula. */
  readonly about: string
  readonly options: readonly OptionDescription[]
}

/** A metric from what says how it is made. Its factory throws PareError where an option is not known or not what is expected. */
export function defineMetric<Shape extends z.ZodRawShape>({
  formula,
  create,
  ...definition
}: MetricDefinition<Shape>): PluginFactory<Shape, Metric> {
  return definePlugin({
    ...definition,
    about: formula,
    create: (options, name): Metric => ({ formula, ...create(options), name }),
  })
}
