import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Expression } from '../contract/contract.js'
import type { Backend, Candidates, Chunk, Floats, Precision, UnitLayout } from './backend.js'
import { cpu } from './cpu.js'
import { javascript } from './javascript.js'
import { randomStream, uniform } from './random.js'
import { reference } from './reference.js'

const WEIGHT: Expression = { op: 'weight' }
const constant = (value: number): Expression => ({ op: 'constant', value })
const stream = randomStream(7, 'w')

async function saliencies(backend: Backend, expression: Expression, chunk: Omit<Chunk, 'stream'>, precision: Precision = 'f32') {
  const target = precision === 'f32' ? new Float32Array(chunk.weights.length) : new Float64Array(chunk.weights.length)
  await backend.compile(expression, precision).saliency({ ...chunk, stream }, target)
  return [...target]
}

describe.each([reference, javascript, cpu])('$name: each operation by hand, rounded to f32, a zero −∞', (backend) => {
  const stats = { moment: Float32Array.of(2, 4, 5, 0.5) }
  const two = (op: 'add' | 'subtract' | 'multiply' | 'divide' | 'min' | 'max' | 'less') =>
    ({ op, left: WEIGHT, right: { op: 'statistic', key: 'moment' } }) as const
  test.each<[string, Expression, readonly number[]]>([
    ['weight', WEIGHT, [1, -3, -Infinity, 0.5]],
    ['constant', constant(0.1), [Math.fround(0.1), Math.fround(0.1), -Infinity, Math.fround(0.1)]],
    ['abs', { op: 'abs', of: WEIGHT }, [1, 3, -Infinity, 0.5]],
    ['negate', { op: 'negate', of: WEIGHT }, [-1, 3, -Infinity, -0.5]],
    ['square', { op: 'square', of: WEIGHT }, [1, 9, -Infinity, 0.25]],
    ['sqrt', { op: 'sqrt', of: { op: 'abs', of: WEIGHT } }, [1, Math.fround(Math.sqrt(3)), -Infinity, Math.fround(Math.SQRT1_2)]],
    ['add', two('add'), [3, 1, -Infinity, 1]],
    ['subtract', two('subtract'), [-1, -7, -Infinity, 0]],
    ['multiply', two('multiply'), [2, -12, -Infinity, 0.25]],
    ['divide', two('divide'), [0.5, -0.75, -Infinity, 1]],
    ['min', two('min'), [1, -3, -Infinity, 0.5]],
    ['max', two('max'), [2, 4, -Infinity, 0.5]],
    ['less', two('less'), [1, 1, -Infinity, 0]],
    ['random', { op: 'random' }, [uniform(stream, 10), uniform(stream, 11), -Infinity, uniform(stream, 13)]],
  ])('%s', async (_, expression, expected) => {
    expect(await saliencies(backend, expression, { weights: Float32Array.of(1, -3, 0, 0.5), start: 10, stats })).toEqual(expected)
  })

  test('a weight that is no finite number has no finite saliency', async () => {
    const values = await saliencies(backend, constant(1), { weights: Float32Array.of(NaN, Infinity, -Infinity, 2), start: 0 })
    expect(values.map(Number.isFinite)).toEqual([false, false, false, true])
  })
})

test('a statistic that was not measured is a bug of the caller', async () => {
  const missing = saliencies(reference, { op: 'statistic', key: 'none' }, { weights: Float32Array.of(1), start: 0 })
  await expect(missing).rejects.toThrow("statistic 'none' has not been measured")
})

/** A plugin's key may hold anything. */
const HOSTILE = 'met\'s "it\\ \n`; throw 1'

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(WEIGHT),
    fc.constant<Expression>({ op: 'statistic', key: HOSTILE }),
    fc.constant<Expression>({ op: 'random' }),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).map(constant),
    fc.record({ op: fc.constantFrom('abs', 'square', 'negate', 'tanh'), of: tie('expression') }),
    fc.record({
      op: fc.constantFrom('add', 'subtract', 'multiply', 'min', 'max', 'less'),
      left: tie('expression'),
      right: tie('expression'),
    }),
  ) as fc.Arbitrary<Expression>,
}))

/** Everything that a kernel makes of a chunk. */
async function all(backend: Backend, expression: Expression, precision: Precision, weights: Floats) {
  const values = precision === 'f32' ? (length: number) => new Float32Array(length) : (length: number) => new Float64Array(length)
  const chunk: Chunk = {
    weights,
    start: 5,
    stream,
    stats: { [HOSTILE]: values(weights.length).map((_, i) => i / 2 - 3) },
  }
  const kernel = backend.compile(expression, precision)
  const target = values(weights.length)
  await kernel.saliency(chunk, target)
  kernel.clear()
  await kernel.histogram(chunk)
  const counts = [...(await kernel.counts()).entries()].filter(([, count]) => count > 0)
  const into: Candidates = { saliency: values(weights.length), index: new Float64Array(weights.length), length: 0 }
  const tally = await kernel.collect(chunk, { low: 0, high: 2 }, into)
  const masks: number[][] = []
  for (const ties of [false, true]) {
    const bits = new Uint32Array(weights.slice().buffer)
    await kernel.mask(chunk, 1, ties, bits)
    masks.push([...bits])
  }
  const scores: number[][] = []
  for (const put of ['sum', 'squares', 'max'] as const) {
    const layout: UnitLayout = { inner: 2, units: Int32Array.of(0, -1, 1), put }
    const score = new Float64Array(2)
    await kernel.addScores(chunk, layout, score)
    scores.push([...score])
  }
  return { target: [...target], counts, tally, collected: [[...into.saliency], [...into.index], into.length], masks, scores }
}

describe.each([javascript, cpu])('$name agrees with the reference bit for bit, whatever the expression', (backend) => {
  test.each<Precision>(['f32', 'f64'])('%s', async (precision) => {
    const numbers = fc.array(
      fc.oneof(fc.constantFrom(0, -0, 1, -1), fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 })),
      { minLength: 1, maxLength: 20 },
    )
    await fc.assert(
      fc.asyncProperty(expression, numbers, async (e, list) => {
        const weights = precision === 'f32' ? Float32Array.from(list) : Float64Array.from(list)
        const [{ scores: right, ...expected }, { scores, ...actual }] = [
          await all(reference, e, precision, weights),
          await all(backend, e, precision, weights),
        ]
        expect(actual).toEqual(expected)
        // Sums may be added up in another order.
        for (const [i, row] of right.entries()) {
          for (const [unit, value] of row.entries())
            expect(Math.abs(scores[i]![unit]! - value)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(value)))
        }
      }),
      { numRuns: 60 },
    )
  })
})
