import { makePayload, PareError, parseText, type Tensor } from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { analyse } from '../analyse/analyse.js'
import { cpu } from '../backend/cpu.js'
import { buffersOf, sourceOf } from '../backend/stream.js'
import type { Expression, Weight } from '../contract/contract.js'
import type { Scoring } from './scoring.js'
import { type SelectRequest, select } from './select.js'
import { type Selection, selectLowest } from './threshold.js'

const MAGNITUDE: Expression = { op: 'abs', of: { op: 'weight' } }

describe('which elements go', () => {
  test('the two smallest of six, by hand', async () => {
    expect(
      await masked(
        [
          [0.5, -0.1, 0.3],
          [-0.2, 0.9, 0.4],
        ],
        2,
      ),
    ).toEqual([[1], [0]])
  })

  test('of equal ones the first, across weights', async () => {
    expect(
      await masked(
        [
          [1, 2, 1],
          [1, 1, 3],
        ],
        3,
      ),
    ).toEqual([[0, 2], [0]])
  })

  test('what is zero already counts', async () => {
    expect(
      await masked(
        [
          [0, 2, -0],
          [1, 5, 3],
        ],
        3,
      ),
    ).toEqual([[0, 2], [0]])
    expect(
      await masked(
        [
          [0, 2, 0],
          [0, 5, 3],
        ],
        2,
      ),
    ).toEqual([[], []])
  })

  test('nothing and everything', async () => {
    expect(await masked([[1, 2, 3]], 0)).toEqual([[]])
    expect(await masked([[1, 2, 3]], 3)).toEqual([[0, 1, 2]])
  })

  test('any numbers: as many as asked for, and none left that is smaller than one that went', async () => {
    const number = fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(0, 1, -1, 2))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(number, { minLength: 2, maxLength: 30 }), { minLength: 1, maxLength: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (lists, share) => {
          const all = lists.flat()
          const count = Math.round(share * all.length)
          const gone = new Set((await masked(lists, count)).flatMap((list, i) => list.map((at) => offset(lists, i) + at)))
          const order = all
            .map((x, i) => ({ size: x === 0 ? -1 : Math.abs(Math.fround(x)), i }))
            .sort((a, b) => a.size - b.size || a.i - b.i)
          const zeros = all.filter((x) => x === 0).length
          const expected = count <= zeros ? [] : order.slice(0, count).map(({ i }) => i)
          expect([...gone].sort((a, b) => a - b)).toEqual(expected.sort((a, b) => a - b))
        },
      ),
    )
  })

  test('millions of equal weights: more ties than are held in memory', async () => {
    const weight = constant('w', new Float32Array(5_000_000).fill(0.5))
    const [{ rule, masked: count }] = (await lowest([weight], 4_900_000)) as [Selection]
    expect({ rule, count }).toEqual({ rule: { below: 0.5, until: 4_900_000 }, count: 4_900_000 })
  })

  test('millions of weights in one bucket, all different', async () => {
    const values = Float32Array.from({ length: 4_500_000 }, (_, i) => 1 + (i % 60_000) * 2 ** -23)
    const [{ rule, masked: count }] = (await lowest([constant('w', values)], 2_000_000)) as [Selection]
    // Each of the 60,000 values occurs 75 times: 26,666 values go whole, and 50 of the next.
    expect({ rule, count }).toEqual({ rule: { below: 1 + 26_666 * 2 ** -23, until: 26_666 + 49 * 60_000 + 1 }, count: 2_000_000 })
  })

  const wave = (i: number) => Math.sin(i * i) + 2
  test.each<[string, (i: number) => number]>([
    ['without any order', wave],
    ['in ascending order', (i) => 1 + i * 1e-7],
    ['in blocks of very different size', (i) => wave(i) * 10 ** (Math.floor(i / 70_000) % 9)],
    ['a third of them zero', (i) => (i % 3 === 0 ? 0 : wave(i))],
    // The sample sees 128 stretches of 576, each 35,937 or 35,938 after the one before.
    ['small exactly where nobody looks', (i) => (i % 35_937 < 700 ? 10 + wave(i) : wave(i) - 0.9)],
    ['few different ones', (i) => 1 + (i % 1_000)],
  ])('4.6 million weights %s: those that sorting them all says', async (_, of) => {
    const values = Float32Array.from({ length: 4_600_001 }, (_, i) => of(i))
    const sizes = Float32Array.from(values, (x) => (x === 0 ? -1 : Math.abs(x))).sort()
    const weights = [constant('a', values.slice(0, 4_000_001)), constant('b', values.slice(4_000_001))]
    for (const share of [0.01, 0.5, 0.999, 1]) {
      const count = Math.floor(share * values.length)
      const selections = await lowest(weights, count)
      const zeros = sizes.lastIndexOf(-1) + 1
      expect(selections.reduce((total, { masked }) => total + masked, 0)).toBe(Math.max(count, zeros))
      const below = count <= zeros ? null : sizes[count - 1]!
      for (const { rule } of selections) expect(rule.below).toBe(below)
    }
  })

  test('the same are chosen of weights in memory, in memory where no float may begin, and read', async () => {
    const values = Float32Array.from({ length: 4_600_001 }, (_, i) => wave(i))
    const { data, ...tensor } = constant('w', values).tensor
    const moved = new Uint8Array(data.byteLength + 1)
    moved.set(data.bytes!, 1)
    const payloads = [data, makePayload(moved.subarray(1)), { byteLength: data.byteLength, read: data.read }]
    const selections = await Promise.all(
      payloads.map((own) => lowest([{ ...constant('w', values), tensor: { ...tensor, data: own } }], 1_234_567)),
    )
    const below = Float32Array.from(values).sort()[1_234_566]!
    for (const [{ rule, masked: count } = { rule: undefined, masked: 0 }] of selections)
      expect({ below: rule?.below, count }).toEqual({ below, count: 1_234_567 })
    expect(selections[1]).toEqual(selections[0])
    expect(selections[2]).toEqual(selections[0])
  })

  test('f64 weights are told apart beyond f32', async () => {
    const weight = constant('w', Float64Array.of(1 + 2 ** -50, 1, 1 + 2 ** -51, 2))
    const [{ rule }] = (await lowest([weight], 2)) as [Selection]
    expect(rule).toEqual({ below: 1 + 2 ** -51, until: 4 })
  })
})

