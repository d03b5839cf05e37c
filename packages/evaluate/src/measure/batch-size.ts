import { type Model, madeBy, openModel, PareError, shapesOf } from '@pare/onnx'
import type { DataSet } from '../data/dataset.js'
import { canFill, fillInput } from '../data/fill.js'
import type { ModelValue } from '../data/model-value.js'

/**
 * What the largest value of a run may take. One token of a vocabulary of 150,000 has 0.6 MB of logits, and a batch has thousands of tokens. An output
 * is in memory about five times: ONNX Runtime's, its copy, and those of the runs before that are not collected yet.
 */
const MOST_BYTES = 2 ** 27

/** Shapes of the inputs for so many samples, by name. */
export type ShapesFor = (samples: number) => Readonly<Record<string, readonly number[]>>

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
