import { PareError } from '@pare/onnx'
import { readChunks, type WeightReading, type WeightSource } from '../backend/stream.js'

/** Why saliencies cannot be ranked: what the weight holds, or else what the criterion gave. */
export async function notFiniteError(source: WeightSource, reading: WeightReading, criterion?: string): Promise<PareError> {
  const { id, tensor } = source.weight
  for await (const { weights, start } of readChunks(source, reading)) {
    const at = weights.findIndex((weight) => !Number.isFinite(weight))
    if (at < 0) continue
    return new PareError(`'${id}' holds ${weights[at]} at element ${start + at}; weights must be finite to be ranked.`, {
      hint: `repair the model, or leave this weight out with --exclude '${tensor.name}'.`,
    })
  }
  const who = criterion === undefined ? 'the criterion' : `criterion '${criterion}'`
  return new PareError(`${who} gave '${id}' saliencies that are not finite numbers.`, {
    hint: 'this is a fault of the criterion: tell its author. It may divide by zero, or take the root of a negative number.',
  })
}
