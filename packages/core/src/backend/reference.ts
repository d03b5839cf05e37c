import type { Expression } from '../contract/contract.js'
import { putTogether } from '../select/unit-layout.js'
import type { Arithmetic, Leaf } from './arithmetic.js'
import type { Backend, Chunk, Kernel, Precision } from './backend.js'
import { evaluate } from './evaluate.js'
import { BUCKETS, digitReader, exponentOf } from './keys.js'
import { type RandomStream, uniform } from './random.js'

/** One element at a time, by walking the expression: slow and obvious, the oracle of every other backend. */
export const reference: Backend = {
  name: 'reference',
  compile(expression, precision): Kernel {
    const arithmetic = numberArithmetic(precision)
    const digitOf = digitReader(precision)
    const counts = new Uint32Array(BUCKETS)
    const saliencies = ({ weights, start, stream, stats }: Chunk) =>
      Array.from(weights, (weight, i) => {
        const stat = (key: string) => stats?.[key]?.[i]
        return saliency(expression, { weight, index: start + i, stream, stat }, arithmetic)
      })
    return {
      saliency: (chunk, target) => target.set(saliencies(chunk)),
      clear: () => void counts.fill(0),
      counts: () => counts,
      histogram(chunk) {
        for (const s of saliencies(chunk)) counts[digitOf(s, 0)]!++
      },
      collect(chunk, { low, high }, into) {
        const all = saliencies(chunk)
        for (const [i, s] of all.entries()) {
          if (!(s >= low && s <= high)) continue
          into.saliency[into.length] = s
          into.index[into.length++] = chunk.start + i
        }
        return {
          below: all.filter((s) => s < low).length,
          zeros: all.filter((s) => s === -Infinity).length,
          finite: all.every((s) => s < Infinity),
        }
      },
      mask(chunk, below, ties, target) {
        const width = target.length / chunk.weights.length
        for (const [i, s] of saliencies(chunk).entries()) {
          if (!(ties ? s > below : s >= below)) target.fill(0, i * width, (i + 1) * width)
        }
      },
      addScores(chunk, layout, scores) {
        putTogether(saliencies(chunk), chunk.start, layout, scores)
      },
    }
  },
}

interface Element {
  readonly weight: number
  readonly index: number
  readonly stream: RandomStream
  readonly stat: (key: string) => number | undefined
}

function saliency(expression: Expression, element: Element, arithmetic: Arithmetic<number>): number {
  if (element.weight === 0) return -Infinity
  if (!Number.isFinite(element.weight)) return NaN
  return evaluate(expression, arithmetic, (leaf) => leafValue(leaf, element)) + 0
}

function leafValue(leaf: Leaf, element: Element): number {
  if (leaf.op === 'weight') return element.weight
  if (leaf.op === 'random') return uniform(element.stream, element.index)
  const value = element.stat(leaf.key)
  if (value === undefined) throw new Error(`statistic '${leaf.key}' has not been measured`)
  return value
}

/** Arithmetic on numbers, one operation after another. */
function numberArithmetic(precision: Precision): Arithmetic<number> {
  const round = precision === 'f32' ? Math.fround : (x: number) => x
  return {
    precision,
    constant: round,
    abs: Math.abs,
    negate: (x) => -x,
    square: (x) => round(x * x),
    sqrt: (x) => round(Math.sqrt(x)),
    add: (a, b) => round(a + b),
    subtract: (a, b) => round(a - b),
    multiply: (a, b) => round(a * b),
    divide: (a, b) => round(a / b),
    min: (a, b) => Math.min(a, b),
    max: (a, b) => Math.max(a, b),
    less: (a, b) => (a < b ? 1 : 0),
    powerOfTwo: (n) => 2 ** n,
    exponentOf,
    share: (x) => x,
  }
}
