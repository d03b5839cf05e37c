import type { AnyCriterion, Structure } from '@pare/core'
import { ALLOCATIONS, BUDGETS, NORMALIZATIONS, NORMS, SCOPES } from '@pare/core/choices'
import { z } from 'zod'
import { field, shapeOf } from './row.js'
import { budget, count, fraction, fromZero, globs, listed, oneOf, PLUGIN_KINDS, positive } from './schemas.js'
import { dropTarget, dropTargetOf } from './smallest.js'
import { numberOf } from './text.js'

/** Commands that prune as their options say. */
export const PRUNING = ['prune', 'plan', 'run']
const STEPS = [...PRUNING, 'sensitivity']

/** A plugin: imported, or by name ('magnitude', 'magnitude:p=2', { name: 'magnitude', p: 2 }). */
export type PluginConfig<Plugin> = Plugin | string | { name: string; [option: string]: unknown }

function plugin<Plugin>(
  kind: 'criterion' | 'structure' | 'preset',
  example: string,
  options: string,
): z.ZodType<PluginConfig<Plugin>> {
  const form = z.union([z.string().min(1), z.looseObject({ name: z.string().min(1) })])
  // Imported plugins have a name too.
  const schema = form.describe(`a plugin by name ('${example}', '${options}') or an imported one`)
  PLUGIN_KINDS.set(schema, kind)
  return schema as z.ZodType<PluginConfig<Plugin>>
}

type BudgetSchema<Kind extends string> = Kind extends string
  ? z.ZodObject<{ [Key in Kind]: typeof budget }, z.core.$strict>
  : never
const budgets = BUDGETS.map((kind) => z.strictObject({ [kind]: budget })) as unknown as [BudgetSchema<(typeof BUDGETS)[number]>]

const target = z.union([
  z.strictObject({ sparsity: fraction }),
  z.strictObject({ threshold: positive }),
  z.strictObject({ ratio: fraction }),
  dropTarget,
  ...budgets,
])

const point = z.strictObject({ sparsity: fraction, loss: z.number().describe('a number: what is lost there') })

/** What a search of shares takes, besides that it is one. */
export const searchFields = z.strictObject({
  trials: count.describe('a whole number from 1 on, such as 400').exactOptional(),
  minutes: positive.describe('a number above 0, such as 10').exactOptional(),
  levels: count.describe('an odd number from 3 on, such as 7').exactOptional(),
  step: fraction.describe('a number above 0 and below 1, such as 0.05').exactOptional(),
})

const allocation = z.union([
  z.enum(ALLOCATIONS),
  z.strictObject({
    owl: z.strictObject({
      lambda: fromZero.describe('a number from 0 on, such as 0.08').exactOptional(),
      outlier: fromZero.describe('a number from 0 on, such as 5').exactOptional(),
    }),
  }),
  z.strictObject({ search: searchFields }),
  z.templateLiteral(['search:', z.string()]),
  z.strictObject({ curves: z.record(z.string(), z.array(point).min(2)) }),
  z.templateLiteral([z.string(), '.json']),
])

/** What masks are written as: what the name of their file ends in. */
export const MASK_FORMATS = ['npz', 'safetensors'] as const

/** A file of masks, by what its name ends in. */
export const maskFile = z.string().regex(/[^/\\]\.(npz|safetensors)$/)

const mask = z
  .union([z.literal('keep'), maskFile])
  .describe("a .npz or .safetensors file of masks such as 'masks.npz', or 'keep'")

const norm = oneOf(NORMS)
const scope = oneOf(SCOPES)

const calibrated = z
  .strictObject({
    criterion: plugin<AnyCriterion>('criterion', 'osscar', 'wanda'),
    scope: scope.exactOptional(),
    norm: norm.exactOptional(),
  })
  .describe("a criterion such as { criterion: 'osscar' }")

