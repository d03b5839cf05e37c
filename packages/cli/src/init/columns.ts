import {
  ASKED_COLUMNS,
  type ColumnGlance,
  canFill,
  type DataGlance,
  ID_NAMES,
  labelNameOf,
  type ModelValue,
  tokenInput,
} from '@pare/evaluate'
import { present } from '@pare/onnx'
import type { EvaluateConfig } from '../options/data.js'
import { givesTokens, isEncoder, type Signature } from './signature.js'

/** Which columns of data are what. */
export interface BoundColumns {
  readonly label?: ColumnGlance
  /** Whether a tokenizer makes the input of the rows. */
  readonly isText: boolean
  /** The column with the text, where its name is not known. */
  readonly field?: string
  readonly columns: Pick<EvaluateConfig, 'group' | 'slices' | 'id'>
  readonly doubts: readonly string[]
}

/** Names that labels have, besides those that are known without a word. */
const LABELS = /^(class|target|outcome|species|category|answer|expected|sentiment|diagnosis|price|.*_label|label_.*|.*_class)$/i
/** Names of columns with masks beside images. */
const MASKS = /^(.*_)?(masks?|segmentations?|annotations?)(_.*)?$/i
const GROUPS = /patient|subject|user|speaker|session|document|customer|group|video|scene|site/i

/** Of questions the subject is what they are about, and not who was examined. */
const ASKED_GROUPS = /passage|article|document|session|conversation/i

/** Tells inputs, labels and other columns apart. */
export function boundOf(signature: Signature, glance: DataGlance): BoundColumns {
  const inputs = signature.inputs.filter((input) => !canFill(input))
  const named = new Set(signature.inputs.map(({ name }) => name))
  const asked = askedColumns(signature, glance)
  const others = glance.columns.filter(({ name }) => !named.has(arrayOf(name)) && asked?.test(name) !== true)
  const isText = asked !== undefined || glance.isText || isOtherText(signature, glance) || isEncodedPair(signature, glance)
  const features = isText ? undefined : featureCount(inputs, glance)
  const pair = isEncoder(signature) ? glance.pair : undefined
  const score = glance.columns.find(({ name }) => name === pair?.score)
  const label = asked === undefined ? (score ?? labelOf(others, signature, features)) : undefined
  const rest = others.filter(
    (column) => column !== label && !ID_NAMES.includes(column.name) && pair?.texts.includes(column.name) !== true,
  )
  const common = { ...present({ label }), isText }
  if (isText)
    return {
      ...common,
      ...present({ field: glance.isText || asked !== undefined || pair !== undefined ? undefined : longest(rest)?.name }),
      ...groupsIn(rest, rest.length, asked === undefined ? GROUPS : ASKED_GROUPS),
    }
  // Of a table of features, as many columns are something else as are too many for the input.
  return { ...common, ...groupsIn(rest, features === undefined ? 0 : rest.length - features) }
}

/** The columns of what a language model is asked. Undefined: the model is none, or the data ask nothing. */
function askedColumns(signature: Signature, { asking }: DataGlance): RegExp | undefined {
  const isWriter = signature.outputs.some((output) => givesTokens(signature, output))
  return asking !== undefined && isWriter ? ASKED_COLUMNS[asking] : undefined
}

/** 'pixels[3]' → 'pixels'. */
function arrayOf(column: string): string {
  return column.replace(/\[\d+\]$/, '')
}

/** How many columns of a table make a sample of the only input; undefined where columns bear the names of inputs. */
function featureCount(inputs: readonly ModelValue[], { kind, columns }: DataGlance): number | undefined {
  const [input] = inputs
  if (kind !== 'table' || inputs.length !== 1 || input === undefined) return undefined
  if (columns.some(({ name }) => arrayOf(name) === input.name)) return undefined
  if (columns.some((column) => column.kind === 'images' || column.kind === 'sounds')) return undefined
  const sizes = input.shape.slice(1)
  return sizes.every((size) => typeof size === 'number') ? sizes.reduce<number>((product, size) => product * size, 1) : undefined
}

function labelOf(others: readonly ColumnGlance[], signature: Signature, features: number | undefined): ColumnGlance | undefined {
  const usual = labelNameOf(
    others.map(({ name }) => name),
    { inputs: signature.inputs },
  )
  const one =
    others.find(({ name }) => name === usual) ??
    others.find(({ name }) => LABELS.test(name)) ??
    others.find(({ name, kind }) => kind === 'images' && MASKS.test(name))
  if (one !== undefined || features === undefined || others.length <= features) return one
  // By habit the label stands last, and sometimes first.
  return others.at(-1)
}

