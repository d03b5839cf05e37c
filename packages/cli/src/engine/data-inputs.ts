import type { Model } from '@pare/onnx'

/** Which inputs a file of data holds. Of a module nobody knows before it runs: then all that it might. */
export async function inputsOfData(data: string): Promise<(input: string) => boolean> {
  const { glanceAt, isModule } = await import('@pare/evaluate')
  if (isModule(data)) return () => true
  const names = new Set((await glanceAt(data)).columns.map(({ name }) => name.replace(/\[.*$/, '')))
  return (input) => names.has(input)
}

/**
 * The model as these data run through it, to be measured and trained: of a merged decoder the branch that begins without a cache, unless the data say themselves which
 * one is taken. What is found for its tensors by their ids holds for the whole model. Without a path: as statistics of it were measured.
 */
export async function asRun(model: Model, data?: string): Promise<Model> {
  const { takenBranches } = await import('@pare/axes')
  const { FILLED_FLAGS } = await import('@pare/evaluate')
  if (!model.graph.inputs.some(({ name }) => FILLED_FLAGS.has(name))) return model
  const isGiven = data === undefined ? () => false : await inputsOfData(data)
  return takenBranches(model, new Map([...FILLED_FLAGS].filter(([name]) => !isGiven(name))))
}
