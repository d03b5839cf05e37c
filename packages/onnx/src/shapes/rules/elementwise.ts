import type { DataType } from '../../model.js'
import { typed } from './elements.js'
import {
  broadcast,
  each,
  type Fact,
  type Facts,
  type InferenceFacts,
  MOST_ELEMENTS,
  type OperatorCall,
  product,
  type ShapeRule,
  type ShapeRules,
} from './rule.js'

/** One input, or the first of them, in the shape of the output. */
const same: ShapeRule = (call) => [{ shape: call.shape(0) }]

/** `same`, and computed where the elements are known. */
function computed(compute: (x: number) => number): ShapeRule {
  return (call) => {
    const source = call.value(0)
    return [{ shape: call.shape(0), value: source && typed(source.type, source.numbers.map(compute)) }]
  }
}

/** Two or more inputs, broadcast, and computed where both elements are known. `type`: of the result, if not that of the inputs. */
function combined(compute?: (x: number, y: number, whole: boolean) => number, type?: DataType): ShapeRule {
  return (call) => {
    if (call.opset < 7 && call.node.domain === '' && call.node.inputs.length === 2) return same(call)
    const [first, ...others] = call.node.inputs.map((_, i): Fact => ({ shape: call.shape(i), value: call.value(i) }))
    if (first === undefined) return []
    const result = others.reduce((left, right) => combine(left, right, compute), first)
    return [{ ...result, value: result.value && typed(type ?? result.value.type, result.value.numbers) }]
  }
}

function combine(left: Fact, right: Fact, compute?: (x: number, y: number, whole: boolean) => number): Fact {
  if (left.shape === undefined || right.shape === undefined) return {}
  const shape = broadcast(left.shape, right.shape)
  if (shape === undefined || compute === undefined || left.value === undefined || right.value === undefined) return { shape }
  if (product(shape) > MOST_ELEMENTS) return { shape }
  const whole = isWhole(left.value)
  const a = spread(left.value.numbers, left.shape, shape)
  const b = spread(right.value.numbers, right.shape, shape)
  return { shape, value: { type: left.value.type, numbers: a.map((x, i) => compute(x, b[i]!, whole)) } }
}

function isWhole({ type }: InferenceFacts): boolean {
  return /^u?int|^bool/.test(type)
}

/** Elements of `from` at each place of the shape `to` that it broadcasts to. */
export function spread(numbers: readonly number[], from: readonly number[], to: readonly number[]): number[] {
  const lead = to.length - from.length
  return Array.from({ length: product(to) }, (_, flat) => {
    let index = 0
    let stride = 1
    let rest = flat
    for (let axis = to.length - 1; axis >= 0; axis--) {
      const at = rest % to[axis]!
      rest = Math.floor(rest / to[axis]!)
      const size = axis < lead ? 1 : from[axis - lead]!
      index += size === 1 ? 0 : at * stride
      stride *= size
    }
    return numbers[index]!
  })
}

const divide = (x: number, y: number, whole: boolean): number => (whole ? Math.trunc(x / y) : x / y)
const truth = (holds: boolean): number => (holds ? 1 : 0)

/** ONNX's Mod takes the sign of the divisor, as Python's; with fmod that of the dividend. */
const mod: ShapeRule = (call) => {
  const fmod = call.int('fmod', 0) === 1
  return combined((x, y) => (fmod || x % y === 0 || x < 0 === y < 0 ? x % y : (x % y) + y))(call)
}

function cast(call: OperatorCall): Facts {
  const source = call.value(0)
  const to = CAST_TYPES.get(call.int('to', 0))
  if (source === undefined || to === undefined) return same(call)
  const whole = /^u?int/.test(to)
  const numbers = source.numbers.map((x) => (to === 'bool' ? truth(x !== 0) : whole ? Math.trunc(x) : x))
  return [{ shape: call.shape(0), value: typed(to, numbers) }]
}

/** Half-way between two whole numbers, the even one. */
function round(x: number): number {
  const near = Math.round(x)
  return Math.abs(x % 1) === 0.5 && near % 2 !== 0 ? near - 1 : near
}

