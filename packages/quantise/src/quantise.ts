import { type Model, PareError } from '@pare/onnx'
import { applyQuantisation } from './apply.js'
import type { BlockSize, Quantiser, RangeRule } from './choices.js'
import { findWeights } from './find.js'
import { isHalf, withinHalves } from './halves.js'
import { integerGraph } from './static/integer-graph.js'
import { withoutNormalization } from './static/normalization.js'
import { measureRanges, type RunData } from './static/ranges.js'
import type { QuantiseStep } from './step.js'

export interface QuantiseOptions {
  readonly method: Quantiser
  /** Inputs that share a scale in weights of blocks: fewer are nearer to the weight and take more bytes. Default: 32 */
  readonly block?: BlockSize
  /** Names of weights whose elements lie on their grids already. Default: none */
  readonly onGrid?: ReadonlySet<string>
  /** Of `int8-static`. Default: 'minmax' */
  readonly range?: RangeRule
  /** Runs calibration data, which `int8-static` needs. */
  readonly run?: RunData
  readonly signal?: AbortSignal
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
 * int4: weights of MatMul and Gemm have 4 bits in blocks, the others 8. f16 and bf16: all are stored as halves and computed with as floats.
 */
export async function quantise(
  model: Model,
  { method, block = 32, onGrid, range = 'minmax', run, signal }: QuantiseOptions,
): Promise<QuantisedModel> {
  const base = method === 'int8-static' ? await staticBase(model, run) : model
  const found = findWeights(base, method)
  const { weights: nearest, left } = isHalf(method) ? await withinHalves(model, found, method) : found
  const weights = nearest.map((weight) => (onGrid?.has(weight.id) ? { ...weight, onGrid: true as const } : weight))
  const ids = weights.filter(({ form }) => form === 'static').map(({ id }) => id)
  const ranges = { run: run!, rule: range, signal }
  const activations = ids.length === 0 ? [] : await measureRanges(base, await integerGraph(base, new Set(ids)), ranges)
  const step: QuantiseStep = { kind: 'quantise', method, block, weights, ...(ids.length > 0 && { activations }), left }
  return { model: weights.length === 0 ? model : await applyQuantisation(model, step), step }
}

/** What ranges are measured on. */
async function staticBase(model: Model, run: RunData | undefined): Promise<Model> {
  const opset = model.opsets.get('') ?? 1
  if (opset < PER_UNIT)
    throw new PareError(
      `int8-static: the model has opset ${opset}, and scales for each output unit came with opset ${PER_UNIT}.`,
      {
        hint: `export it with opset ${PER_UNIT} or later, or choose int8, which needs none.`,
      },
    )
  if (run === undefined)
    throw new PareError('int8-static needs calibration data, to measure what values between layers reach, and there are none.', {
      hint: 'name inputs that are like those the model will meet: --calibrate data.npz; int8 needs none.',
    })
  return withoutNormalization(model)
}

/** The opset of QuantizeLinear with an axis. */
const PER_UNIT = 13
