import type { Model } from '@pare/onnx'

/** Which inputs files of data hold. Of a module nobody knows before it runs: then all that it might. */
export async function inputsOfData(files: readonly string[]): Promise<(input: string) => boolean> {
  const { glanceAt, isModule } = await import('@pare/evaluate')
  if (files.some(isModule)) return () => true
  const glances = await Promise.all(files.map((data) => glanceAt(data)))
  const names = new Set(glances.flatMap(({ columns }) => columns.map(({ name }) => name.replace(/\[.*$/, ''))))
  return (input) => names.has(input)
}

/**
 * The model as these data run through it, to be measured and trained: of a merged decoder the branch that begins without a cache, unless the data say themselves which
 * one is taken. What is found for its tensors by their ids holds for the whole model. Without files: as statistics of it were measured.
 */
export async function asRun(model: Model, files: readonly string[]): Promise<Model> {
  const { takenBranches } = await import('@pare/axes')
  const { FILLED_FLAGS } = await import('@pare/evaluate')
  if (!model.graph.inputs.some(({ name }) => FILLED_FLAGS.has(name))) return model
  const isGiven = await inputsOfData(files)
  return takenBranches(model, new Map([...FILLED_FLAGS].filter(([name]) => !isGiven(name))))
}
