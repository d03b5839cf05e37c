import type { Expression } from '../contract/contract.js'
import { putTogether } from '../select/unit-layout.js'
import type { Backend, Chunk, Kernel } from './backend.js'
import { BUCKETS, digitReader } from './keys.js'
import { type RandomStream, uniform } from './random.js'

/** One element at a time, by walking the expression: slow and obvious, the oracle of every other backend. */
export const reference: Backend = {
  name: 'reference',
  compile(expression, precision): Kernel {
    const round = precision === 'f32' ? Math.fround : (x: number) => x
    const digitOf = digitReader(precision)
    const counts = new Uint32Array(BUCKETS)
    const saliencies = ({ weights, start, stream, stats }: Chunk) =>
      Array.from(weights, (weight, i) => {
        const stat = (key: string) => stats?.[key]?.[i]
        return saliency(expression, { weight, index: start + i, stream, round, stat })
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
  readonly round: (x: number) => number
  readonly stat: (key: string) => number | undefined
}

function saliency(expression: Expression, element: Element): number {
  if (element.weight === 0) return -Infinity
  if (!Number.isFinite(element.weight)) return NaN
  return evaluate(expression, element) + 0
}

function evaluate(e: Expression, element: Element): number {
  const of = (inner: Expression) => evaluate(inner, element)
  const { round } = element
  switch (e.op) {
    case 'weight':
      return element.weight
    case 'constant':
      return round(e.value)
    case 'random':
      return uniform(element.stream, element.index)
    case 'statistic': {
      const value = element.stat(e.key)
      if (value === undefined) throw new Error(`statistic '${e.key}' has not been measured`)
      return value
    }
    case 'abs':
      return Math.abs(of(e.of))
    case 'negate':
      return -of(e.of)
    case 'square':
      return round(of(e.of) * of(e.of))
    case 'sqrt':
      return round(Math.sqrt(of(e.of)))
    case 'add':
      return round(of(e.left) + of(e.right))
    case 'subtract':
      return round(of(e.left) - of(e.right))
    case 'multiply':
      return round(of(e.left) * of(e.right))
    case 'divide':
      return round(of(e.left) / of(e.right))
    case 'min':
      return Math.min(of(e.left), of(e.right))
    case 'max':
      return Math.max(of(e.left), of(e.right))
    case 'less':
      return of(e.left) < of(e.right) ? 1 : 0
    default:
      return e satisfies never
  }
}
