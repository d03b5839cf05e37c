import { type Model, usesOf } from '@pare/onnx'
import type { FoundWeights } from '../find.js'
import { largest } from '../scales.js'
import type { QuantisedWeight, UnquantisedWeight } from '../step.js'
import { HALF_TYPES, type HalfMethod, MOST_HALF } from './halves.js'

/** Weights with an element that no half holds stay as they are. */
export async function withinHalves(model: Model, { weights, left }: FoundWeights, method: HalfMethod): Promise<FoundWeights> {
  const { constants } = usesOf(model.graph)
  const fitting: QuantisedWeight[] = []
  const outside: UnquantisedWeight[] = []
  for (const weight of weights) {
    const most = await largest(constants.get(weight.id)!)
    if (most <= MOST_HALF[method]) fitting.push(weight)
    else {
      const reason = `it has an element of ${most.toPrecision(3)}; ${HALF_TYPES[method]} reaches to ${Number(MOST_HALF[method].toPrecision(5))}`
      outside.push({ id: weight.id, elements: weight.elements, reason })
    }
  }
  return { weights: fitting, left: [...left, ...outside] }
}
