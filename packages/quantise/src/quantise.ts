import { type Model, usesOf } from '@pare/onnx'
import { applyQuantisation } from './apply.js'
import type { BlockSize, Quantiser } from './choices.js'
import { type FoundWeights, findWeights } from './find.js'
import { largest } from './scales.js'
import type { QuantisedWeight, QuantiseStep, UnquantisedWeight } from './step.js'

export interface QuantiseOptions {
  readonly method: Quantiser
  /** Inputs that share a scale in weights of blocks: fewer are nearer to the weight and take more bytes. Default: 32 */
  readonly block?: BlockSize
}

export interface QuantisedModel {
  readonly model: Model
  /** What was done, for a plan: `applyQuantisation` does it again. */
  readonly step: QuantiseStep
}

/**
 * Weights in fewer bits, each rounded to the nearest. Zeros stay zeros, so what was pruned stays pruned.
 *
 * int8: weights of MatMul and Gemm have 8 bits with a scale for each output unit, and are multiplied as integers with inputs that are rounded to 8 bits as they come
 * (they are uint8 around 128: ONNX Runtime 1.30 clips sums of products with int8 on CPUs without VNNI, to half of the right number at worst);
 * tables of rows and weights of other operators are stored as int8 and computed with as floats. int8-weights: all are stored so, or in blocks (MatMulNBits).
 * int4: weights of MatMul and Gemm have 4 bits in blocks, the others 8. f16: all are stored as halves and computed with as floats.
 */
export async function quantise(model: Model, { method, block = 32 }: QuantiseOptions): Promise<QuantisedModel> {
  const found = findWeights(model, method)
  const { weights, left } = method === 'f16' ? await withinHalves(model, found) : found
  const step: QuantiseStep = { kind: 'quantise', method, block, weights, left }
  return { model: weights.length === 0 ? model : await applyQuantisation(model, step), step }
}

const MOST_HALF = 65504

/** Weights with an element that no half holds stay as they are. */
async function withinHalves(model: Model, { weights, left }: FoundWeights): Promise<FoundWeights> {
  const { constants } = usesOf(model.graph)
  const fitting: QuantisedWeight[] = []
  const outside: UnquantisedWeight[] = []
  for (const weight of weights) {
    const most = await largest(constants.get(weight.id)!)
    if (most <= MOST_HALF) fitting.push(weight)
    else {
      const reason = `it has an element of ${most.toPrecision(3)}; a half reaches to ${MOST_HALF}`
      outside.push({ id: weight.id, elements: weight.elements, reason })
    }
  }
  return { weights: fitting, left: [...left, ...outside] }
}
