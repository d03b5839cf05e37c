import type { Expression } from '@pare/core'
import {
  type Backend,
  BUCKETS,
  type Candidates,
  type Floats,
  type Kernel,
  notFinite,
  type Precision,
  randomStream,
  reference,
  ZEROS,
} from '@pare/core/backends'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

export interface BackendTestOptions {
  /** Random cases for each law. Default: 200 */
  readonly runs?: number
}

/** Holds a backend to the reference: every expression, every loop, bit for bit. */
export function testBackend(backend: Backend, { runs = 200 }: BackendTestOptions = {}): void {
  describe.each(['f32', 'f64'] as const)(`backend ${backend.name}, %s`, (precision) => {
    const check = (law: (one: Case) => Promise<void>) => fc.assert(fc.asyncProperty(cases(precision), law), { numRuns: runs })
    const both = <T>({ expression }: Case, work: (kernel: Kernel) => Promise<T>) =>
      Promise.all([backend, reference].map((one) => work(one.compile(expression, precision))))

    test('saliencies equal the reference', () =>
      check(async (one) => {
        const [mine, theirs] = await both(one, async (kernel) => {
          const target = floats(precision, one.chunk.weights.length)
          await kernel.saliency(one.chunk, target)
          return target
        })
        expect(mine).toEqual(theirs)
      }))

    test('histograms equal the reference, chunk after chunk until they are cleared', () =>
      check(async (one) => {
        const [mine, theirs] = await both(one, async (kernel) => {
          const seen: unknown[] = []
          for (const times of [2, 1]) {
            kernel.clear()
            for (let i = 0; i < times; i++) await kernel.histogram(one.chunk)
            seen.push(filled(await kernel.counts(), precision))
          }
          return seen
        })
        expect(mine).toEqual(theirs)
      }))

    test('what is collected equals the reference', () =>
      check(async (one) => {
        const [mine, theirs] = await both(one, async (kernel) => {
          const into = candidates(one.chunk.weights.length)
          const tally = await kernel.collect(one.chunk, one.range, into)
          return { tally, into }
        })
        expect(mine).toEqual(theirs)
      }))

    test('what does not fit is counted, not kept', () =>
      check(async (one) => {
        const [mine, theirs] = await both(one, async (kernel) => {
          const into = candidates(3)
          await kernel.collect(one.chunk, { low: -3e38, high: 3e38 }, into)
          return into
        })
        expect(mine).toEqual(theirs)
      }))

    test.each([true, false])('masks equal the reference, ties included: %s', (ties) =>
      check(async (one) => {
        const [mine, theirs] = await both(one, async (kernel) => {
          const bits = new Uint32Array(one.chunk.weights.slice().buffer)
          await kernel.mask(one.chunk, one.range.low, ties, bits)
          return bits
        })
        expect(mine).toEqual(theirs)
      }))

    test.each(['sum', 'squares', 'max'] as const)('scores of units, put together by %s, are those of the reference', (put) =>
      check((one) => expectScores(backend, { one, precision, put })))
  })
}

interface ScoresCase {
  readonly one: Case
  readonly precision: Precision
  readonly put: 'sum' | 'squares' | 'max'
}

/** Sums may be taken in another order: they are as near to the reference's as the sizes of their terms allow. */
async function expectScores(backend: Backend, { one, precision, put }: ScoresCase): Promise<void> {
  const layout = { ...one.layout, put }
  // Sizes whose squares and sums are numbers of f32, and neither 0 nor subnormal.
  const weights = one.chunk.weights.map((weight) => Math.sign(weight) * (0.1 + (Math.abs(weight) % 1000)))
  const chunk = { ...one.chunk, weights }
  const [mine, theirs, sizes] = await Promise.all(
    [backend, reference, reference].map(async (from, i) => {
      const scores = new Float64Array(3)
      const expression: Expression = i < 2 ? PLAIN : { op: 'abs', of: PLAIN }
      await from.compile(expression, precision).addScores(chunk, layout, scores)
      return scores
    }),
  )
  for (let unit = 0; unit < 3; unit++) {
    const [score, expected] = [mine![unit]!, theirs![unit]!]
    if (Number.isNaN(expected)) expect(score).toBeNaN()
    else expect(Math.abs(score - expected)).toBeLessThanOrEqual(1e-6 * sizes![unit]!)
  }
}

