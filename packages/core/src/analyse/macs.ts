import { elementCount, inferShapes, type Model } from '@pare/onnx'
import { weightsOf } from './analyse.js'

/**
 * Multiply-accumulates of the products with weights, for one sample: symbolic sizes (batch, sequence) are 1, so for a language model it is one
 * token. Zeros count like other numbers. Null where the shape of an output does not follow from the model.
 */
export async function countMacs(model: Model): Promise<number | null> {
  const macs = await macsOfWeights(model)
  return macs && [...macs.values()].reduce((a, b) => a + b, 0)
}

/** The same for each weight, by its id. Every element of a weight has an equal share. */
export async function macsOfWeights(model: Model): Promise<ReadonlyMap<string, number> | null> {
  const { shapes } = await inferShapes(model)
  const counts = new Map<string, number>()
  for (const { id, rows, uses } of weightsOf(model)) {
    let macs = 0
    for (const { node } of uses) {
      const outputs = node.op === 'ConvTranspose' ? shapes.get(node.inputs[0]!) : shapes.get(node.outputs[0]!)
      if (outputs === undefined) return null
      // A ConvTranspose spreads each input element over rows.out · kernel elements, the others gather before · after for each output.
      macs += elementCount(outputs) * (node.op === 'ConvTranspose' ? rows.out * rows.after : rows.before * rows.after)
    }
    counts.set(id, macs)
  }
  return counts
}
