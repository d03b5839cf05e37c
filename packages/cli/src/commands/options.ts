import type { Norm, Scope } from '@pare/core'
import type { Provider } from '@pare/evaluate'
import type { Limits } from '@pare/gate'
import type { Loss } from '@pare/retrain'
import type { Command } from 'commander'
import type { PruneConfig } from '../settings/config.js'
import type { WrittenAllocation } from '../settings/curves-file.js'
import { provider } from '../settings/provider.js'
import { type RecoverConfig, type RetrainOverrides, recover } from '../settings/recover.js'
import { type ScheduleConfig, schedule } from '../settings/schedule.js'
import type { StepOption } from '../settings/settings.js'
import { usage } from '../terminal/failure.js'
import { budget, type TargetOptions } from './target-options.js'

/** What the options of a pruning step are parsed to. */
export interface StepOptions extends TargetOptions, Readonly<Pick<PruneConfig, StepOption>>, RetrainOverrides {
  readonly preset?: string
  readonly seed?: number
  readonly calibrate?: string
  readonly train?: string
  readonly loss?: Loss
  readonly recover?: RecoverConfig
  readonly schedule?: ScheduleConfig
  readonly samples?: number
  readonly batch?: number
  readonly tokenizer?: string
  readonly length?: number
  readonly stride?: number
  readonly provider?: Provider
}

/** The options that say what to prune, the same for prune, plan and run. */
export function addStepOptions(command: Command): Command {
  return addUnitOptions(command)
    .option('--preset <name>', 'steps for a kind of model: cnn, transformer, or a package; takes --ratio and --seed only')
    .option(
      '--criterion <name>',
      "how important an element is: magnitude, magnitude:p=2, random, or with --calibrate wanda, activation, sparsegpt; or a package (default: 'magnitude')",
    )
    .option('--structure <name>', "what may go: element, 2:4, tile, channel, neuron, head, or a package (default: 'element')")
    .option(
      '--scope <scope>',
      "what is ranked together: row, tensor, global; units: group, global (default: the criterion's, else global; units: group)",
      scope,
    )
    .option(
      '--allocation <how>',
      'how a sparsity is spread over weights, each ranked on its own: uniform, erk, owl, or curves.json from pare sensitivity (default: uniform)',
      allocation,
    )
    .option('--normalize <how>', 'how weights are made comparable that are ranked together: lamp', normalize)
    .option(
      '--sparsity <fraction>',
      'share of the eligible weights that is zero afterwards (default: 0.5)',
      number('--sparsity', fraction),
    )
    .option(
      '--threshold <saliency>',
      'zero what is less important than this, instead of a sparsity',
      number('--threshold', positive),
    )
    .option(
      '--ratio <fraction>',
      'share of the units to remove, for structures that cut (default: 0.25)',
      number('--ratio', fraction),
    )
    .option('--include <glob>', 'only nodes or tensors with such a name (repeatable)', repeatable)
    .option('--exclude <glob>', 'not nodes or tensors with such a name (repeatable)', repeatable)
    .option('--seed <number>', 'of everything random (default: 1)', number('--seed', seed))
}

/** Where models run, for all that runs one. */
export function addProvider(command: Command): Command {
  return command.option(
    '--provider <name>',
    'where ONNX Runtime computes: cpu, cuda, webgpu, dml, coreml (default: cpu)',
    provider,
  )
}

/** Data that criteria look at, and how. */
export function addCalibration(command: Command): Command {
  return command
    .option(
      '--calibrate <data>',
      'inputs for criteria that look at data: .npz, .npy, .jsonl, .csv, .txt, a module, or a file of pare calibrate',
    )
    .option('--samples <count>', 'only the first so many of the calibration data (default: all)', number('--samples', count))
    .option('--sequential', 'block by block, each judged by what it meets once the blocks before it are pruned')
}

/** What is done about what is left. */
export function addRecover(command: Command): Command {
  return command
    .option(
      '--recover <how>',
      'repair: fit what is left to the calibration data; retrain: train it; repair,retrain; none (default: none; with --preset and --calibrate repair)',
      recover,
    )
    .option(
      '--train <data>',
      'what to retrain on, with labels unless it is distilled: .npz, .npy, .jsonl, .csv, .txt or a module',
    )
    .option('--loss <name>', 'what retraining minimises: cross-entropy, next-token, mse, kl (default: by the labels)', loss)
    .option('--epochs <count>', 'how often retraining sees each sample (default: 3)', number('--epochs', positive))
    .option('--steps <count>', 'instead of --epochs: how often weights change', number('--steps', count))
    .option(
      '--learning-rate <rate>',
      'of retraining, at its largest (default: by what is left)',
      number('--learning-rate', positive),
    )
    .option('--distill', 'learn from the model before it was pruned, too')
    .option(
      '--schedule <curve:steps>',
      'one-shot, or some at a time with recovery in between: cubic:5, linear:3, exponential:4 (default: one-shot)',
      schedule,
    )
}

const LOSSES = ['cross-entropy', 'next-token', 'mse', 'kl', 'output'] as const