/** Positive and negative terms. */
const PLAIN: Expression = { op: 'subtract', left: { op: 'weight' }, right: { op: 'constant', value: 1 } }

interface Case {
  readonly expression: Expression
  readonly chunk: {
    readonly weights: Floats
    readonly start: number
    readonly stream: ReturnType<typeof randomStream>
    readonly stats: Record<string, Floats>
  }
  readonly range: { readonly low: number; readonly high: number }
  readonly layout: { readonly inner: number; readonly units: Int32Array }
}

function cases(precision: Precision): fc.Arbitrary<Case> {
  const number =
    precision === 'f32' ? fc.float({ noNaN: true, noDefaultInfinity: true }) : fc.double({ noNaN: true, noDefaultInfinity: true })
  const weight = fc.oneof(
    { weight: 8, arbitrary: number },
    { weight: 1, arbitrary: fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 1, -1) },
  )
  const floatsOf = (list: readonly number[]) => (precision === 'f32' ? Float32Array.from(list) : Float64Array.from(list))
  return fc.record({
    expression: expressions(),
    chunk: fc
      .record({
        weights: fc.array(weight, { maxLength: 40 }).map(floatsOf),
        start: fc.constantFrom(0, 17, 2 ** 32 - 3),
        stream: fc.nat().map((seed) => randomStream(seed, 'w')),
        more: fc.array(number, { minLength: 80, maxLength: 80 }),
      })
      .map(({ more, ...chunk }) => {
        const { length } = chunk.weights
        return { ...chunk, stats: { a: floatsOf(more.slice(0, length)), "b'\n": floatsOf(more.slice(40, 40 + length)) } }
      }),
    range: fc.tuple(number, number).map(([a, b]) => ({ low: Math.min(a, b) + 0, high: Math.max(a, b) + 0 })),
    layout: fc.record({
      inner: fc.constantFrom(1, 3, 40),
      units: fc.array(fc.integer({ min: -1, max: 2 }), { minLength: 1, maxLength: 7 }).map((list) => Int32Array.from(list)),
    }),
  })
}

function expressions(): fc.Arbitrary<Expression> {
  const leaf = fc.oneof(
    fc.constant<Expression>({ op: 'weight' }),
    fc.constant<Expression>({ op: 'random' }),
    fc.constantFrom<Expression>({ op: 'statistic', key: 'a' }, { op: 'statistic', key: "b'\n" }),
    fc
      .double({ noNaN: true, noDefaultInfinity: true, min: -1e3, max: 1e3 })
      .map<Expression>((value) => ({ op: 'constant', value })),
  )
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant<Expression>({ op: 'abs', of: { op: 'weight' } }) },
    {
      weight: 5,
      arbitrary: fc.letrec<{ node: Expression }>((tie) => ({
        node: fc.oneof(
          { maxDepth: 4 },
          leaf,
          fc.record({ op: fc.constantFrom('abs', 'square', 'sqrt', 'negate'), of: tie('node') }),
          fc.record({
            op: fc.constantFrom('add', 'subtract', 'multiply', 'divide', 'min', 'max', 'less'),
            left: tie('node'),
            right: tie('node'),
          }),
        ) as fc.Arbitrary<Expression>,
      })).node,
    },
  )
}

const floats = (precision: Precision, length: number) =>
  precision === 'f32' ? new Float32Array(length) : new Float64Array(length)
const candidates = (length: number): Candidates => ({
  saliency: new Float64Array(length),
  index: new Float64Array(length),
  length: 0,
})

/** The buckets that hold something. NaN has either sign, which no one looks at: the outermost buckets count as one. */
function filled(counts: Uint32Array, precision: Precision): [number, number][] {
  const outermost = notFinite(counts, precision)
  const edge = ZEROS[precision]
  const inner: [number, number][] = []
  for (let bucket = edge; bucket < BUCKETS - 1 - edge; bucket++) if (counts[bucket]! > 0) inner.push([bucket, counts[bucket]!])
  return [...inner, [BUCKETS, outermost]]
}
