import { type Code, type Definition, define, f32x4, i32, i32x4, type Local, loopWhile, plus, v128, type Writer } from '@pare/wasm'
import { ERF, type Rational, TANH } from './rationals.js'
import { madd, type Variant } from './values.js'

/** Functions of one number that kernels apply to their sums. */
export type Activation = 'relu' | 'sigmoid' | 'tanh' | 'silu' | 'gelu' | 'gelu-tanh' | 'quick-gelu'

export const ACTIVATIONS: readonly Activation[] = ['relu', 'sigmoid', 'tanh', 'silu', 'gelu', 'gelu-tanh', 'quick-gelu']

/** f32[count] in place; `count` is rounded up to a multiple of four. */
export function activationKernel(activation: Activation, variant: Variant): Definition {
  return define(activation, ['i32', 'i32'], (writer) => {
    const [address, count] = writer.parameters
    const x = writer.local('v128')
    const end = writer.local('i32')
    const constants = constantsBefore(writer)
    const result = resultOf(activation, x, { writer, variant, constant: constants.of })
    return [
      constants.code,
      end.set(plus(address.get, i32.shl(count.get, i32.const(2)))),
      loopWhile(i32.lt(address.get, end.get), [
        x.set(v128.load(address.get)),
        v128.store(address.get, result),
        address.set(plus(address.get, 16)),
      ]),
    ]
  })
}

interface Place {
  readonly writer: Writer
  readonly variant: Variant
  /** A number in all lanes. */
  readonly constant: (value: number) => Code
}

/** Constants as locals that are set before a loop: V8 builds one in six instructions wherever it stands, and loads a local in one. */
function constantsBefore(writer: Writer): { readonly code: Code[]; readonly of: (value: number) => Code } {
  const locals = new Map<number, Local>()
  const code: Code[] = []
  return {
    code,
    of(value) {
      let local = locals.get(value)
      if (local === undefined) {
        local = writer.local('v128')
        locals.set(value, local)
        code.push(local.set(f32x4.const(value)))
      }
      return local.get
    },
  }
}

function resultOf(activation: Activation, x: Local, place: Place): Code {
  const { constant } = place
  const scaled = (factor: number) => f32x4.mul(x.get, constant(factor))
  switch (activation) {
    case 'relu':
      return f32x4.max(x.get, constant(0))
    case 'sigmoid':
      return sigmoid(x.get, place)
    case 'tanh':
      return tanh(x.get, place)
    case 'silu':
      return f32x4.mul(x.get, sigmoid(x.get, place))
    case 'quick-gelu':
      return f32x4.mul(x.get, sigmoid(scaled(1.702), place))
    case 'gelu':
      // x/2 · (1 + erf(x/√2))
      return f32x4.mul(scaled(0.5), f32x4.add(constant(1), erf(scaled(Math.SQRT1_2), place)))
    case 'gelu-tanh': {
      // x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³)))
      const cubic = f32x4.add(constant(1), f32x4.mul(constant(0.044715), f32x4.mul(x.get, x.get)))
      return f32x4.mul(scaled(0.5), f32x4.add(constant(1), tanh(f32x4.mul(scaled(Math.sqrt(2 / Math.PI)), cubic), place)))
    }
    default:
      return activation satisfies never
  }
}

/** 1 / (1 + e^−x) = ½ + ½ tanh(x/2) */
function sigmoid(x: Code, place: Place): Code {
  const half = place.constant(0.5)
  return f32x4.add(half, f32x4.mul(half, tanh(f32x4.mul(x, half), place)))
}

const tanh = rational(TANH)
const erf = rational(ERF)

function rational({ limit, one, above, below }: Rational): (x: Code, place: Place) => Code {
  return (code, { writer, variant, constant }) => {
    const [raw, x, square] = writer.locals('v128', 3)
    const horner = ([first, ...rest]: readonly number[]) =>
      rest.reduce<Code>((sum, coefficient) => madd(variant, sum, square.get, constant(coefficient)), constant(first!))
    const unit = v128.or(constant(1), v128.and(raw.get, i32x4.const(0x80000000)))
    return [
      raw.set(code),
      // In this order NaN stays NaN.
      x.set(f32x4.max(f32x4.min(raw.get, constant(limit)), constant(-limit))),
      square.set(f32x4.mul(x.get, x.get)),
      unit,
      f32x4.div(f32x4.mul(x.get, horner(above)), horner(below)),
      f32x4.ge(f32x4.abs(raw.get), constant(one)),
      v128.select(),
    ]
  }
}
