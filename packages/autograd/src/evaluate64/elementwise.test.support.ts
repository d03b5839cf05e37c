import { type DataType, dataTypeOf } from '@pare/onnx'
import { type Array64, array, broadcastOffsets, broadcastShape } from './array.test.support.js'
import { type Call, type Operator, type Operators, Unsupported } from './call.test.support.js'
import { erf } from './erf.test.support.js'

type Unary = (x: number) => number
type Binary = (a: number, b: number) => number

/** One input, one output of its shape. */
function unary(of: (call: Call) => Unary, type?: DataType): Operator {
  return (call) => {
    const x = call.input(0)
    return [array(x.shape, x.data.map(of(call)), type ?? x.type)]
  }
}

/** Folds all inputs from the left, broadcast to one shape. */
function folded(of: (call: Call, type: DataType) => Binary, type?: DataType): Operator {
  return (call) => {
    if (call.node.domain === '' && call.opset < 7 && call.inputs.length > 1)
      throw new Unsupported('broadcasting before version 7')
    const inputs = call.inputs.map((_, i) => call.input(i))
    const combine = of(call, inputs[0]!.type)
    return [inputs.slice(1).reduce((a, b) => combined(a, b, combine, type ?? a.type), inputs[0]!)]
  }
}

/** Both broadcast, combined element by element. */
export function combined(a: Array64, b: Array64, combine: Binary, type: DataType = a.type): Array64 {
  const shape = broadcastShape(a.shape, b.shape)
  const left = broadcastOffsets(a.shape, shape)
  const right = broadcastOffsets(b.shape, shape)
  return array(
    shape,
    Float64Array.from(left, (offset, i) => combine(a.data[offset]!, b.data[right[i]!]!)),
    type,
  )
}

const sigmoid: Unary = (x) => 1 / (1 + Math.exp(-x))
const softplus: Unary = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
const isInteger = (type: DataType) => /^u?int/.test(type)

const plain: Readonly<Record<string, Unary>> = {
  Abs: Math.abs,
  Acos: Math.acos,
  Acosh: Math.acosh,
  Asin: Math.asin,
  Asinh: Math.asinh,
  Atan: Math.atan,
  Atanh: Math.atanh,
  Ceil: Math.ceil,
  Cos: Math.cos,
  Cosh: Math.cosh,
  Erf: erf,
  Exp: Math.exp,
  Floor: Math.floor,
  HardSwish: (x) => x * Math.max(0, Math.min(1, x / 6 + 0.5)),
  Identity: (x) => x,
  Log: Math.log,
  Mish: (x) => x * Math.tanh(softplus(x)),
  Neg: (x) => -x,
  Reciprocal: (x) => 1 / x,
  Relu: (x) => Math.max(x, 0),
  Round: roundHalfEven,
  Sigmoid: sigmoid,
  Sign: Math.sign,
  Sin: Math.sin,
  Sinh: Math.sinh,
  Softplus: softplus,
  Softsign: (x) => x / (1 + Math.abs(x)),
  Sqrt: Math.sqrt,
  Tan: Math.tan,
  Tanh: Math.tanh,
}

function roundHalfEven(x: number): number {
  const down = Math.floor(x)
  if (x - down !== 0.5) return Math.round(x)
  return down % 2 === 0 ? down : down + 1
}

const withAttributes: Readonly<Record<string, (call: Call) => Unary>> = {
  Celu: (call) => {
    const alpha = call.float('alpha', 1)
    return (x) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha))
  },
  Elu: (call) => {
    const alpha = call.float('alpha', 1)
    return (x) => (x < 0 ? alpha * Math.expm1(x) : x)
  },
  Gelu: (call) => (call.string('approximate', 'none') === 'tanh' ? geluTanh : gelu),
  HardSigmoid: (call) => {
    const alpha = call.float('alpha', 0.2)
    const beta = call.float('beta', 0.5)
    return (x) => Math.max(0, Math.min(1, alpha * x + beta))
  },
  LeakyRelu: (call) => {
    const alpha = call.float('alpha', 0.01)
    return (x) => (x < 0 ? alpha * x : x)
  },
  Selu: (call) => {
    const alpha = call.float('alpha', Math.fround(1.6732632423543772))
    const gamma = call.float('gamma', Math.fround(1.0507009873554805))
    return (x) => gamma * (x > 0 ? x : alpha * Math.expm1(x))
  },
  Shrink: (call) => {
    const bias = call.float('bias', 0)
    const lambd = call.float('lambd', 0.5)
    return (x) => (x < -lambd ? x + bias : x > lambd ? x - bias : 0)
  },
  Swish: (call) => {
    const alpha = call.float('alpha', 1)
    return (x) => x * sigmoid(alpha * x)
  },
  ThresholdedRelu: (call) => {
    const alpha = call.float('alpha', 1)
    return (x) => (x > alpha ? x : 0)
  },
}

