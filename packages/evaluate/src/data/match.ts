import { present } from '@pare/onnx'
import { canFill, tokenInput } from './fill.js'
import type { ModelValue } from './model-value.js'
import { castProblem, type DataArray, describe, firstNaN, isElementType, isStrings, type NdArray, numbersOf } from './ndarray.js'
import { problemsError } from './problems.js'
import { type ColumnNames, type ColumnOptions, type ColumnValues, chooseColumns, namesIn } from './rows/columns.js'

/** Named arrays that cover the inputs of a model, sample by sample along axis 0. */
export interface DataMatch {
  readonly samples: number
  readonly bound: readonly { readonly input: ModelValue; readonly array: DataArray }[]
  /** Name of the input that holds token ids, where the model has one. */
  readonly tokens?: string
  /** [samples, …]. */
  readonly label?: NdArray
  /** Name of the array that holds it. */
  readonly labelName?: string
  /** bool[samples, seq]: 1 where a token counts as a prediction. Only text has it. */
  readonly scored?: NdArray
  readonly columnNames: ColumnNames
  readonly columns: ColumnValues
  /** Arrays that are neither an input nor the label, and no column that was asked for. */
  readonly ignored: readonly string[]
}

export interface MatchOptions extends ColumnOptions {
  readonly inputs: readonly ModelValue[]
  /** Name of the array with the labels. Default: the first of 'label', 'labels', 'y', 'target' that is no input of the model. */
  readonly label?: string
  /** Whether labels that are text are answers that are expected, and no names of classes: they become a column. Default: false */
  readonly textLabels?: boolean
  /** Whether labels are boxes, which may stand in arrays of their own: see `joinBoxes`; false where labels are asked for that are none. Default: nobody asks for labels */
  readonly boxLabels?: boolean
}

/** What the data hold besides arrays. */
export interface Extra {
  /** Columns of the samples, by name. */
  readonly columns: ColumnValues
  /** All columns that there are to be asked for, also where nobody did. */
  readonly names: readonly string[]
  /** Columns that inputs were made of. */
  readonly used?: readonly string[]
  /** The column with the groups that the format knows itself. */
  readonly group?: string
}

const LABEL_NAMES = ['label', 'labels', 'y', 'target']

/** The array with the labels, among these names. */
export function labelNameOf(names: readonly string[], { inputs, label }: MatchOptions): string | undefined {
  return label ?? LABEL_NAMES.find((name) => names.includes(name) && !inputs.some((input) => input.name === name))
}

