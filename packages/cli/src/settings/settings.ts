import { type Config, type ModelConfig, type OneLevel, type Overrides, oneLevel } from '../options/config.js'
import type { CalibrateConfig, EvaluateConfig, TrainConfig } from '../options/data.js'
import type { FurtherConfig, GateConfig } from '../options/gate.js'
import type { PresetConfig, PruneConfig, TargetConfig } from '../options/prune.js'
import type { SearchConfig } from '../options/smallest.js'
import type { Problem } from '../terminal/failure.js'

/** What holds for one model. Of data, what the config says alone: paths of overrides start at another folder. */
export interface ModelSettings {
  readonly level: OneLevel
  readonly prune: readonly PruneConfig[] | PresetConfig
  readonly calibrate: string | CalibrateConfig | undefined
  readonly train: string | TrainConfig | undefined
  readonly evaluate: EvaluateConfig | undefined
  readonly evaluations: readonly FurtherConfig[] | undefined
  readonly gate: GateConfig | undefined
  readonly search: SearchConfig | undefined
}

/** Precedence: override, the model's own entry, the config's top level, built-in default. */
export function settle(config: Config, model: Partial<ModelConfig>, overrides: Overrides): ModelSettings {
  const prune = overrides.preset === undefined ? (model.prune ?? config.prune ?? [{}]) : { preset: overrides.preset }
  return {
    level: { ...levelOf(config), ...levelOf(model), ...levelOf(overrides) },
    prune: overridden(prune, overrides),
    calibrate: model.calibrate ?? config.calibrate,
    train: model.train ?? config.train,
    evaluate: joined(config.evaluate, model.evaluate),
    evaluations: model.evaluations ?? config.evaluations,
    gate: gateOf(config, model, overrides),
    search: joined(config.search, model.search),
  }
}

/** The fields that have one value for a model, of what says more. */
function levelOf(settings: Partial<OneLevel>): OneLevel {
  return Object.fromEntries(
    Object.keys(oneLevel).flatMap((key) => {
      const value = settings[key as keyof OneLevel]
      return value === undefined ? [] : [[key, value]]
    }),
  )
}

function overridden(prune: ModelSettings['prune'], overrides: Overrides): ModelSettings['prune'] {
  if ('preset' in prune) return { ...prune, ...amountOf(overrides) }
  if (prune.length === 1) return [{ ...prune[0], ...overrides.prune }]
  const target = overrides.prune?.target
  return isDrop(target) ? prune.map((step) => (step.mask === undefined ? { ...step, target } : step)) : prune
}

/** Whether a target says what may be lost, and not how much goes. */
export function isDrop(target: TargetConfig | undefined): target is Extract<TargetConfig, { readonly maxDrop: unknown }> {
  return target !== undefined && 'maxDrop' in target
}

/** Options of a step cannot say which of several steps they mean, and a preset makes its own. */
export function ambiguousOverrides({ prune }: ModelSettings, overrides: Overrides, place: string): readonly Problem[] {
  const options = Object.keys(overrides.prune ?? {})
  if ('preset' in prune) {
    const excepted = Object.keys(amountOf(overrides)).length > 0 ? ['target'] : []
    const name = typeof prune.preset === 'string' ? prune.preset : prune.preset.name
    return options
      .filter((option) => !excepted.includes(option))
      .map((option) => ({
        place,
        message: `preset '${name}' makes its own steps, and '${option}' given from outside does not say which one it changes.`,
        hint: `leave '${option}' out, give a ratio, or write the steps out: the README of the preset shows them`,
      }))
  }
  if (prune.length < 2) return []
  // As much goes with all steps as the drop allows.
  const own = isDrop(overrides.prune?.target) ? options.filter((option) => option !== 'target') : options
  return own.map((option) => ({
    place,
    message: `has ${prune.length} pruning steps, and '${option}' given from outside does not say which one it changes.`,
    hint: `set '${option}' in the steps of the config`,
  }))
}

/** What a preset takes: a ratio, or how much the drop allows. */
function amountOf({ prune }: Overrides): Pick<PresetConfig, 'ratio' | 'target'> {
  const target = prune?.target
  if (isDrop(target)) return { target }
  return target !== undefined && 'ratio' in target ? { ratio: target.ratio } : {}
}

/** Limits join field by field; a list stands for itself. What options say is said of the limits, or of the first demand. */
function gateOf({ gate: top }: Config, { gate: own }: Partial<ModelConfig>, { gate: over }: Overrides): ModelSettings['gate'] {
  const base = isList(own) || isList(top) ? (own ?? top) : joined(top, own)
  if (!isList(base)) return joined(base, over)
  return over === undefined ? base : base.map((demand, i) => (i === 0 ? { ...demand, ...over } : demand))
}

function isList<Gate>(gate: Gate): gate is Extract<Gate, readonly unknown[]> {
  return Array.isArray(gate)
}

function joined<Section extends object>(base: Section | undefined, over: Section | undefined): Section | undefined {
  return base === undefined ? over : { ...base, ...over }
}
