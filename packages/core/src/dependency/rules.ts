import { type Axis, productOf } from './axis.js'
import { arrange } from './rules-arrange.js'
import type { AxisRule, Site } from './site.js'

/**
 * What each operator does to axes, by name. To teach another operator, add a line: tie axes that keep their positions, say which are summed over,
 * and leave out what must not change.
 */
export const AXIS_RULES: ReadonlyMap<string, AxisRule> = new Map<string, AxisRule>([
  ...each(
    'Abs Acos Add And Asin Atan BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor Cast CastLike Ceil Celu Clip Cos Cosh Div Dropout Elu Equal Erf Exp Floor',
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
  ['MatMul', matmul],
  ['Gemm', gemm],
  ['Conv', conv],
  ['ConvTranspose', convTranspose],
  ['BatchNormalization', perChannel([1, 2, 3, 4])],
  ['InstanceNormalization', perChannel([1, 2])],
  ...each('LayerNormalization RMSNormalization SimplifiedLayerNormalization', normalization),
  ...each('Softmax LogSoftmax', along),
  ...each('AveragePool MaxPool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool', pool),
  ...each(
    'ReduceMean ReduceMax ReduceMin ReduceL1 ReduceL2 ReduceProd ReduceLogSum ReduceLogSumExp ReduceSumSquare',
    reduce('norm'),
  ),
  ['ReduceSum', reduce('sum')],
  ...arrange,
])

function each(names: string, rule: AxisRule): [string, AxisRule][] {
  return names.split(' ').map((name) => [name, rule])
}

/** Axes are matched from the last one on; an axis of size 1 is stretched and says nothing. */
function elementwise(site: Site): void {
  const out = site.output(0) ?? []
  for (const input of inputsOf(site)) tieBroadcast(site, input, out)
  site.free(...out, ...inputsOf(site).flat())
  site.free(...(site.output(1) ?? []))
  for (const [i, axis] of (site.output(1) ?? []).entries()) site.tie(axis, out[i])
}

export function inputsOf(site: Site): (readonly Axis[])[] {
  return site.node.inputs.flatMap((_, i) => {
    const axes = site.input(i)
    return axes === undefined ? [] : [axes]
  })
}

export function tieBroadcast(site: Site, input: readonly Axis[], out: readonly Axis[]): void {
  for (let i = 1; i <= input.length; i++) {
    const [from, to] = [input.at(-i)!, out.at(-i)]
    if (to !== undefined && (from.size !== 1 || to.size === 1)) site.tie(from, to)
  }
}

/** [… m, k] × [… k, n] → [… m, n] */
function matmul(site: Site): void {
  const [a, b, out] = [site.input(0), site.input(1), site.output(0)]
  if (a === undefined || b === undefined || out === undefined || a.length < 2 || b.length < 2) return
  tieBroadcast(site, a.slice(0, -2), out.slice(0, -2))
  tieBroadcast(site, b.slice(0, -2), out.slice(0, -2))
  site.free(...out.slice(0, -2), ...a.slice(0, -2), ...b.slice(0, -2))
  const weight = site.isConstant(1) ? 1 : site.isConstant(0) ? 0 : undefined
  site.tie(a.at(-2), out.at(-2))
  site.tie(b.at(-1), out.at(-1))
  site.tie(a.at(-1), b.at(-2))
  site.contract(weight === 0 ? 1 : 0, weight === 0 ? b.length - 2 : a.length - 1)
  if (weight === undefined) {
    site.role('batch', ...out.slice(0, -2))
    site.role('inner', a.at(-1))
  } else {
    site.role('matmul-in', a.at(-1))
    site.role('matmul-out', weight === 1 ? out.at(-1) : out.at(-2))
  }
}

function gemm(site: Site): void {
  const [a, b, c, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  if (a === undefined || b === undefined || out === undefined) return
  const [m, k] = site.int('transA', 0) === 1 ? ([1, 0] as const) : ([0, 1] as const)
  const [inner, n] = site.int('transB', 0) === 1 ? ([1, 0] as const) : ([0, 1] as const)
  site.tie(a[m], out[0])
  site.tie(b[n], out[1])
  site.tie(a[k], b[inner])
  site.contract(0, k)
  site.role('matmul-in', a[k])
  site.role('matmul-out', out[1])
  if (c !== undefined) {
    tieBroadcast(site, c, out)
    site.free(...c)
  }
}

/** X [n, in, …] with W [out, in ÷ group, …]: channels are group × (in ÷ group) and group × (out ÷ group). */
function conv(site: Site): void {
  const [x, w, bias, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  if (x === undefined || w === undefined || out === undefined) return
  const count = site.int('group', 1)
  site.tie(x[0], out[0])
  site.tie(w[0], out[1])
  site.tie(bias?.[0], out[1])
  if (count === 1) site.tie(x[1], w[1])
  else tieGroups(site, count, { outer: [w[0]!, 'rest'], inner: [x[1]!, w[1]!] })
  if (w[1]!.size > 1 || count === 1) site.contract(0, 1)
  site.role('conv-in', w[1])
  site.role('conv-out', w[0])
}

/** W [in, out ÷ group, …] */
function convTranspose(site: Site): void {
  const [x, w, bias, out] = [site.input(0), site.input(1), site.input(2), site.output(0)]
  if (x === undefined || w === undefined || out === undefined) return
  const count = site.int('group', 1)
  site.tie(x[0], out[0])
  site.tie(x[1], w[0])
  site.tie(bias?.[0], out[1])
  if (count === 1) site.tie(w[1], out[1])
  else tieGroups(site, count, { outer: [x[1]!, 'rest'], inner: [out[1]!, w[1]!] })
  site.contract(0, 1)
  site.role('conv-in', w[0])
  site.role('conv-out', out[1])
}

/** One axis is group × whatever is left of it, the other group × `each`. */
function tieGroups(
  site: Site,
  count: number,
  { outer, inner }: { outer: [Axis, 'rest']; inner: [whole: Axis, each: Axis] },
): void {
  const group = newAtom(count)
  const rest = newAtom(outer[0].size / count)
  site.tie(outer[0], productOf([group, rest]))
  const [whole, part] = inner
  site.tie(whole, productOf([group, part]))
  site.free(part)
  site.role('group', group)
}

function newAtom(size: number): Axis {
  return { size, roles: new Set() }
}

/** Axis 1 is worked on channel by channel, with a vector of parameters for each of these inputs. */
function perChannel(parameters: readonly number[]): AxisRule {
  return (site) => {
    const [x, out] = [site.input(0), site.output(0)]
    if (x === undefined || out === undefined) return
    for (const [i, axis] of out.entries()) site.tie(x[i], axis)
    for (const parameter of parameters) site.tie(site.input(parameter)?.[0], out[1])
    // Training outputs of BatchNormalization: running statistics.
    for (const extra of [1, 2, 3, 4]) site.tie(site.output(extra)?.[0], out[1])
  }
}

/** Statistics over the axes from `axis` on. */
function normalization(site: Site): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined) return
  for (const [i, axis] of out.entries()) site.tie(x[i], axis)
  const first = site.int('axis', -1)
  const over = x.slice(first < 0 ? first + x.length : first)
  for (const parameter of [1, 2]) {
    const axes = site.input(parameter)
    if (axes !== undefined) tieBroadcast(site, axes, out)
  }
  site.role('norm', ...over)
  for (const extra of [1, 2]) {
    for (const [i, axis] of (site.output(extra) ?? []).entries()) if (axis.size !== 1) site.tie(x[i], axis)
  }
}

/** All axes but one pass. */
function along(site: Site): void {
  const [x, out] = [site.input(0), site.output(0)]
  if (x === undefined || out === undefined) return
  const axis = site.int('axis', -1)
  const at = axis < 0 ? axis + x.length : axis
  for (const i of x.keys()) if (i !== at) site.tie(x[i], out[i])
}

/** Batch and channels pass, windows slide over the others. */
function pool(site: Site): void {
  for (const output of [0, 1]) {
    site.tie(site.input(0)?.[0], site.output(output)?.[0])
    site.tie(site.input(0)?.[1], site.output(output)?.[1])
  }
}

/** A sum without a removed position is the sum with a zero there; any other statistic is not. */
function reduce(kind: 'sum' | 'norm'): AxisRule {
  return (site) => {
    const [x, out] = [site.input(0), site.output(0)]
    if (x === undefined || out === undefined) return
    const given = site.ints('axes') ?? site.value(1)
    if (given === undefined && (site.input(1) !== undefined || site.int('noop_with_empty_axes', 0) === 1)) return
    const over = new Set((given ?? [...x.keys()]).map((axis) => (axis < 0 ? axis + x.length : axis)))
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
