import type { Arithmetic, Elementary } from './arithmetic.js'
import type { Precision } from './backend.js'

/**
 * exp, log and tanh within 3 units in the last place, by their series (Abramowitz & Stegun 1964, 4.2.1, 4.1.27): the same bits on every backend, which functions
 * of engines and devices would not give. The logarithm of 0 is −∞, of less NaN.
 */
export function elementary<V>(op: Elementary, x: V, arithmetic: Arithmetic<V>): V {
  switch (op) {
    case 'exp':
      return exponential(x, arithmetic)
    case 'log':
      return logarithm(x, arithmetic)
    case 'tanh':
      return hyperbolicTangent(x, arithmetic)
    default:
      return op satisfies never
  }
}

/** What depends on the precision. ln 2 is two numbers, of which the first times a whole exponent is exact (Cody & Waite 1980, chapter 6). */
const CONSTANTS = {
  f32: {
    ln2: [0.693359375, Math.LN2 - 0.693359375],
    // Sums with it have no fraction: rounds to whole numbers.
    whole: 1.5 * 2 ** 23,
    exponents: { least: -104, most: 89 },
    terms: { exp: 7, log: 5 },
    smallest: { normal: 2 ** -126, subnormal: 2 ** -149 },
    largest: (2 - 2 ** -23) * 2 ** 127,
    lift: 24,
    flat: 10,
  },
  f64: {
    ln2: [0.6931471803691238, 1.9082149292705877e-10],
    whole: 1.5 * 2 ** 52,
    exponents: { least: -746, most: 710 },
    terms: { exp: 14, log: 12 },
    smallest: { normal: 2 ** -1022, subnormal: 2 ** -1074 },
    largest: Number.MAX_VALUE,
    lift: 54,
    flat: 20,
  },
} as const satisfies Record<Precision, object>

/** eˣ = 2ⁿ · eʳ with |r| ≤ ½ ln 2: n, and eʳ − 1, which keeps all digits where x is small. */
function reduced<V>(x: V, a: Arithmetic<V>): { n: V; rest: V } {
  const { ln2, terms } = CONSTANTS[a.precision]
  const n = a.share(whole(a.multiply(x, a.constant(Math.LOG2E)), a))
  const nearly = a.subtract(x, a.multiply(n, a.constant(ln2[0])))
  const r = a.share(a.subtract(nearly, a.multiply(n, a.constant(ln2[1]))))
  // r · (1 + r/2 · (1 + r/3 · …))
  let sum = a.constant(1)
  for (let k = terms.exp; k > 1; k--) sum = a.add(a.constant(1), a.multiply(a.divide(r, a.constant(k)), sum))
  return { n, rest: a.multiply(r, sum) }
}

function exponential<V>(x: V, a: Arithmetic<V>): V {
  const { least, most } = CONSTANTS[a.precision].exponents
  const { n, rest } = reduced(a.share(a.min(a.max(x, a.constant(least)), a.constant(most))), a)
  return scaled(a.add(a.constant(1), rest), n, a)
}

/** t ÷ (t + 2) with t = e²ˣ − 1. */
function hyperbolicTangent<V>(x: V, a: Arithmetic<V>): V {
  const { flat } = CONSTANTS[a.precision]
  const { n, rest } = reduced(a.share(a.multiply(a.constant(2), a.min(a.max(x, a.constant(-flat)), a.constant(flat)))), a)
  const power = a.share(a.powerOfTwo(n))
  const t = a.share(a.add(a.multiply(rest, power), a.subtract(power, a.constant(1))))
  return a.divide(t, a.add(t, a.constant(2)))
}

/** e · ln 2 + log m with √½ ≤ m ≤ √2, and log m = 2 · (s + s³/3 + s⁵/5 + …) with s = (m − 1) ÷ (m + 1). */
function logarithm<V>(x: V, a: Arithmetic<V>): V {
  const { ln2, terms, smallest, largest, lift } = CONSTANTS[a.precision]
  const value = a.share(a.min(x, a.constant(largest)))
  const isSubnormal = a.share(a.less(value, a.constant(smallest.normal)))
  const lifted = a.share(a.multiply(value, a.add(a.constant(1), a.multiply(isSubnormal, a.constant(2 ** lift - 1)))))
  const exponent = a.share(a.exponentOf(lifted))
  const mantissa = a.share(scaled(lifted, a.subtract(a.constant(0), exponent), a))
  const isLarge = a.share(a.less(a.constant(Math.SQRT2), mantissa))
  const m = a.share(a.multiply(mantissa, a.subtract(a.constant(1), a.multiply(isLarge, a.constant(0.5)))))
  const e = a.share(a.subtract(a.add(exponent, isLarge), a.multiply(isSubnormal, a.constant(lift))))
  const s = a.share(a.divide(a.subtract(m, a.constant(1)), a.add(m, a.constant(1))))
  const square = a.share(a.multiply(s, s))
  let sum = a.constant(1 / (2 * terms.log - 1))
  for (let k = terms.log - 1; k > 0; k--) sum = a.add(a.constant(1 / (2 * k - 1)), a.multiply(square, sum))
  const fraction = a.multiply(a.multiply(a.constant(2), s), sum)
  const finite = a.add(a.add(fraction, a.multiply(e, a.constant(ln2[1]))), a.multiply(e, a.constant(ln2[0])))
  // 1 ÷ 0 where x is 0 or less, and where it is ∞; the root of what is less than 0 is NaN.
  const infinite = (holds: V) => a.divide(holds, a.subtract(a.constant(1), holds))
  const bottom = infinite(a.share(a.less(x, a.constant(smallest.subnormal))))
  const top = infinite(a.share(a.less(a.constant(largest), x)))
  const isNumber = a.multiply(a.sqrt(a.min(x, a.constant(1))), a.constant(0))
  return a.add(a.add(a.subtract(finite, bottom), top), isNumber)
}

/** value · 2ⁿ, rounded once, where 2ⁿ itself may be too small or too large for a normal number. */
function scaled<V>(value: V, n: V, a: Arithmetic<V>): V {
  const exponent = a.share(n)
  const half = a.share(whole(a.multiply(exponent, a.constant(0.5)), a))
  return a.multiply(a.multiply(value, a.powerOfTwo(half)), a.powerOfTwo(a.subtract(exponent, half)))
}

/** The nearest whole number, of ties the even one. */
function whole<V>(value: V, a: Arithmetic<V>): V {
  const { whole } = CONSTANTS[a.precision]
  return a.subtract(a.add(value, a.constant(whole)), a.constant(whole))
}
