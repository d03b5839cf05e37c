import { type Model, madeBy, openModel, PareError, shapesOf } from '@pare/onnx'
import type { DataSet } from '../data/dataset.js'
import { canFill, fillInput } from '../data/fill.js'
import type { ModelValue } from '../data/model-value.js'
import { problemsError } from '../data/problems.js'

/**
 * What the largest value of a run may take. One token of a vocabulary of 150,000 has 0.6 MB of logits, and a batch has thousands of tokens. An output
 * is in memory about five times: ONNX Runtime's, its copy, and those of the runs before that are not collected yet.
 */
const MOST_BYTES = 2 ** 27

const DEFAULT_BATCH = 32
/** What a default batch holds at most: tokens of text, elements of anything else. */
const BATCH_TOKENS = 4096
const BATCH_ELEMENTS = 2 ** 23

/** Shapes of the inputs for so many samples, by name. */
export type ShapesFor = (samples: number) => Readonly<Record<string, readonly number[]>>

/** The fixed batch of the models, else the one asked for, else one that fits the size of the samples and of what is computed from them. */
export async function chooseBatch(
  data: DataSet,
  models: readonly { readonly path: string; readonly inputs: readonly ModelValue[] }[],
  batch: number | undefined,
): Promise<BatchSize> {
  const inputs = models.flatMap((model) => model.inputs)
  const fixed = [...new Set(inputs.filter(({ shape }) => shape.length > 1).map(({ shape }) => shape[0]))].filter(
    (dim) => typeof dim === 'number',
  )
  const problems: string[] = []
  if (batch !== undefined && !(Number.isInteger(batch) && batch >= 1))
    problems.push(`a batch of ${batch}, expected a whole number from 1.`)
  if (fixed.length > 1) problems.push(`the inputs' first axes are fixed to different sizes: ${fixed.join(', ')}.`)
  if (fixed.length === 1 && batch !== undefined && batch !== fixed[0])
    problems.push(`a batch of ${batch}, but the model's is fixed to ${fixed[0]}.`)
  if (problems.length > 0) throw problemsError('evaluation', problems, 'leave the batch out to take what the model has.')
  if (fixed.length === 1) return { size: fixed[0]!, fixed: true }
  if (batch !== undefined) return { size: batch, fixed: false }
  const most = Math.floor((data.tokens === undefined ? BATCH_ELEMENTS : BATCH_TOKENS) / data.sampleSize)
  return { size: Math.max(1, Math.min(data.mostAtOnce ?? DEFAULT_BATCH, most, await mostSamplesOf(models, data))), fixed: false }
}

/** Samples of a run, and whether the model takes no other number. */
export interface BatchSize {
  readonly size: number
  readonly fixed: boolean
}

/**
 * Samples that can run at once so that no value of the main graph, outputs included, takes more than 128 MB for them: at least 1. Infinity where no shape
 * that grows with the samples follows from the model.
 */
export async function mostSamples(model: Model, shapesFor: ShapesFor): Promise<number> {
  const infer = await shapesOf(model)
  try {
    const [one, two] = [1, 2].map((samples) => infer({ inputs: shapesFor(samples) }).shapes)
    const growth = model.graph.nodes.flatMap(madeBy).map((name) => bytesOf(two!.get(name)) - bytesOf(one!.get(name)))
    const largest = growth.reduce((most, each) => Math.max(most, each), 0)
    return Math.max(1, Math.floor(MOST_BYTES / largest))
  } catch (error) {
    // The run itself says what does not fit.
    if (error instanceof PareError) return Number.POSITIVE_INFINITY
    throw error
  }
}

/** The same for models in files and data of theirs: the fewest samples. */
export async function mostSamplesOf(
  models: readonly { readonly path: string; readonly inputs: readonly ModelValue[] }[],
  data: DataSet,
): Promise<number> {
  const most = await Promise.all(
    models.map(async ({ path, inputs }) => {
      await using file = await openModel(path, { allowHardLinks: true })
      const own = new Set(file.model.graph.inputs.map(({ name }) => name))
      const declared = inputs.filter(({ name }) => own.has(name))
      // Awaited here: the file must stay open until its small constants are read.
      return await mostSamples(file.model, (samples) => shapesOfSamples(declared, data, samples))
    }),
  )
  return Math.min(...most)
}

/** Shapes of inputs for so many samples: of what the data hold, and of what is filled in. */
export function shapesOfSamples(
  inputs: readonly ModelValue[],
  { sampleShapes, tokens }: DataSet,
  samples: number,
): Record<string, readonly number[]> {
  const seq = tokens === undefined ? undefined : sampleShapes[tokens]?.[0]
  return Object.fromEntries(
    inputs.flatMap((input): [string, readonly number[]][] => {
      const shape = sampleShapes[input.name]
      if (shape !== undefined) return [[input.name, input.shape.length === 0 ? [] : [samples, ...shape]]]
      if (seq === undefined || !canFill(input)) return []
      return [[input.name, fillInput(input, { size: samples, seq }).shape]]
    }),
  )
}

const FLOAT = 4

function bytesOf(shape: readonly number[] | undefined): number {
  return shape === undefined ? 0 : shape.reduce((size, each) => size * each, FLOAT)
}
