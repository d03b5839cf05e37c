import { extname } from 'node:path'
import { type FoldedWeight, keptIn, maskedBy, type PlanStep, type Weight, weightsOf } from '@pare/core'
import { type Model, writeWhole } from '@pare/onnx'
import { safetensorsHeader } from './safetensors.js'

/** The mask of one weight, as it stands in a file. */
export interface MaskFacts {
  /** Of the weight, and of the tensor in the file. */
  readonly name: string
  /** As the weight is stored. */
  readonly shape: readonly number[]
  /** The tensors that the weight was computed from, where the graph computed it. */
  readonly from?: readonly string[]
}

export interface MaskedModel {
  readonly model: Model
  /** What was done to it. */
  readonly steps: readonly PlanStep[]
  readonly folded: readonly FoldedWeight[]
}

/**
 * Writes the masks of the weights that steps masked: bools, 1 = stays, 0 = is zero, in the shape of the stored weight. Undefined, and nothing is written, where no
 * step masked anything that is left.
 */
export async function writeMasks(path: string, { model, steps, folded }: MaskedModel): Promise<readonly MaskFacts[] | undefined> {
  const ids = new Set(maskedBy(steps).map(({ id }) => id))
  const weights = weightsOf(model).filter(({ id }) => ids.has(id))
  if (weights.length === 0) return undefined
  const origins = new Map(folded.map(({ id, sources }) => [id, sources]))
  const masks = weights.map((weight) => ({ ...arrayOf(weight), from: origins.get(weight.id) }))
  await writeWhole(path, extname(path) === '.npz' ? await npz(masks) : safetensors(masks))
  return masks.map(({ name, shape, from }) => ({ name, shape, ...(from !== undefined && { from }) }))
}

type MaskArray = ReturnType<typeof arrayOf> & { readonly from: readonly string[] | undefined }

function arrayOf({ id, tensor }: Weight) {
  return { name: id, type: 'bool' as const, shape: tensor.shape, elements: () => keptIn(tensor) }
}

async function npz(masks: readonly MaskArray[]): Promise<AsyncIterable<Uint8Array>> {
  const { npzBytes } = await import('@pare/evaluate/npz')
  return npzBytes(masks)
}

async function* safetensors(masks: readonly MaskArray[]): AsyncGenerator<Uint8Array> {
  const origins = masks.flatMap(({ name, from }): [string, string][] =>
    from === undefined ? [] : [[`from ${name}`, JSON.stringify(from)]],
  )
  yield safetensorsHeader(masks, Object.fromEntries([['mask', '1 stays, 0 is zero'], ...origins]))
  for (const { elements } of masks) yield* elements()
}