/** Arrays by name onto the inputs of a model by name. Throws one PareError with all that does not fit. */
export function matchArrays(
  arrays: ReadonlyMap<string, DataArray>,
  source: string,
  options: MatchOptions,
  extra: Extra = { columns: {}, names: [] },
): DataMatch {
  const { inputs } = options
  const problems: string[] = []
  const tokens = tokenInput(inputs)
  const names = new Set(inputs.map(({ name }) => name))
  const labelName = labelNameOf([...arrays.keys()], options)
  const bound: { input: ModelValue; array: DataArray }[] = []
  const missing: ModelValue[] = []
  const content = [...new Set([...arrays.keys(), ...extra.names])].map((name) => `'${name}'`).join(', ') || 'none'
  for (const input of inputs) {
    const array = arrays.get(input.name)
    if (array) bound.push({ input, array })
    else if (!(tokens && arrays.has(tokens) && canFill(input))) missing.push(input)
  }
  if (missing.length > 0) {
    const list = missing.map(({ name, type, shape }) => `'${name}' ${describe(type, shape)}`).join(', ')
    problems.push(`no array for input ${list}; found ${content}.`)
  }
  for (const { input, array } of bound) problems.push(...inputProblems(input, array))

  const label = labelName === undefined ? undefined : arrays.get(labelName)
  if (labelName !== undefined && !label) problems.push(`no array '${labelName}' for the labels; found ${content}.`)
  if (label && isStrings(label)) problems.push(`labels '${labelName}' are text, and which class each is, is not known.`)
  const nameList = [...new Set([...arrays.keys(), ...extra.names, ...Object.keys(extra.columns)])]
  const { columns: columnNames, problems: unknown } = chooseColumns(options, {
    ...{ names: nameList, inputs: names },
    ...present({ own: extra.group }),
  })
  problems.push(...unknown)
  const perSample = new Map(bound.filter(({ array }) => array.shape.length > 0).map(({ input, array }) => [input.name, array]))
  if (label) perSample.set(labelName!, label)
  problems.push(...countProblems(perSample))
  const samples = [...perSample.values()][0]?.shape[0] ?? 1
  const asked = namesIn(columnNames).filter((name) => nameList.includes(name))
  const columns: Record<string, readonly (string | number)[]> = { ...extra.columns }
  for (const name of asked) {
    if (Object.hasOwn(columns, name)) continue
    const array = arrays.get(name)
    if (array === undefined) continue
    if (array.data.length === samples) columns[name] = cellsOf(array)
    else if (namesIn(options).includes(name))
      problems.push(
        `column '${name}' is ${describe(array.type, array.shape)}, expected one value for each of ${samples} samples.`,
      )
  }
  if (problems.length > 0) {
    throw problemsError(source, problems, 'arrays are matched to the inputs by name; pare inspect MODEL lists the inputs.')
  }
  const used = new Set([...bound.map(({ input }) => input.name), ...(extra.used ?? []), ...Object.keys(columns), 'scored'])
  const ignored = [...new Set([...arrays.keys(), ...extra.names])].filter((name) => name !== labelName && !used.has(name))
  return {
    ...{ samples, bound, ignored, columnNames, columns },
    ...present({ tokens }),
    ...(label && !isStrings(label) && { label, labelName: labelName! }),
  }
}

function cellsOf(array: DataArray): (string | number)[] {
  return isStrings(array) ? [...array.data] : Array.from(numbersOf(array))
}

/** Everything that keeps the array from being fed to the input. */
function inputProblems(input: ModelValue, array: DataArray): string[] {
  const problems: string[] = []
  const isText = input.type === 'string'
  if (!isText && !isElementType(input.type)) return [`input '${input.name}' is of type ${input.type}, which is not supported.`]
  if (isText !== isStrings(array))
    return [`input '${input.name}' is ${describe(input.type, input.shape)}, the array ${describe(array.type, array.shape)}.`]
  const fits =
    input.shape.length === 0 ||
    (array.shape.length === input.shape.length &&
      array.shape.every((size, axis) => axis === 0 || typeof input.shape[axis] === 'string' || input.shape[axis] === size))
  if (!fits) {
    const samples = array.shape.length === input.shape.length ? '' : `; the first axis counts the samples`
    problems.push(
      `input '${input.name}' is ${describe(input.type, input.shape)}, the array ${describe(array.type, array.shape)}${samples}.`,
    )
  }
  if (isStrings(array) || !isElementType(input.type)) return problems
  const cast = castProblem(array, input.type)
  if (cast) problems.push(`input '${input.name}': ${cast}.`)
  const nan = firstNaN(array)
  if (nan >= 0) problems.push(`input '${input.name}' holds NaN at element ${nan}, in sample ${sampleOf(nan, array)}.`)
  return problems
}

function sampleOf(element: number, { data, shape }: NdArray): number {
  return shape.length === 0 ? 0 : Math.floor(element / (data.length / shape[0]!))
}

function countProblems(arrays: ReadonlyMap<string, DataArray>): string[] {
  const counts = [...arrays].map(([name, { shape }]) => ({ name, count: shape[0] ?? 1 }))
  if (counts.some(({ count }) => count === 0))
    return [`no samples: ${counts.map(({ name, count }) => `'${name}' has ${count}`).join(', ')}.`]
  if (new Set(counts.map(({ count }) => count)).size <= 1) return []
  return [`numbers of samples differ: ${counts.map(({ name, count }) => `'${name}' has ${count}`).join(', ')}.`]
}
