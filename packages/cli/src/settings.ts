import type { Scope } from '@pare/core'
import type { Limits } from '@pare/gate'
import type { Config, EvaluateConfig, ModelConfig, PruneConfig } from './config.js'
import type { Problem } from './failure.js'

/** What options of the command line and inputs of the action change about a config: they win over it, paths start at `cwd`. */
export interface Overrides {
  /** Files or globs. Where the config has an entry for a file, its settings stay. */
  readonly models?: readonly string[]
  readonly data?: string
  /** The gate looks at the first one. */
  readonly metric?: string | readonly string[]
  readonly batch?: number
  readonly tokenizer?: string
  readonly length?: number
  readonly stride?: number
  /** Of the only step of each model. */
  readonly criterion?: PruneConfig['criterion']
  readonly structure?: PruneConfig['structure']
  readonly target?: PruneConfig['target']
  readonly scope?: Scope
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly seed?: number
  /** Field by field over the model's gate. */
  readonly gate?: Limits
}

/** What holds for one model after config and overrides are put together. Paths are not resolved yet. */
export interface Settings {
  readonly prune: readonly PruneConfig[]
  readonly evaluate?: EvaluateConfig
  readonly gate?: Limits
}

/** Precedence: override, the model's own entry, the config's top level, built-in default. */
export function settle(config: Config, model: Partial<ModelConfig>, overrides: Overrides): Settings {
  const prune = model.prune ?? config.prune ?? [{}]
  const evaluate = joined(config.evaluate, model.evaluate)
  const gate = joined(joined(config.gate, model.gate), overrides.gate)
  return {
    prune: prune.length === 1 ? [{ ...prune[0], ...stepOverrides(overrides) }] : prune,
    ...(evaluate === undefined ? {} : { evaluate }),
    ...(gate === undefined ? {} : { gate }),
  }
}

/** Options of a step cannot say which of several steps they mean. */
export function ambiguousOverrides(settings: Settings, overrides: Overrides, place: string): readonly Problem[] {
  if (settings.prune.length < 2) return []
  return Object.keys(stepOverrides(overrides)).map((option) => ({
    place,
    message: `has ${settings.prune.length} pruning steps, and '${option}' given from outside does not say which one it changes.`,
    hint: `set '${option}' in the steps of the config`,
  }))
}

function stepOverrides({ criterion, structure, target, scope, include, exclude }: Overrides): PruneConfig {
  return present({ criterion, structure, target, scope, include: copy(include), exclude: copy(exclude) })
}

/** All but paths, which are resolved against another folder. */
export function evaluateOverrides({ metric, batch, length, stride }: Overrides): EvaluateConfig {
  return present({ metric: typeof metric === 'string' ? metric : copy(metric), batch, length, stride })
}

function joined<Fields extends object>(base: Fields | undefined, over: Fields | undefined): Fields | undefined {
  return base === undefined ? over : { ...base, ...over }
}

function copy<Item>(list: readonly Item[] | undefined): Item[] | undefined {
  return list === undefined ? undefined : [...list]
}

/** Without the fields that are undefined: they must not hide what the config says. */
export function present<Fields extends object>(fields: Fields): Present<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>
}

type Present<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> }
