import { present } from '@pare/onnx'
import { canFill, tokenInput } from './fill.js'
import type { ModelValue } from './model-value.js'
import { castProblem, describe, firstNaN, isElementType, type NdArray } from './ndarray.js'
import { problemsError } from './problems.js'

/** Named arrays that cover the inputs of a model, sample by sample along axis 0. */
export interface Matched {
  readonly samples: number
  readonly bound: readonly { readonly input: ModelValue; readonly array: NdArray }[]
  /** Name of the input that holds token ids, where the model has one. */
  readonly tokens?: string
  /** [samples, …]. */
  readonly label?: NdArray
  /** Name of the array that holds it. */
  readonly labelName?: string
  /** bool[samples, seq]: 1 where a token counts as a prediction. Only text has it. */
  readonly scored?: NdArray
  /** Arrays that are neither an input nor the label. */
  readonly ignored: readonly string[]
}

export interface MatchOptions {
  readonly inputs: readonly ModelValue[]
  /** Name of the array with the labels. Default: the first of 'label', 'labels', 'y', 'target' that is no input of the model. */
  readonly label?: string
  /** Whether labels that are NaN are targets that are missing, which do not count. Default: false, they are refused. */
  readonly missingLabels?: boolean
}

const LABEL_NAMES = ['label', 'labels', 'y', 'target']

/** Arrays by name onto the inputs of a model by name. Throws one PareError with all that does not fit. */
export function matchArrays(arrays: ReadonlyMap<string, NdArray>, source: string, options: MatchOptions): Matched {
  const { inputs } = options
  const problems: string[] = []
  const tokens = tokenInput(inputs)
  const names = new Set(inputs.map(({ name }) => name))
  const labelName = options.label ?? LABEL_NAMES.find((name) => arrays.has(name) && !names.has(name))
  const bound: { input: ModelValue; array: NdArray }[] = []
  const missing: ModelValue[] = []
  for (const input of inputs) {
    const array = arrays.get(input.name)
    if (array) bound.push({ input, array })
    else if (!(tokens && arrays.has(tokens) && canFill(input))) missing.push(input)
  }
  const ignored = [...arrays.keys()].filter((name) => !names.has(name) && name !== labelName)
  if (missing.length > 0) {
    const list = missing.map(({ name, type, shape }) => `'${name}' ${describe(type, shape)}`).join(', ')
    problems.push(`no array for input ${list}; found ${[...arrays.keys()].map((name) => `'${name}'`).join(', ') || 'none'}.`)
  }
  for (const { input, array } of bound) problems.push(...inputProblems(input, array))

  const label = labelName === undefined ? undefined : arrays.get(labelName)
  if (labelName !== undefined && !label)
    problems.push(`no array '${labelName}' for the labels; found ${[...arrays.keys()].map((name) => `'${name}'`).join(', ')}.`)
  if (label && options.missingLabels !== true && firstNaN(label) >= 0)
    problems.push(`label '${labelName}' holds NaN at element ${firstNaN(label)}.`)
  const perSample = new Map(bound.filter(({ array }) => array.shape.length > 0).map(({ input, array }) => [input.name, array]))
  if (label) perSample.set(labelName!, label)
  problems.push(...countProblems(perSample))
  if (problems.length > 0) {
    throw problemsError(source, problems, 'arrays are matched to the inputs by name; pare inspect MODEL lists the inputs.')
  }
  const samples = [...perSample.values()][0]?.shape[0] ?? 1
  return { samples, bound, ignored, ...present({ tokens }), ...(label && { label, labelName: labelName! }) }
}

/** Everything that keeps the array from being fed to the input. */
function inputProblems(input: ModelValue, array: NdArray): string[] {
  const problems: string[] = []
  if (!isElementType(input.type)) return [`input '${input.name}' is of type ${input.type}, which is not supported.`]
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
  const cast = castProblem(array, input.type)
  if (cast) problems.push(`input '${input.name}': ${cast}.`)
  const nan = firstNaN(array)
  if (nan >= 0) problems.push(`input '${input.name}' holds NaN at element ${nan}, in sample ${sampleOf(nan, array)}.`)
  return problems
}

function sampleOf(element: number, { data, shape }: NdArray): number {
  return shape.length === 0 ? 0 : Math.floor(element / (data.length / shape[0]!))
}

function countProblems(arrays: ReadonlyMap<string, NdArray>): string[] {
  const counts = [...arrays].map(([name, { shape }]) => ({ name, count: shape[0] ?? 1 }))
  if (counts.some(({ count }) => count === 0))
    return [`no samples: ${counts.map(({ name, count }) => `'${name}' has ${count}`).join(', ')}.`]
  if (new Set(counts.map(({ count }) => count)).size <= 1) return []
  return [`numbers of samples differ: ${counts.map(({ name, count }) => `'${name}' has ${count}`).join(', ')}.`]
}