/** What is neither input nor label: at most so many columns of it. */
function groupsIn(
  rest: readonly ColumnGlance[],
  count: number,
  groupNames: RegExp = GROUPS,
): Pick<BoundColumns, 'columns' | 'doubts'> {
  if (count <= 0) return { columns: {}, doubts: [] }
  const likely = (column: ColumnGlance) => Number(column.kind === 'names') + 2 * Number(groupNames.test(column.name))
  const extra = [...rest].sort((a, b) => likely(b) - likely(a)).slice(0, count)
  const groups = extra.filter((column) => groupNames.test(column.name) && repeats(column))
  const slices = extra.filter((column) => !groups.includes(column) && distinct(column).size <= 20 && repeats(column))
  const ids = extra.filter(
    (column) => !groups.includes(column) && !slices.includes(column) && !isProse(column) && !isMeasure(column),
  )
  const [group] = groups
  return {
    columns: present({
      group: group?.name,
      slices: slices.length > 0 ? slices.map(({ name }) => name) : undefined,
      id: ids[0]?.name,
    }),
    doubts: [
      ...(group === undefined ? [] : [`group: samples with the same ${group.name} are taken to belong together.`]),
      ...(slices.length === 0
        ? []
        : [
            `slices: a limit for each value is a demand, { by: ${slices[0]!.name}, maxDrop: 0.02 }, in a list beside { maxDrop: 0.01 }.`,
          ]),
    ],
  }
}

function distinct({ values }: ColumnGlance): ReadonlySet<number | string> {
  return new Set(values)
}

/** Numbers with fractions are measured, and name nothing. */
function isMeasure({ kind, values }: ColumnGlance): boolean {
  return kind !== 'names' && values.some((value) => !Number.isInteger(Number(value)))
}

function repeats(column: ColumnGlance): boolean {
  return distinct(column).size * 2 <= column.values.length
}

/** Text under a name that is not known, for a model that takes tokens. */
function isOtherText({ inputs }: Signature, { kind, columns }: DataGlance): boolean {
  const tokens = tokenInput(inputs)
  if (kind !== 'table' || tokens === undefined || columns.some(({ name }) => name === tokens)) return false
  return columns.some(isProse)
}

/** Two texts, for a model that makes vectors of them. */
function isEncodedPair(signature: Signature, { pair }: DataGlance): boolean {
  return pair !== undefined && isEncoder(signature)
}

function isProse({ kind, values }: ColumnGlance): boolean {
  return kind === 'names' && values.filter((value) => /\s/.test(String(value))).length * 2 > values.length
}

function longest(columns: readonly ColumnGlance[]): ColumnGlance | undefined {
  const length = ({ values }: ColumnGlance) => values.reduce<number>((sum, value) => sum + String(value).length, 0)
  return columns.filter(isProse).sort((a, b) => length(b) - length(a))[0]
}

/** Whether the data have all that the model needs. */
export function fits(signature: Signature, glance: DataGlance): boolean {
  const needed = signature.inputs.filter((input) => !canFill(input))
  const missing = needed.filter((input) => !glance.columns.some((column) => arrayOf(column.name) === input.name))
  const isOtherSize = (input: ModelValue) =>
    glance.kind === 'arrays' && glance.columns.some((column) => column.name === input.name && !isSizeOf(column, input))
  if (needed.some(isOtherSize)) return false
  if (missing.length === 0) return true
  if (missing.length > 1) return false
  const [input] = missing as [ModelValue]
  if (
    glance.kind === 'text' ||
    glance.isText ||
    isEncodedPair(signature, glance) ||
    askedColumns(signature, glance) !== undefined ||
    isOtherText(signature, glance)
  )
    return tokenInput(signature.inputs) === input.name
  const has = (kind: ColumnGlance['kind']) => glance.columns.some((column) => column.kind === kind)
  if (has('images')) return input.shape.length === 4
  if (has('sounds')) return input.shape.length === 2
  if (glance.kind === 'arrays') return glance.columns.length === 0 && needed.length === 1
  const features = featureCount(needed, glance)
  return features !== undefined && glance.columns.length >= features
}

/** Whether samples of an array have as many numbers as the input takes, where that is fixed. */
function isSizeOf({ shape }: ColumnGlance, input: ModelValue): boolean {
  const sizes = input.shape.slice(1)
  const product = (all: readonly number[]) => all.reduce((total, size) => total * size, 1)
  return !sizes.every((size) => typeof size === 'number') || product(sizes) === product(shape)
}
