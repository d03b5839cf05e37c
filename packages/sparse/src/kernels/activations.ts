import { type Code, type Definition, define, f32x4, i32, i32x4, type Local, loopWhile, plus, v128, type Writer } from './wasm.js'

/** Functions of one number that kernels apply to their sums. */
export type Activation = 'relu' | 'sigmoid' | 'tanh' | 'silu' | 'gelu' | 'gelu-tanh' | 'quick-gelu'

export const ACTIVATIONS: readonly Activation[] = ['relu', 'sigmoid', 'tanh', 'silu', 'gelu', 'gelu-tanh', 'quick-gelu']

/** f32[count] in place; `count` is rounded up to a multiple of four. */
export function activationKernel(activation: Activation): Definition {
  return define(activation, ['i32', 'i32'], (writer) => {
    const [address, count] = writer.parameters as [Local, Local]
    const x = writer.local('v128')
    const end = writer.local('i32')
    return [
      end.set(plus(address.get, i32.shl(count.get, i32.const(2)))),
      loopWhile(i32.lt(address.get, end.get), [
        x.set(v128.load(address.get)),
        v128.store(address.get, valueOf(activation, x, writer)),
        address.set(plus(address.get, 16)),
      ]),
    ]
  })
}

function valueOf(activation: Activation, x: Local, writer: Writer): Code {
  const scaled = (factor: number) => f32x4.mul(x.get, f32x4.const(factor))
  switch (activation) {
    case 'relu':
      return f32x4.max(x.get, f32x4.const(0))
    case 'sigmoid':
      return sigmoid(x.get, writer)
    case 'tanh':
      return tanh(x.get, writer)
    case 'silu':
      return f32x4.mul(x.get, sigmoid(x.get, writer))
    case 'quick-gelu':
      return f32x4.mul(x.get, sigmoid(scaled(1.702), writer))
    case 'gelu':
      // x/2 · (1 + erf(x/√2))
      return f32x4.mul(scaled(0.5), f32x4.add(f32x4.const(1), erf(scaled(Math.SQRT1_2), writer)))
    case 'gelu-tanh': {
      // x/2 · (1 + tanh(√(2/π) · (x + 0.044715·x³)))
      const cubic = f32x4.add(f32x4.const(1), f32x4.mul(f32x4.const(0.044715), f32x4.mul(x.get, x.get)))
      return f32x4.mul(scaled(0.5), f32x4.add(f32x4.const(1), tanh(f32x4.mul(scaled(Math.sqrt(2 / Math.PI)), cubic), writer)))
    }
    default:
      return activation satisfies never
  }
}

/** 1 / (1 + e^−x) */
function sigmoid(x: Code, writer: Writer): Code {
  return f32x4.div(f32x4.const(1), f32x4.add(f32x4.const(1), exp(f32x4.neg(x), writer)))
}

/** sign(x) · (1 − e^−2|x|) / (1 + e^−2|x|); near 0, where that loses digits, the Maclaurin series. */
function tanh(code: Code, writer: Writer): Code {
  const [x, e, square, large] = writer.locals('v128', 4) as [Local, Local, Local, Local]
  const one = f32x4.const(1)
  const series = horner(square.get, [62 / 2835, -17 / 315, 2 / 15, -1 / 3, 1])
  return [
    x.set(code),
    e.set(exp(f32x4.mul(f32x4.abs(x.get), f32x4.const(-2)), writer)),
    square.set(f32x4.mul(x.get, x.get)),
    large.set(withSign(f32x4.div(f32x4.sub(one, e.get), f32x4.add(one, e.get)), x.get)),
    v128.select(f32x4.mul(x.get, series), large.get, f32x4.lt(f32x4.abs(x.get), f32x4.const(0.3))),
  ]
}

/** Abramowitz and Stegun 7.1.26, |error| ≤ 1.5e-7; near 0, where that loses digits, the Maclaurin series. */
function erf(code: Code, writer: Writer): Code {
  const [x, t, square, large] = writer.locals('v128', 4) as [Local, Local, Local, Local]
  const one = f32x4.const(1)
  const polynomial = f32x4.mul(t.get, horner(t.get, [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]))
  const scale = 2 / Math.sqrt(Math.PI)
  const series = horner(square.get, [scale / 216, -scale / 42, scale / 10, -scale / 3, scale])
  return [
    x.set(code),
    square.set(f32x4.mul(x.get, x.get)),
    t.set(f32x4.div(one, f32x4.add(one, f32x4.mul(f32x4.const(0.3275911), f32x4.abs(x.get))))),
    large.set(withSign(f32x4.sub(one, f32x4.mul(polynomial, exp(f32x4.neg(square.get), writer))), x.get)),
    v128.select(f32x4.mul(x.get, series), large.get, f32x4.lt(f32x4.abs(x.get), f32x4.const(0.4))),
  ]
}

/** e^x within 2 units in the last place: 2^n · e^r, n = round(x / ln 2), |r| ≤ ln 2 / 2 (Cody and Waite 1980; coefficients of Cephes' expf). Below −87 it is e^−87. */
export function exp(code: Code, writer: Writer): Code {
  const [x, n, r] = writer.locals('v128', 3) as [Local, Local, Local]
  const times = (value: Code, factor: number) => f32x4.mul(value, f32x4.const(factor))
  const series = horner(r.get, [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1])
  const power = i32x4.shl(i32x4.add(i32x4.fromFloat(n.get), i32x4.const(127)), 23)
  return [
    x.set(f32x4.min(f32x4.max(code, f32x4.const(-87)), f32x4.const(88))),
    n.set(f32x4.nearest(times(x.get, Math.LOG2E))),
    r.set(f32x4.sub(f32x4.sub(x.get, times(n.get, 0.693359375)), times(n.get, -2.12194440e-4))),
    f32x4.mul(series, power),
  ]
}

/** Coefficients from the highest power down. */
function horner(x: Code, coefficients: readonly number[]): Code {
  const [first, ...rest] = coefficients
  return rest.reduce<Code>((sum, coefficient) => f32x4.add(f32x4.mul(sum, x), f32x4.const(coefficient)), f32x4.const(first!))
}

/** The absolute value of one with the sign of the other. */
function withSign(value: Code, sign: Code): Code {
  const mask = i32x4.const(0x80000000)
  return v128.or(f32x4.abs(value), v128.and(sign, mask))
}