const gelu: Unary = (x) => (x / 2) * (1 + erf(x / Math.SQRT2))
const geluTanh: Unary = (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))

const binary: Readonly<Record<string, (call: Call, type: DataType) => Binary>> = {
  Add: () => (a, b) => a + b,
  Sub: () => (a, b) => a - b,
  Mul: () => (a, b) => a * b,
  Div: (_, type) => (isInteger(type) ? (a, b) => Math.trunc(a / b) : (a, b) => a / b),
  Pow: (_, type) => (isInteger(type) ? (a, b) => Math.trunc(a ** b) : (a, b) => a ** b),
  PRelu: () => (x, slope) => (x < 0 ? slope * x : x),
  Mod: (call) => (call.int('fmod', 0) === 1 ? (a, b) => a % b : (a, b) => a - b * Math.floor(a / b)),
  Max: () => Math.max,
  Min: () => Math.min,
  Sum: () => (a, b) => a + b,
}

const logical: Readonly<Record<string, Binary>> = {
  And: (a, b) => a & b,
  Or: (a, b) => a | b,
  Xor: (a, b) => a ^ b,
  Equal: (a, b) => Number(a === b),
  Greater: (a, b) => Number(a > b),
  GreaterOrEqual: (a, b) => Number(a >= b),
  Less: (a, b) => Number(a < b),
  LessOrEqual: (a, b) => Number(a <= b),
}

export const elementwise: Operators = {
  ...mapped(plain, (of) => unary(() => of)),
  ...mapped(withAttributes, (of) => unary(of)),
  ...mapped(binary, (of) => folded(of)),
  ...mapped(logical, (of) => folded(() => of, 'bool')),
  Not: unary(() => (x) => 1 - x, 'bool'),
  IsNaN: unary(() => (x) => Number(Number.isNaN(x)), 'bool'),
  IsInf: unary((call) => {
    const positive = call.int('detect_positive', 1) === 1
    const negative = call.int('detect_negative', 1) === 1
    return (x) => Number((positive && x === Infinity) || (negative && x === -Infinity))
  }, 'bool'),
  Mean: (call) => {
    const [sum] = folded(() => (a, b) => a + b)(call)
    return [
      array(
        sum!.shape,
        sum!.data.map((x) => x / call.inputs.length),
      ),
    ]
  },
  Clip: (call) => {
    const x = call.input(0)
    const low = call.inputs[1]?.data[0] ?? call.float('min', -Infinity)
    const high = call.inputs[2]?.data[0] ?? call.float('max', Infinity)
    return [
      array(
        x.shape,
        x.data.map((each) => Math.min(high, Math.max(low, each))),
        x.type,
      ),
    ]
  },
  Where: (call) => {
    const [condition, x, y] = [call.input(0), call.input(1), call.input(2)]
    const shape = broadcastShape(condition.shape, x.shape, y.shape)
    const [c, a, b] = [condition, x, y].map((each) => broadcastOffsets(each.shape, shape))
    return [
      array(
        shape,
        Float64Array.from(c!, (at, i) => (condition.data[at] !== 0 ? x.data[a![i]!]! : y.data[b![i]!]!)),
        x.type,
      ),
    ]
  },
  Cast: (call) => [cast(call.input(0), dataTypeOf(call.int('to', 1)))],
  CastLike: (call) => [cast(call.input(0), call.input(1).type)],
  Dropout: (call) => {
    const ratio = call.inputs[1]?.data[0] ?? call.float('ratio', 0.5)
    if (call.inputs[2]?.data[0] === 1 && ratio !== 0) throw new Unsupported('Dropout that trains')
    const x = call.input(0)
    return [x, array(x.shape, new Float64Array(x.data.length).fill(1), 'bool')]
  },
  BiasGelu: (call) => [withBias(call, gelu)],
  FastGelu: (call) => [withBias(call, geluTanh)],
  QuickGelu: (call) => {
    const x = call.input(0)
    const alpha = call.float('alpha', 1.702)
    return [
      array(
        x.shape,
        x.data.map((each) => each * sigmoid(alpha * each)),
      ),
    ]
  },
}

function withBias(call: Call, of: Unary): Array64 {
  const sum = call.inputs[1] === undefined ? call.input(0) : combined(call.input(0), call.input(1), (a, b) => a + b)
  return array(sum.shape, sum.data.map(of))
}

function cast(x: Array64, type: DataType | undefined): Array64 {
  if (type === undefined || type === 'string' || x.type === 'string') throw new Unsupported(`Cast to ${type}`)
  if (type === 'bool')
    return array(
      x.shape,
      x.data.map((each) => Number(each !== 0)),
      type,
    )
  return array(x.shape, isInteger(type) ? x.data.map(Math.trunc) : x.data, type)
}

function mapped<T>(table: Readonly<Record<string, T>>, of: (entry: T) => Operator): Operators {
  return Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, of(entry)]))
}
