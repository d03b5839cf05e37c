import type { Criterion, Expression } from '@pare/core'
import { type Backend, cpu, type Floats, randomStream, reference, trace } from '@pare/core/backends'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { criterionLaw } from './contract-law.js'

export interface CriterionTestOptions {
  /** Backends that must agree with the reference. Default: the CPU backend. */
  readonly backends?: readonly Backend[]
}

/** The laws every criterion obeys. `make` is called for each test, so that hidden state would show. */
export function testCriterion(make: () => Criterion, { backends = [cpu] }: CriterionTestOptions = {}): void {
  const { name } = make()
  describe(`criterion ${name}`, () => {
    test('has a name that can be typed', () => {
      expect(name).toMatch(/^[a-z][a-z0-9-]*$/)
    })

    criterionLaw(make)

    test('traces to the same expression every time', () => {
      expect(trace(make())).toEqual(trace(make()))
    })

    test('uses only the statistics it asks for', () => {
      const { needs } = make()
      for (const key of statistics(trace(make()))) expect(Object.keys(needs)).toContain(key)
    })

    test('gives every finite weight a finite saliency, and −Infinity to zeros', () => {
      each(({ weights }) => {
        for (const [i, s] of saliency(make(), weights).entries()) {
          if (weights[i] === 0) expect(s).toBe(-Infinity)
          else expect(Number.isFinite(s)).toBe(true)
        }
      })
    })

    test.each(
      backends.map((backend) => [backend.name, backend] as const),
    )('is the same on %s as on the reference', (_, backend) => {
      each(({ weights }) => {
        expect(saliency(make(), weights, backend)).toEqual(saliency(make(), weights))
      })
    })

    test('permuting elements permutes saliencies, unless it draws at random', () => {
      if (drawsAtRandom(trace(make()))) {
        const [first, second] = saliency(make(), Float32Array.of(1, 1))
        expect(first).not.toBe(second)
        return
      }
      each(({ weights }) => {
        const reversed = saliency(make(), Float32Array.from(weights).reverse(), reference, true)
        expect(reversed.reverse()).toEqual(saliency(make(), weights))
      })
    })
  })
}

/** Weights of ordinary size: saliencies may square them. */
function each(law: (one: { weights: Float32Array }) => void): void {
  const weight = fc.oneof(
    { weight: 9, arbitrary: fc.float({ min: -1000, max: 1000, noNaN: true }) },
    { weight: 1, arbitrary: fc.constantFrom(0, -0) },
  )
  fc.assert(fc.property(fc.record({ weights: fc.array(weight, { maxLength: 64 }).map((list) => Float32Array.from(list)) }), law))
}

/** What the weights meet: positive numbers, as means, maxima and variances of squares are. */
function saliency(criterion: Criterion, weights: Floats, backend: Backend = reference, reversed = false): Float32Array {
  const target = new Float32Array(weights.length)
  const met = Float32Array.from({ length: weights.length }, (_, i) => ((i * 37) % 11) / 10 + 0.1)
  if (reversed) met.reverse()
  const stats = Object.fromEntries(Object.keys(criterion.needs).map((key) => [key, met]))
  backend.compile(trace(criterion), 'f32').saliency({ weights, start: 0, stream: randomStream(1, 'weight'), stats }, target)
  return target
}

function* parts(e: Expression): Generator<Expression> {
  yield e
  if ('of' in e) yield* parts(e.of)
  if ('left' in e) yield* [...parts(e.left), ...parts(e.right)]
}

const drawsAtRandom = (e: Expression) => [...parts(e)].some(({ op }) => op === 'random')
const statistics = (e: Expression) => [...parts(e)].flatMap((part) => (part.op === 'statistic' ? [part.key] : []))