/** A step of pruning. */
export const pruneFields = {
  criterion: field(plugin<AnyCriterion>('criterion', 'magnitude', 'magnitude:p=2'), {
    help: 'how important an element is: magnitude, magnitude:p=2, random, or with --calibrate osscar, wanda, activation, alps, sparsegpt; or a package',
    default: 'magnitude; with --calibrate, of channels and neurons osscar, of heads wanda',
    flag: { argument: 'name', on: STEPS, input: true },
  }),
  structure: field(plugin<Structure>('structure', 'element', '{ name: "element" }'), {
    help: 'what may go: element, 2:4, tile, channel, neuron, head, or a package',
    default: 'element',
    flag: { argument: 'name', on: STEPS, input: true },
  }),
  target: field(target, {
    expected: `one of { sparsity: 0.5 }, { threshold: 0.01 }, { maxDrop: 0.01 } or, for structures that cut, { ratio: 0.3 }, ${BUDGETS.map((kind) => `{ ${kind}: 0.5 }`).join(', ')}`,
    help: 'how much goes, as a fraction of the model before all steps; { maxDrop: 0.01 }: as much as the gate allows, which a search finds',
    default: '{ sparsity: 0.5 }, for structures that cut { ratio: 0.25 }',
    flags: [
      {
        ...{ name: 'sparsity', kind: 'sparsity' },
        argument: 'fraction',
        ...{ schema: fraction, help: 'share of the eligible weights that is zero afterwards', default: '0.5' },
        ...{ on: PRUNING, input: true },
      },
      {
        ...{ name: 'threshold', kind: 'threshold' },
        argument: 'saliency',
        ...{ schema: positive, help: 'zero what is less important than this, instead of a sparsity', on: PRUNING, input: true },
      },
      {
        ...{ name: 'ratio', kind: 'ratio' },
        argument: 'fraction',
        ...{ schema: fraction, help: 'share of the units to remove, for structures that cut', default: '0.25' },
        ...{ on: PRUNING, input: true },
      },
      {
        argument: 'kind=fraction',
        schema: z
          .union([...budgets, dropTarget])
          .describe(
            `${listed(BUDGETS.map((kind) => `${kind}=`))} with the fraction that may remain, above 0 and up to 1, or max-drop= with the largest drop`,
          ),
        read: (text: string) => dropTargetOf(text) ?? budgetOf(text),
        help: `instead of a ratio: the fraction that may remain of ${listed(BUDGETS)}, e.g. macs=0.5; the fewest units that meet it go. Or max-drop=0.01: the smallest model that passes, which a search over ratios and forms of weights finds (prune, run)`,
        hint: budgetHint,
        ...{ on: PRUNING, input: true },
      },
    ],
  }),
  mask: field(mask, {
    help: 'the zeros to make, instead of a criterion and a target: a .npz or .safetensors file with an array for each weight, by its name, 0 where an element goes; or keep, the zeros that the model has',
    flag: {
      argument: 'file',
      schema: mask.describe('a .npz or .safetensors file, or keep'),
      hint: 'pare prune MODEL --masks masks.npz writes such a file; to keep the zeros that the model has: --mask keep',
      ...{ on: PRUNING, input: true },
    },
  }),
  refit: field(plugin<AnyCriterion>('criterion', 'alps', 'alps:swaps=20'), {
    help: 'change what stays of masked weights to make up for what goes, with --calibrate: alps, or alps:swaps=20 where weights may change places first',
    default: 'what stays is as it was',
    flag: { argument: 'name', hint: 'for a mask that a criterion or --mask FILE decides: --refit alps', on: PRUNING },
  }),
  scope: field(scope, {
    expected: "'row', 'tensor' or 'global', for structures that cut 'group' or 'global'",
    help: 'what is ranked together',
    default: "the criterion's, else global; for structures that cut group",
    flag: {
      argument: 'scope',
      hint: 'row: one output unit; tensor: one weight; group: units that are cut from the same tensors; global: everything',
      on: STEPS,
    },
  }),
  allocation: field(allocation, {
    expected:
      "'uniform', 'erk', 'owl', 'fisher', 'search', 'search:trials=200,minutes=10', { search: { trials: 200 } }, { owl: { lambda: 0.08, outlier: 5 } }, 'curves.json' from pare sensitivity --json, or { curves: { 'name of a weight': [{ sparsity: 0, loss: 0 }, …] } }",
    help: 'how a sparsity is spread over weights, each ranked on its own: uniform, erk, owl, fisher (with --train), search (with --calibrate: tries models out, search:trials=200,minutes=10), or curves.json from pare sensitivity',
    default: 'uniform',
    flag: {
      argument: 'how',
      schema: allocation.describe('uniform, erk, owl, fisher, search, search:trials=200, or a .json file of measured curves'),
      hint: 'erk: more of large weights; owl: less of weights with many outliers; fisher: by what the loss on --train data feels; search: by trying models out on --calibrate data; curves.json: what pare sensitivity --json printed',
      on: PRUNING,
    },
  }),
  normalize: field(oneOf(NORMALIZATIONS), {
    help: 'how weights are made comparable that are ranked together',
    flag: { argument: 'how', hint: 'leave it out, and saliencies are compared as they are', on: PRUNING },
  }),
  sequential: field(z.boolean(), {
    expected: 'true or false',
    help: 'block by block, each judged by what it meets once the blocks before it are pruned, for criteria that look at data',
    default: 'off; for solvers on',
    flag: { on: PRUNING },
  }),
  norm: field(norm, {
    help: 'how elements make the score of a unit',
    default: 'l1',
    flag: {
      argument: 'norm',
      hint: 'l1: the sum over the elements of a unit; l2: the root of the sum of squares; mean; max: the largest',
      on: PRUNING,
    },
  }),
  minUnits: field(count, {
    expected: 'a whole number from 1 on, such as 1',
    help: 'units of a group that always stay',
    default: '1',
    flag: { argument: 'count', on: PRUNING },
  }),
  multipleOf: field(count, {
    expected: 'a whole number from 1 on, such as 8',
    help: 'what is kept of a group is a multiple of this, or all of it; smaller groups are not bound',
    default: '1',
    flag: { argument: 'count', on: PRUNING },
  }),
  uniform: field(z.boolean(), {
    expected: 'true or false',
    help: 'groups with as many units lose as many',
    default: 'off',
    flag: { on: PRUNING },
  }),
  calibrated: field(calibrated, {
    help: 'what stands in place of criterion, scope and norm where there are calibration data that can be run',
    default: 'the same',
  }),
  include: field(globs, {
    help: 'only nodes or tensors with such a name',
    default: 'all that are eligible',
    flag: { argument: 'glob', repeatable: true, on: STEPS },
  }),
  exclude: field(globs, {
    help: "not nodes or tensors with such a name: '/lm_head/*'",
    flag: { argument: 'glob', repeatable: true, on: STEPS },
  }),
}

