import { definePlugin, type PluginDefinition, type PluginFactory, type z } from '@pare/plugin'
import type { PresetStep } from '../plan/plan.js'
import type { AnyCriterion, Structure } from './contract.js'

/** A criterion or structure without its name, which stands in its definition. */
export type Nameless<Made> = Made extends unknown ? Omit<Made, 'name'> : never

/** A criterion of elements or units, or a solver, from what says how it is made. */
export function defineCriterion<Shape extends z.ZodRawShape, Made extends Nameless<AnyCriterion>>(
  definition: PluginDefinition<Shape, Made>,
): PluginFactory<Shape, Made & { readonly name: string }> {
  return definePlugin(named(definition))
}

export function defineStructure<Shape extends z.ZodRawShape>(
  definition: PluginDefinition<Shape, Omit<Structure, 'name'>>,
): PluginFactory<Shape, Structure> {
  return definePlugin(named(definition))
}

export function definePreset<Shape extends z.ZodRawShape>(
  definition: PluginDefinition<Shape, readonly PresetStep[]>,
): PluginFactory<Shape, readonly PresetStep[]> {
  return definePlugin(definition)
}

function named<Shape extends z.ZodRawShape, Made extends object>(definition: PluginDefinition<Shape, Made>) {
  const create: PluginDefinition<Shape, Made & { readonly name: string }>['create'] = (options, name) => ({
    ...definition.create(options, name),
    name,
  })
  return { ...definition, create }
}
