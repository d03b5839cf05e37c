import { atom, productOf } from '../axis.js'
import type { AxisRule, AxisSite } from '../site.js'
import { arrange } from './arrange.js'
import { attention } from './attention.js'
import { each, elementwise, fromFront, tieAll } from './broadcast.js'
import { convolutions } from './convolution.js'
import { experts } from './experts.js'
import { image } from './image.js'
import { index, isChosen } from './index.js'
import { matrix } from './matrix.js'
import { normalize } from './normalize.js'
import { quantisedLayers } from './quantised-layers.js'
import { quantize } from './quantize.js'
import { recurrent } from './recurrent.js'
import { spectrum } from './spectrum.js'

/**
 * What each operator does to axes, by name. To teach another operator, add a line: tie axes that keep their positions, say which are summed over,
 * and leave out what must not change.
 */
export const AXIS_RULES: ReadonlyMap<string, AxisRule> = new Map<string, AxisRule>([
  ...each(
    'Abs Acos Add And Asin Atan BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Acosh Asinh Atanh Cast Ceil Celu Clip Cos Cosh Div Dropout Elu Erf Exp Floor',
    elementwise,
  ),
  ...each(
    'Gelu Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Less LessOrEqual Log Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow Reciprocal',
    elementwise,
  ),
  ...each(
    'Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Sub Sum Swish Tan Tanh ThresholdedRelu Where Xor com.microsoft.BiasGelu com.microsoft.FastGelu com.microsoft.Gelu com.microsoft.QuickGelu',
    elementwise,
  ),
  ['CastLike', castLike],
  ['Equal', equal],
  ['com.microsoft.BiasSplitGelu', biasSplitGelu],
  ...convolutions,
  ...each('AveragePool MaxPool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool', pool),
  ...each('ReduceMean ReduceMax ReduceMin ReduceProd ReduceLogSumExp', reduce('norm')),
  ...each('ReduceSum ReduceSumSquare ReduceL1 ReduceL2 ReduceLogSum', reduce('sum')),
  ...matrix,
  ...normalize,
  ...attention,
  ...recurrent,
  ...experts,
  ...arrange,
  ...image,
  ...index,
  ...spectrum,
  ...quantize,
  ...quantisedLayers,
])

function equal(site: AxisSite): void {
  isChosen(site)
  elementwise(site)
}

/** Only the type of the second input counts. */
function castLike(site: AxisSite): void {
  tieAll(site, site.input(0), site.output(0))
  site.free(...(site.input(1) ?? []))
}

/** One half of the last axis times the Gelu of the other: 2 × units become units. */
function biasSplitGelu(site: AxisSite): void {
  const [x, bias, out] = [site.input(0), site.input(1), site.output(0)]
  if (x === undefined || bias === undefined || out === undefined || x.at(-1)!.size !== 2 * out.at(-1)!.size) return
  tieAll(site, x, out, (axis) => axis === out.length - 1)
  site.tie(x.at(-1), productOf([atom(2, `BiasSplitGelu '${site.name}' halves it`), out.at(-1)!]))
  site.tie(bias[0], x.at(-1))
  site.free(out.at(-1))
}

/** Batch and channels pass, windows slide over the others. The indices of MaxPool count through the whole tensor: they hold everything. */
function pool(site: AxisSite): void {
  if (site.output(1) !== undefined) return
  tieAll(site, site.input(0), site.output(0), (axis) => axis > 1)
}

/** A sum without a removed position is the sum with a zero there, and so are these norms; any other statistic is not. */
function reduce(kind: 'sum' | 'norm'): AxisRule {
  return (site) => {
    const [x, out] = [site.input(0), site.output(0)]
    const over = x && reducedAxes(site, x.length)
    if (x === undefined || out === undefined || over === undefined) return
    const kept = [...x.keys()].filter((i) => !over.has(i))
    const keepdims = site.int('keepdims', 1) === 1
    for (const [i, axis] of kept.entries()) site.tie(x[axis], out[keepdims ? axis : i])
    for (const axis of over) {
      if (kind === 'sum') site.contract(0, axis)
      else {
        site.free(x[axis])
        site.role('norm', x[axis])
      }
      if (keepdims) site.free(out[axis])
    }
    site.free(...(site.input(1) ?? []))
  }
}

/** All where no axes are given, unless the node says that means none. Undefined: not known. */
function reducedAxes(site: AxisSite, rank: number): Set<number> | undefined {
  const list = site.ints('axes') ?? site.value(1)
  if (list === undefined && site.input(1) !== undefined) return undefined
  if (list !== undefined && list.length > 0) return new Set(list.map((axis) => fromFront(axis, rank)))
  return new Set(site.int('noop_with_empty_axes', 0) === 1 ? [] : Array(rank).keys())
}