/** Bounds are attributes before opset 11, and inputs since. */
function clip(call: OperatorCall): Facts {
  const bound = (input: number, name: string, otherwise: number) =>
    call.has(input) ? call.value(input)?.numbers[0] : call.float(name, otherwise)
  const [least, most] = [bound(1, 'min', Number.NEGATIVE_INFINITY), bound(2, 'max', Number.POSITIVE_INFINITY)]
  if (least === undefined || most === undefined) return same(call)
  return computed((x) => Math.min(Math.max(x, least), most))(call)
}

/** Types that elements keep their numbers in, by number in TensorProto. */
const CAST_TYPES: ReadonlyMap<number, DataType> = new Map([
  [1, 'float32'],
  [6, 'int32'],
  [7, 'int64'],
  [9, 'bool'],
  [11, 'float64'],
])

function where(call: OperatorCall): Facts {
  const [condition, yes, no] = [0, 1, 2].map((i) => ({ shape: call.shape(i), value: call.value(i) })) as [Fact, Fact, Fact]
  const either = combine(yes, no)
  if (either.shape === undefined || condition.shape === undefined) return []
  const shape = broadcast(condition.shape, either.shape)
  if (shape === undefined || product(shape) > MOST_ELEMENTS) return [{ shape }]
  if (condition.value === undefined || yes.value === undefined || no.value === undefined) return [{ shape }]
  const conditions = spread(condition.value.numbers, condition.shape, shape)
  const a = spread(yes.value.numbers, yes.shape!, shape)
  const b = spread(no.value.numbers, no.shape!, shape)
  return [{ shape, value: { type: yes.value.type, numbers: conditions.map((holds, i) => (holds !== 0 ? a[i]! : b[i]!)) } }]
}

/** The second output, a mask or the like, has the shape of the first too. */
const sameTwice: ShapeRule = (call) => [{ shape: call.shape(0) }, { shape: call.shape(0) }]

export const elementwise: ShapeRules = {
  ...each(
    `Acos Acosh Asin Asinh Atan Atanh BitwiseNot Celu Cos Cosh Elu Erf Gelu HardSigmoid HardSwish Hardmax
     IsInf IsNaN LeakyRelu LogSoftmax LpNormalization LRN MeanVarianceNormalization Mish PRelu Selu Shrink Sigmoid
     Sin Sinh Softmax Softplus Softsign Swish Tan Tanh ThresholdedRelu
     QuantizeLinear DequantizeLinear Bernoulli RandomNormalLike RandomUniformLike CastLike
     GroupNormalization InstanceNormalization RMSNormalization SimplifiedLayerNormalization`,
    same,
  ),
  Dropout: sameTwice,
  Identity: computed((x) => x),
  Neg: computed((x) => -x),
  Abs: computed(Math.abs),
  Floor: computed(Math.floor),
  Ceil: computed(Math.ceil),
  Round: computed(round),
  Sqrt: computed(Math.sqrt),
  Exp: computed(Math.exp),
  Log: computed(Math.log),
  Sign: computed(Math.sign),
  Relu: computed((x) => Math.max(x, 0)),
  Clip: clip,
  Not: computed((x) => truth(x === 0)),
  Reciprocal: computed((x) => 1 / x),
  Cast: cast,
  Add: combined((x, y) => x + y),
  Sub: combined((x, y) => x - y),
  Mul: combined((x, y) => x * y),
  Div: combined(divide),
  Mod: mod,
  Pow: combined((x, y) => x ** y),
  Min: combined((x, y) => Math.min(x, y)),
  Max: combined((x, y) => Math.max(x, y)),
  Equal: combined((x, y) => truth(x === y), 'bool'),
  Greater: combined((x, y) => truth(x > y), 'bool'),
  GreaterOrEqual: combined((x, y) => truth(x >= y), 'bool'),
  Less: combined((x, y) => truth(x < y), 'bool'),
  LessOrEqual: combined((x, y) => truth(x <= y), 'bool'),
  And: combined((x, y) => truth(x !== 0 && y !== 0)),
  Or: combined((x, y) => truth(x !== 0 || y !== 0)),
  Xor: combined((x, y) => truth(x !== y)),
  Sum: combined((x, y) => x + y),
  ...each('Mean BitShift BitwiseAnd BitwiseOr BitwiseXor', combined()),
  Where: where,
}