describe('scopes', () => {
  test.each(['global', 'tensor', 'row'] as const)('%s: exactly round(sparsity × elements) are zero', async (scope) => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 2, max: 9 })), {
      minLength: 1,
      maxLength: 4,
    })
    await fc.assert(
      fc.asyncProperty(sizes, fc.double({ min: 0, max: 1, noNaN: true }), async (shapes, sparsity) => {
        const weights = shapes.map(([rows, columns], i) => matrix(`w${i}`, rows, columns))
        const { selections } = await choose({ weights, scope, target: { sparsity }, saliency: MAGNITUDE })
        const elements = shapes.reduce((total, [rows, columns]) => total + rows * columns, 0)
        expect(selections.reduce((total, { masked }) => total + masked, 0)).toBe(Math.round(sparsity * elements))
      }),
    )
  })

  test('row: the smallest of each output unit, along the axis that is summed over', async () => {
    // MatMul [in 3, out 2]: rows are the columns (1, 5, 3) and (4, 2, 6).
    const weight = constant('w', Float32Array.of(1, 4, 5, 2, 3, 6), [3, 2])
    const { selections } = await choose({ weights: [weight], scope: 'row', target: { sparsity: 1 / 3 }, saliency: MAGNITUDE })
    expect(selections).toEqual([{ zeros: 0, masked: 2, rule: { below: [1, 2], until: [1, 4] } }])
  })

  test('threshold: what lies below goes, what equals it stays', async () => {
    const weight = constant('w', Float32Array.of(0.1, -0.5, 0, 0.7, 0.5, -0.25))
    const { selections } = await choose({ weights: [weight], scope: 'global', target: { threshold: 0.5 }, saliency: MAGNITUDE })
    expect(selections).toEqual([{ zeros: 1, masked: 3, rule: { below: 0.5, until: 0 } }])
  })
})

describe('what is refused', () => {
  test.each([NaN, Infinity, -Infinity])('a weight of %s, with its name and place', async (value) => {
    const weight = constant('encoder.w', Float32Array.of(1, 2, value, 4))
    await expect(lowest([weight], 1)).rejects.toThrow(`'encoder.w' holds ${value} at element 2`)
  })

  test.each([-0.1, 1.5, NaN])('a sparsity of %s', async (sparsity) => {
    await expect(
      choose({ weights: [matrix('w', 2, 2)], scope: 'global', target: { sparsity }, saliency: MAGNITUDE }),
    ).rejects.toThrow(PareError)
  })

  test('going on after an abort', async () => {
    const signal = AbortSignal.abort(new Error('stopped'))
    const request = { weights: [matrix('w', 2, 2)], scope: 'global', target: { sparsity: 0.5 }, saliency: MAGNITUDE } as const
    await expect(select(request, { seed: 1, backend: cpu, signal })).rejects.toThrow('stopped')
  })
})

const choose = (request: SelectRequest) => select(request, { seed: 1, backend: cpu })

function lowest(weights: readonly Weight[], count: number): Promise<Selection[]> {
  const precision = weights.some(({ tensor }) => tensor.type === 'float64') ? 'f64' : 'f32'
  const kernel = cpu.compile(MAGNITUDE, precision)
  const scoring: Scoring = {
    kernel,
    precision,
    buffers: buffersOf(kernel),
    progress: () => undefined,
  }
  return selectLowest(
    weights.map((weight) => sourceOf(weight, 1)),
    count,
    scoring,
  )
}

/** Positions that the rules mask, weight by weight. */
async function masked(lists: readonly (readonly number[])[], count: number): Promise<number[][]> {
  const selections = await lowest(
    lists.map((list, i) => constant(`w${i}`, Float32Array.from(list))),
    count,
  )
  return selections.map(({ rule: { below, until } }, i) =>
    [...Float32Array.from(lists[i]!).entries()].flatMap(([at, x]) => {
      const saliency = x === 0 ? -Infinity : Math.abs(x)
      return below !== null && (saliency < below || (saliency === below && at < until)) ? [at] : []
    }),
  )
}

const offset = (lists: readonly (readonly number[])[], i: number) =>
  lists.slice(0, i).reduce((total, list) => total + list.length, 0)

function matrix(name: string, rows: number, columns: number): Weight {
  return constant(
    name,
    Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i + 1)),
    [rows, columns],
  )
}

/** A weight of a MatMul that holds these values. */
function constant(name: string, values: Float32Array | Float64Array, shape: readonly number[] = [1, values.length]): Weight {
  const model = parseText(`g (float[N, ${shape[0]}] x) => (float[N, ${shape[1]}] y) <float[1, 1] w = {1}> { y = MatMul(x, w) }`)
  const [weight] = analyse(model).weights
  const data = makePayload(new Uint8Array(values.buffer))
  const tensor: Tensor = { ...weight!.tensor, name, type: values instanceof Float32Array ? 'float32' : 'float64', shape, data }
  return { ...weight!, id: name, tensor, rows: { batch: 1, before: shape[0]!, out: shape[1]!, after: 1 } }
}
