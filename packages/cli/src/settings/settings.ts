import type { Provider } from '@pare/evaluate'
import type { Limits } from '@pare/gate'
import type { Loss } from '@pare/retrain'
import type { DeviceChoice } from '../engine/device.js'
import type { Problem } from '../terminal/failure.js'
import type { CalibrateConfig, Config, EvaluateConfig, ModelConfig, PresetConfig, PruneConfig, TrainConfig } from './config.js'
import type { RecoverConfig, RetrainOverrides } from './recover.js'
import type { ScheduleConfig } from './schedule.js'

/** Options of a step, named alike in a config, on the command line and among overrides. Its target is written in other ways there. */
export const STEP_OPTIONS = [
  ...(['criterion', 'structure', 'scope', 'allocation', 'normalize', 'sequential'] as const),
  ...(['norm', 'minUnits', 'multipleOf', 'uniform', 'include', 'exclude'] as const),
] satisfies (keyof PruneConfig)[]

export type StepOption = (typeof STEP_OPTIONS)[number]

/** What options of the command line and inputs of the action change about a config: they win over it, paths start at `cwd`. Those of a step are for the only step of each model. */
export interface Overrides extends Readonly<Pick<PruneConfig, StepOption | 'target'>> {
  /** Files or globs. Where the config has an entry for a file, its settings stay. */
  readonly models?: readonly string[]
  readonly data?: string
  /** Calibration data, or a file of statistics. */
  readonly calibrate?: string
  /** Of the calibration data, only the first so many. */
  readonly samples?: number
  /** Training data. */
  readonly train?: string
  readonly loss?: Loss
  /** Field by field over what the config says of retraining. */
  readonly retrain?: RetrainOverrides
  readonly schedule?: ScheduleConfig
  /** The gate looks at the first one. */
  readonly metric?: string | readonly string[]
  /** Array with the labels. */
  readonly label?: string
  /** Output that is measured. */
  readonly output?: string
  readonly batch?: number
  readonly tokenizer?: string
  readonly length?: number
  readonly stride?: number
  /** Instead of the steps of each model; of the rest below it takes a ratio. */
  readonly preset?: PresetConfig['preset']
  readonly seed?: number
  /** Where ONNX Runtime computes. */
  readonly provider?: Provider
  /** Where saliencies are computed. */
  readonly device?: DeviceChoice
  readonly prove?: boolean
  readonly recover?: RecoverConfig
  /** Field by field over the model's gate. */
  readonly gate?: Limits
}

/** What holds for one model after config and overrides are put together. Paths are not resolved yet. */
export interface Settings {
  readonly prune: readonly PruneConfig[] | PresetConfig
  readonly calibrate?: string | CalibrateConfig
  readonly train?: string | TrainConfig
  readonly loss?: Loss
  readonly schedule?: ScheduleConfig
  readonly evaluate?: EvaluateConfig
  readonly gate?: Limits
  readonly prove?: boolean
  readonly recover?: RecoverConfig
}

/** Precedence: override, the model's own entry, the config's top level, built-in default. */
export function settle(config: Config, model: Partial<ModelConfig>, overrides: Overrides): Settings {
  const prune = overrides.preset === undefined ? (model.prune ?? config.prune ?? [{}]) : { preset: overrides.preset }
  const evaluate = joined(config.evaluate, model.evaluate)
  const gate = joined(joined(config.gate, model.gate), overrides.gate)
  return {
    prune: overridden(prune, overrides),
    ...present({
      ...{ evaluate, gate, calibrate: model.calibrate ?? config.calibrate, train: model.train ?? config.train },
      loss: overrides.loss ?? model.loss ?? config.loss,
      prove: overrides.prove ?? model.prove ?? config.prove,
      recover: overrides.recover ?? model.recover ?? config.recover,
      schedule: overrides.schedule ?? model.schedule ?? config.schedule,
    }),
  }
}

function overridden(prune: Settings['prune'], overrides: Overrides): Settings['prune'] {
  if ('preset' in prune) return { ...prune, ...ratioOf(overrides) }
  return prune.length === 1 ? [{ ...prune[0], ...stepOverrides(overrides) }] : prune
}

/** Options of a step cannot say which of several steps they mean, and a preset makes its own. */
export function ambiguousOverrides({ prune }: Settings, overrides: Overrides, place: string): readonly Problem[] {
  if ('preset' in prune) {
    const taken = Object.keys(ratioOf(overrides)).length > 0 ? ['target'] : []
    const others = Object.keys(stepOverrides(overrides)).filter((option) => !taken.includes(option))
    const name = typeof prune.preset === 'string' ? prune.preset : prune.preset.name
    return others.map((option) => ({
      place,
      message: `preset '${name}' makes its own steps, and '${option}' given from outside does not say which one it changes.`,
      hint: `leave '${option}' out, give a ratio, or write the steps out: the README of the preset shows them`,
    }))
  }
  if (prune.length < 2) return []
  return Object.keys(stepOverrides(overrides)).map((option) => ({
    place,
    message: `has ${prune.length} pruning steps, and '${option}' given from outside does not say which one it changes.`,
    hint: `set '${option}' in the steps of the config`,
  }))
}

function stepOverrides(overrides: Overrides): PruneConfig {
  return picked(overrides, [...STEP_OPTIONS, 'target'])
}

function ratioOf({ target }: Overrides): { ratio?: number } {
  return target !== undefined && 'ratio' in target ? { ratio: target.ratio } : {}
}

/** All but paths, which are resolved against another folder. */
export function evaluateOverrides({ metric, label, output, batch, length, stride }: Overrides): EvaluateConfig {
  return present({ metric: typeof metric === 'string' ? metric : copy(metric), label, output, batch, length, stride })
}

function joined<Fields extends object>(base: Fields | undefined, over: Fields | undefined): Fields | undefined {
  return base === undefined ? over : { ...base, ...over }
}

function copy<Item>(list: readonly Item[] | undefined): Item[] | undefined {
  return list === undefined ? undefined : [...list]
}

/** Some fields, of those that are there. */
export function picked<Fields extends object, Key extends keyof Fields>(
  fields: Fields,
  keys: readonly Key[],
): Present<Pick<Fields, Key>> {
  return present(Object.fromEntries(keys.map((key) => [key, fields[key]])) as Pick<Fields, Key>)
}

/** Without the fields that are undefined: they must not hide what the config says. */
export function present<Fields extends object>(fields: Fields): Present<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>
}

type Present<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> }
