import {
  type Backend,
  BUCKETS,
  type Candidates,
  type Expression,
  type Floats,
  notFinite,
  type Precision,
  randomStream,
  reference,
  ZEROS,
} from '@pare/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

/** Holds a backend to the reference: every expression, every loop, bit for bit. */
export function testBackend(backend: Backend): void {
  describe.each(['f32', 'f64'] as const)(`backend ${backend.name}, %s`, (precision) => {
    test('saliencies equal the reference', () => {
      check(precision, ({ expression, chunk }) => {
        const [mine, theirs] = [floats(precision, chunk.weights.length), floats(precision, chunk.weights.length)]
        backend.compile(expression, precision).saliency(chunk, mine)
        reference.compile(expression, precision).saliency(chunk, theirs)
        expect(mine).toEqual(theirs)
      })
    })

    test('histograms equal the reference', () => {
      check(precision, ({ expression, chunk }) => {
        const kernels = [backend, reference].map((one) => one.compile(expression, precision))
        const [mine, theirs] = kernels.map((kernel) => {
          kernel.counts.fill(0)
          kernel.histogram(chunk)
          return filled(kernel.counts, precision)
        })
        expect(mine).toEqual(theirs)
      })
    })

    test('what is collected equals the reference', () => {
      check(precision, ({ expression, chunk, range }) => {
        const [mine, theirs] = [candidates(chunk.weights.length), candidates(chunk.weights.length)]
        const below = backend.compile(expression, precision).collect(chunk, range, mine)
        expect(below).toBe(reference.compile(expression, precision).collect(chunk, range, theirs))
        expect(mine).toEqual(theirs)
      })
    })

    test.each([true, false])('masks equal the reference, ties included: %s', (ties) => {
      check(precision, ({ expression, chunk, range }) => {
        const bits = () => new Uint32Array(chunk.weights.slice().buffer)
        const [mine, theirs] = [bits(), bits()]
        backend.compile(expression, precision).mask(chunk, range.low, ties, mine)
        reference.compile(expression, precision).mask(chunk, range.low, ties, theirs)
        expect(mine).toEqual(theirs)
      })
    })
  })
}

interface Case {
  readonly expression: Expression
  readonly chunk: {
    readonly weights: Floats
    readonly start: number
    readonly stream: ReturnType<typeof randomStream>
    readonly stats: Record<string, Floats>
  }
  readonly range: { readonly low: number; readonly high: number }
}

function check(precision: Precision, law: (one: Case) => void): void {
  fc.assert(fc.property(cases(precision), law), { numRuns: 200 })
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
  const inner = [...counts.entries()].filter(([bucket, count]) => count > 0 && bucket >= edge && bucket < BUCKETS - 1 - edge)
  return [...inner, [BUCKETS, outermost]]
}
