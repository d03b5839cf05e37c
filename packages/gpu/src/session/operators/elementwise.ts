import { dataTypeOf } from '@pare/onnx'
import { map, numberArray, settled } from '../../arrays/compute.js'
import type { DeviceType, ElementOp, LazyArray } from '../../arrays/element.js'
import type { Recording } from '../../arrays/recording.js'
import { input, numbersIn, type Operator, type RecordedCall, UnsupportedCall } from './recorded-call.js'

/** How expressions of arrays are written here: numbers stand for arrays of one element. */
export class LazyArithmetic {
  readonly #recording: Recording

  constructor({ recording }: { readonly recording: Recording }) {
    this.#recording = recording
  }

  of(op: ElementOp, type: DeviceType, ...operands: readonly (LazyArray | number)[]): LazyArray {
    const arrays = operands.map((each) => (typeof each === 'number' ? numberArray('f32', each) : each))
    return map(this.#recording, { op, type }, arrays)
  }

  add = (a: LazyArray, b: LazyArray | number) => this.of('add', 'f32', a, b)
  multiply = (a: LazyArray, b: LazyArray | number) => this.of('multiply', 'f32', a, b)
  divide = (a: LazyArray | number, b: LazyArray | number) => this.of('divide', 'f32', a, b)
  maximum = (a: LazyArray, b: LazyArray | number) => this.of('maximum', 'f32', a, b)
  minimum = (a: LazyArray, b: LazyArray | number) => this.of('minimum', 'f32', a, b)
  sigmoid = (a: LazyArray) => this.of('sigmoid', 'f32', a)
  where = (condition: LazyArray, a: LazyArray | number, b: LazyArray | number) => this.of('where', 'f32', condition, a, b)

  /** x/2 · (1 + erf(x/√2)) */
  gelu = (x: LazyArray) =>
    this.multiply(this.multiply(x, 0.5), this.add(this.of('erf', 'f32', this.multiply(x, Math.SQRT1_2)), 1))
  /** x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³))) */
  geluTanh = (x: LazyArray) => {
    const cubic = this.add(this.multiply(this.multiply(x, x), 0.044715), 1)
    const inner = this.of('tanh', 'f32', this.multiply(this.multiply(x, Math.sqrt(2 / Math.PI)), cubic))
    return this.multiply(this.multiply(x, 0.5), this.add(inner, 1))
  }
  /** x · sigmoid(αx) */
  swish = (x: LazyArray, alpha: number) => this.multiply(x, this.sigmoid(alpha === 1 ? x : this.multiply(x, alpha)))
}

type Unary = (x: LazyArray, arithmetic: LazyArithmetic, call: RecordedCall) => LazyArray

const simple =
  (op: ElementOp): Unary =>
  (x, it) =>
    it.of(op, 'f32', x)

/** Of an operator that takes floats: integers would need another kernel. */
const unary =
  (compute: Unary): Operator =>
  (call) => {
    const x = input(call, 0)
    if (x.type !== 'f32') throw new UnsupportedCall(`${call.node.op} of ${x.type}`)
    return compute(x, new LazyArithmetic(call), call)
  }

/** Of two arrays of one type, from the left where there are more. */
const arithmetic =
  (f32: ElementOp, i32?: ElementOp): Operator =>
  (call) =>
    call.inputs
      .map((_, i) => input(call, i))
      .reduce((a, b) => {
        const op = a.type === 'f32' ? f32 : a.type === 'i32' ? i32 : undefined
        if (op === undefined || a.type !== b.type) throw new UnsupportedCall(`${call.node.op} of ${a.type} and ${b.type}`)
        return map(call.recording, { op, type: a.type }, [a, b])
      })

const comparison =
  (op: ElementOp, swapped = false): Operator =>
  (call) => {
    const operands = [input(call, 0), input(call, 1)]
    return map(call.recording, { op, type: 'bool' }, swapped ? operands.reverse() : operands)
  }

const logical =
  (op: ElementOp): Operator =>
  (call) => {
    if (call.inputs.some((array) => array?.type !== 'bool')) throw new UnsupportedCall(`${call.node.op} of numbers`)
    return map(call.recording, { op, type: 'bool' }, call.inputs as LazyArray[])
  }

/** The one number that an optional input holds. */
function limit(call: RecordedCall, index: number, attribute: string): number | undefined {
  const array = call.inputs[index]
  return array === undefined ? call.attributes.float(attribute) : numbersIn(array)[0]
}

export function cast({ recording }: { readonly recording: Recording }, array: LazyArray, type: DeviceType): LazyArray {
  if (array.type === type) return array
  const op = { f32: 'toFloat', i32: 'toInteger', bool: 'toBool' } as const
  return map(recording, { op: op[type], type }, [array])
}

/** How values of a type of ONNX lie on the device; undefined where they do not. Halves and doubles are f32 there, integers have 32 bits. */
export function elementTypeOf(type: string | undefined): DeviceType | undefined {
  if (type === undefined) return undefined
  if (/^b?float(16|32|64)?$/.test(type) || type === 'double') return 'f32'
  return type === 'bool' ? 'bool' : /^u?int(8|16|32|64)$/.test(type) ? 'i32' : undefined
}

export const ELEMENTWISE: Readonly<Record<string, Operator>> = {
  Add: arithmetic('add', 'addI'),
  Sub: arithmetic('subtract', 'subtractI'),
  Mul: arithmetic('multiply', 'multiplyI'),
  Div: arithmetic('divide', 'divideI'),
  Min: arithmetic('minimum', 'minimum'),
  Max: arithmetic('maximum', 'maximum'),
  Sum: arithmetic('add', 'addI'),
  Pow(call) {
    const [x, y] = [input(call, 0), cast(call, input(call, 1), 'f32')]
    if (x.type !== 'f32') throw new UnsupportedCall(`Pow of ${x.type}`)
    return map(call.recording, { op: 'power', type: 'f32' }, [x, y])
  },
  Less: comparison('less'),
  LessOrEqual: comparison('lessOrEqual'),
  Greater: comparison('less', true),
  GreaterOrEqual: comparison('lessOrEqual', true),
  Equal: comparison('equal'),
  And: logical('and'),
  Or: logical('or'),
  Not: logical('not'),
  Where(call) {
    const [condition, a, b] = [input(call, 0), input(call, 1), input(call, 2)]
    if (a.type !== b.type) throw new UnsupportedCall(`Where of ${a.type} and ${b.type}`)
    return map(call.recording, { op: 'where', type: a.type }, [condition, a, b])
  },
  Cast(call) {
    const name = dataTypeOf(call.attributes.int('to', 1))
    const [type, x] = [elementTypeOf(name), input(call, 0)]
    // Other integers would wrap round.
    if (type === undefined || /int(8|16)/.test(name ?? '')) throw new UnsupportedCall(`Cast to ${name}`)
    return cast(call, x, type)
  },
  Neg: (call) => map(call.recording, { op: 'negate', type: input(call, 0).type }, [input(call, 0)]),
  Abs: (call) => map(call.recording, { op: 'absolute', type: input(call, 0).type }, [input(call, 0)]),
  Sign: unary(simple('sign')),
  Floor: unary(simple('floor')),
  Ceil: unary(simple('ceiling')),
  Exp: unary(simple('exponential')),
  Log: unary(simple('logarithm')),
  Sqrt: unary(simple('squareRoot')),
  Sin: unary(simple('sine')),
  Cos: unary(simple('cosine')),
  Tanh: unary(simple('tanh')),
  Erf: unary(simple('erf')),
  Sigmoid: unary(simple('sigmoid')),
  Reciprocal: unary((x, { divide }) => divide(1, x)),
  Relu: unary((x, { maximum }) => maximum(x, 0)),
  Softplus: unary((x, it) => it.of('logarithm', 'f32', it.add(it.of('exponential', 'f32', x), 1))),
  LeakyRelu: unary((x, it, { attributes }) =>
    it.where(it.of('less', 'bool', x, 0), it.multiply(x, attributes.float('alpha', 0.01)), x),
  ),
  Elu: unary((x, it, { attributes }) =>
    it.where(
      it.of('less', 'bool', x, 0),
      it.multiply(it.add(it.of('exponential', 'f32', x), -1), attributes.float('alpha', 1)),
      x,
    ),
  ),
  HardSigmoid: unary((x, it, { attributes }) =>
    it.minimum(it.maximum(it.add(it.multiply(x, attributes.float('alpha', 0.2)), attributes.float('beta', 0.5)), 0), 1),
  ),
  HardSwish: unary((x, it) => it.multiply(x, it.minimum(it.maximum(it.add(it.multiply(x, 1 / 6), 0.5), 0), 1))),
  PRelu(call) {
    const [it, x] = [new LazyArithmetic(call), input(call, 0)]
    return it.where(it.of('less', 'bool', x, 0), it.multiply(x, input(call, 1)), x)
  },
  Clip: (call) => {
    const [least, most] = [limit(call, 1, 'min'), limit(call, 2, 'max')]
    return unary((x, it) => {
      const above = least === undefined ? x : it.maximum(x, least)
      return most === undefined ? above : it.minimum(above, most)
    })(call)
  },
  Gelu: unary((x, it, { attributes }) => (attributes.string('approximate') === 'tanh' ? it.geluTanh(x) : it.gelu(x))),
  Swish: unary((x, it, { attributes }) => it.swish(x, attributes.float('alpha', 1))),
  'com.microsoft.Gelu': unary((x, it) => it.gelu(x)),
  'com.microsoft.FastGelu': unary((x, it, { inputs }) => it.geluTanh(inputs[1] === undefined ? x : it.add(x, inputs[1]))),
  'com.microsoft.BiasGelu': unary((x, it, call) => it.gelu(it.add(x, input(call, 1)))),
  'com.microsoft.QuickGelu': unary((x, it, { attributes }) => it.swish(x, attributes.float('alpha', 1.702))),
  Identity: (call) => settled(input(call, 0)),
  Dropout: (call) => input(call, 0),
}