function loss(text: string): Loss {
  const found = LOSSES.find((name) => name === text)
  if (found !== undefined) return found
  throw usage(`pare: --loss is '${text}'; expected ${LOSSES.join(', ')}.`, 'leave it out, and it is chosen by model and labels')
}

/** What structures that cut can be told besides. */
function addUnitOptions(command: Command): Command {
  return command
    .option(
      '--target <kind=fraction>',
      'instead of a ratio: the fraction that may remain of macs, parameters, bytes or latency, e.g. macs=0.5',
      budget,
    )
    .option('--norm <norm>', "how elements make the score of a unit: l1, l2, mean, max (default: 'l1')", norm)
    .option('--min-units <count>', 'units of a group that always stay (default: 1)', number('--min-units', count))
    .option('--multiple-of <count>', 'what is kept of a group is a multiple of this (default: 1)', number('--multiple-of', count))
    .option('--uniform', 'groups with as many units lose as many')
}

interface Rule {
  readonly holds: (value: number) => boolean
  readonly expected: string
}

export const fraction: Rule = { holds: (value) => value >= 0 && value <= 1, expected: 'a number from 0 to 1, such as 0.5' }
export const between: Rule = {
  holds: (value) => value > 0 && value < 1,
  expected: 'numbers between 0 and 1, such as 0.3,0.5,0.7',
}
export const positive: Rule = {
  holds: (value) => value > 0 && Number.isFinite(value),
  expected: 'a number above 0, such as 0.01',
}
export const finite: Rule = { holds: Number.isFinite, expected: 'a number, such as 0.9' }
export const count: Rule = {
  holds: (value) => Number.isSafeInteger(value) && value > 0,
  expected: 'a whole number from 1 on, such as 32',
}
export const certainty: Rule = {
  holds: (value) => value > 0.5 && value < 1,
  expected: 'a number between 0.5 and 1, such as 0.95',
}
export const seed: Rule = {
  holds: (value) => Number.isInteger(value) && value >= 0 && value <= 0xffffffff,
  expected: 'a whole number from 0 to 4294967295',
}

/** A parser for commander: the number, or a usage error with the option, the value and what was expected. */
export function number(option: string, rule: Rule): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (rule.holds(value)) return value
    const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text)
    throw usage(
      `pare: ${option} is '${text}'; expected ${rule.expected}.`,
      percent === null ? 'see the option in --help' : `${text} is ${Number(percent[1]) / 100}`,
    )
  }
}

/** '0.5,0.3' → [0.3, 0.5]: each once, ascending. */
export function numbers(option: string, rule: Rule): (text: string) => number[] {
  const one = number(option, rule)
  return (text) => [...new Set(text.split(',').map(one))].sort((a, b) => a - b)
}

/** '0.01' → 0.01; 'relative=0.01' → { relative: 0.01 }. */
export function maxDrop(text: string): NonNullable<Limits['maxDrop']> {
  const [, relative, digits] = /^(relative=)?(\d*\.?\d+(?:e-?\d+)?)$/i.exec(text.trim()) ?? []
  if (digits !== undefined) return relative === undefined ? Number(digits) : { relative: Number(digits) }
  throw usage(
    `pare: --max-drop is '${text}'; expected a number such as 0.01.`,
    'write --max-drop 0.01 (absolute, for metrics between 0 and 1) or --max-drop relative=0.01 (a fraction of the reference)',
  )
}

export function scope(text: string): Scope {
  if (text === 'row' || text === 'tensor' || text === 'group' || text === 'global') return text
  throw usage(
    `pare: --scope is '${text}'; expected row, tensor, group or global.`,
    'row: one output unit; tensor: one weight; group: units that are cut from the same tensors; global: everything',
  )
}

function allocation(text: string): WrittenAllocation {
  if (text === 'uniform' || text === 'erk' || text === 'owl') return text
  if (text.endsWith('.json')) return text as `${string}.json`
  throw usage(
    `pare: --allocation is '${text}'; expected uniform, erk, owl, or a .json file of measured curves.`,
    'erk: more of large weights; owl: less of weights with many outliers; curves.json: what pare sensitivity --json printed',
  )
}

function normalize(text: string): 'lamp' {
  if (text === 'lamp') return text
  throw usage(`pare: --normalize is '${text}'; expected lamp.`, 'leave it out, and saliencies are compared as they are')
}

function norm(text: string): Norm {
  if (text === 'l1' || text === 'l2' || text === 'mean' || text === 'max') return text
  throw usage(
    `pare: --norm is '${text}'; expected l1, l2, mean or max.`,
    'l1: the sum over the elements of a unit; l2: the root of the sum of squares',
  )
}

/** '1/3' → the first of three. */
export function shard(text: string): { readonly index: number; readonly count: number } {
  const [, first = '', second = ''] = /^(\d+)\/(\d+)$/.exec(text.trim()) ?? []
  const [index, count] = [Number(first), Number(second)]
  if (index >= 1 && index <= count && Number.isSafeInteger(count)) return { index, count }
  throw usage(
    `pare: --shard is '${text}'; expected index/count, from 1/3 to 3/3.`,
    'run each of 1/3, 2/3 and 3/3, then pare merge',
  )
}

export function repeatable(value: string, before: string[] = []): string[] {
  return [...before, value]
}
