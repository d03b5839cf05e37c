import { type Model, PareError } from '@pare/onnx'
import { applyQuantisation } from './apply.js'
import type { BlockSize, Quantiser, RangeRule } from './choices.js'
import { findWeights } from './find.js'
import { isHalf } from './halves/halves.js'
import { withFloats } from './halves/stored-halves.js'
import { withinHalves } from './halves/within-halves.js'
import { keepSensitive, type OutputError } from './output-error.js'
import { type IntegerGraph, integerGraph } from './static/integer-graph.js'
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
  /** That the outputs may be off by on calibration data, as a part of their size: weights that bring most of it are kept in more bits. Default: any */
  readonly error?: number
  /** Runs calibration data, which `int8-static` and `error` need. */
  readonly run?: RunData
  readonly signal?: AbortSignal
}

export interface QuantisedModel {
  readonly model: Model
  /** What was done, for a plan: `applyQuantisation` does it again. */
  readonly step: QuantiseStep
  /** Where an error is allowed. */
  readonly outputError?: OutputError
}

/**
 * Weights in fewer bits, each rounded to the nearest. Zeros stay zeros, so what was pruned stays pruned.
 *
 * int8: weights of MatMul and Gemm have 8 bits with a scale for each output unit, and are multiplied as integers with inputs that are rounded to 8 bits as they come
 * (they are uint8 around 128: ONNX Runtime 1.30 clips sums of products with int8 on CPUs without VNNI, to half of the right number at worst);
 * tables of rows and weights of other operators are stored as int8 and computed with as floats. int8-weights: all are stored so, or in blocks (MatMulNBits).
 * int4: weights of MatMul and Gemm have 4 bits in blocks, tables of tokens too where heads multiply with them, the others 8. f16 and bf16: all are stored as halves and computed with as floats.
 */
export async function quantise(
  model: Model,
  { method, block = 32, onGrid, range = 'minmax', error: allowed, run, signal }: QuantiseOptions,
): Promise<QuantisedModel> {
  const floats = isHalf(method) ? model : withFloats(model)
  const base = method === 'int8-static' ? await staticBase(floats, run) : floats
  const findings = findWeights(base, method, block)
  const { weights: nearest, left } = isHalf(method) ? await withinHalves(model, findings, method) : findings
  const weights = nearest.map((weight) => (onGrid?.has(weight.id) ? { ...weight, onGrid: true as const } : weight))
  const ids = weights.filter(({ form }) => form === 'static').map(({ id }) => id)
  const integers = await integerGraph(base, new Set(ids))
  const ranges = { run: run!, rule: range, signal }
  const measured = allowed === undefined ? integers : everyValue(integers)
  const activations = ids.length === 0 ? [] : await measureRanges(base, measured, ranges)
  const whole: QuantiseStep = { kind: 'quantise', method, block, weights, ...(ids.length > 0 && { activations }), left }
  const isLimited = allowed !== undefined && weights.length > 0
  if (isLimited && run === undefined) throw withoutData(method)
  const { step, ...told } = isLimited ? await keepSensitive(base, whole, { allowed, run: run!, signal }) : { step: whole }
  return { model: step.weights.length === 0 ? model : await applyQuantisation(model, step), step, ...told }
}

/** All that are rounded each with a range of its own: with fewer weights in integers some are no longer what another one is. */
function everyValue({ values }: IntegerGraph): Pick<IntegerGraph, 'values'> {
  return { values: new Map([...values].map(([id, value]) => [id, { ...value, like: id }])) }
}

function withoutData(method: Quantiser): PareError {
  return new PareError(`${method}: which weights are sensitive is measured on calibration data, and there are none.`, {
    hint: 'name inputs that are like those the model will meet: --calibrate data.npz',
  })
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