export const step = z
  .strictObject(shapeOf(pruneFields))
  .describe("a step such as { structure: 'element', criterion: 'magnitude', target: { sparsity: 0.5 } }")

const preset = z
  .strictObject({
    preset: plugin<never>('preset', 'cnn', '{ name: "cnn" }'),
    ratio: fraction.exactOptional(),
    target: dropTarget.describe('{ maxDrop: 0.01 }: as much goes as the gate allows, which a search finds').exactOptional(),
  })
  .describe("a preset such as { preset: 'cnn', ratio: 0.3 }")

export const steps = z
  .union([z.array(step).min(1), preset])
  .describe("a list of pruning steps, at least one, or a preset such as { preset: 'cnn' }")

export type PruneConfig = z.infer<typeof step>
export type PresetConfig = z.infer<typeof preset>
export type TargetConfig = z.infer<typeof target>

/** 'macs=0.5' → { macs: 0.5 }: the fraction that may remain. */
function budgetOf(text: string): unknown {
  const [, kind = '', amount = ''] = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(text) ?? []
  return { [kind]: numberOf(amount) }
}

/** Whoever names another kind of target is told its option. */
function budgetHint(text: string): string {
  const [, kind, amount = ''] = /^\s*(sparsity|threshold|ratio)\s*=(.*)$/s.exec(text) ?? []
  return kind === undefined ? 'half of the multiply-accumulates: --target macs=0.5' : `say --${kind} ${amount}`
}
