import { type CommonPattern, PareError, type WeightProblem } from '@pare/core'
import { testSolver } from '@pare/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { alps } from './index.js'
import { errorOf, generator, plainAlps, plainRefitOf, randomProblem } from './plain.test.support.js'

testSolver(alps)

test('[1, 1] with Gram [[2, 1], [1, 2]] loses one weight and the other makes up half of it, by hand', async () => {
  // Least squares on one weight: x = (2 · 1 + 1 · 1) ÷ 2.
  const { weight, notes } = await solve(alps({ damping: 0 }), { weight: [1, 1], gram: [2, 1, 1, 2], rows: 1, zeros: 1 })
  expect([...weight].toSorted()).toEqual([0, 1.5])
  expect(notes).toEqual([])
})

test('damping 0.5 adds half of the mean of the diagonal, by hand', async () => {
  // H = [[3, 1], [1, 3]]: what stays becomes 1 + 1/3.
  const { weight } = await solve(alps({ damping: 0.5 }), { weight: [1, 1], gram: [2, 1, 1, 2], rows: 1, zeros: 1 })
  expect(weight.reduce((a, b) => a + b, 0)).toBeCloseTo(4 / 3, 6)
})

const NM: CommonPattern = { kind: 'nm', n: 2, m: 4 }

describe('equals a plain implementation in f64', () => {
  test.each([
    { rows: 3, columns: 5, scope: 'tensor', pattern: { kind: 'free' } },
    { rows: 7, columns: 40, scope: 'tensor', pattern: { kind: 'free' } },
    { rows: 5, columns: 61, scope: 'row', pattern: { kind: 'free' } },
    { rows: 6, columns: 38, scope: 'row', pattern: NM },
    { rows: 6, columns: 20, scope: 'row', pattern: { kind: 'nm', n: 1, m: 3 } },
  ] as const)('$rows × $columns, $scope, $pattern', async ({ rows, columns, scope, pattern }) => {
    for (const density of [0.3, 0.5, 0.8]) {
      const zeros = Math.round(density * columns) * rows
      // Of a near tie f32 may take another way than f64: these problems have none.
      const problem = randomProblem({ rows, columns, seed: 2, zeros, scope, pattern })
      const expected = plainAlps(problem)
      for (const threads of [1, 2]) {
        const { weight } = await alps({ threads }).solve({ ...problem, weight: problem.weight.slice() })
        expect(maskOf(weight)).toEqual(maskOf(expected))
        expect(errorOf(problem, weight)).toBeLessThan(errorOf(problem, expected) * 1.001 + 1e-9)
      }
    }
  })
})

test('every number of threads gives the same bits', async () => {
  const problem = randomProblem({ rows: 70, columns: 130, seed: 3, zeros: 5000 })
  const one = await alps({ threads: 1 }).solve({ ...problem, weight: problem.weight.slice() })
  expect(await alps({ threads: 2 }).solve({ ...problem, weight: problem.weight.slice() })).toEqual(one)
})

test('the error is that of the least-squares fit of the same mask, and below that of the mask alone', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ rows: fc.integer({ min: 1, max: 6 }), columns: fc.integer({ min: 2, max: 40 }), seed: fc.nat() }),
      fc.double({ min: 0.1, max: 0.9, noNaN: true }),
      async ({ rows, columns, seed }, share) => {
        const problem = randomProblem({ rows, columns, seed, zeros: Math.round(share * rows * columns) })
        const { weight } = await alps().solve({ ...problem, weight: problem.weight.slice() })
        const kept = Array.from(weight, (w) => w !== 0)
        const error = errorOf(problem, weight)
        expect(error).toBeLessThan(1.02 * errorOf(problem, plainRefitOf(problem, kept)) + 1e-6)
        expect(error).toBeLessThan(
          errorOf(
            problem,
            problem.weight.map((w, i) => (kept[i] ? w : 0)),
          ) + 1e-6,
        )
      },
    ),
    { numRuns: 60 },
  )
})

describe('counts', () => {
  test('are exact, for any number of zeros, also where zeros are there already', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          rows: fc.integer({ min: 1, max: 6 }),
          columns: fc.integer({ min: 1, max: 40 }),
          seed: fc.nat(),
          share: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async ({ rows, columns, seed, share }, already) => {
          const zeros = Math.round(share * rows * columns)
          const problem = randomProblem({ rows, columns, seed, zeros })
          const next = generator(seed + 1)
          for (let i = 0; i < problem.weight.length; i++) if (next() + 1 < 2 * already) problem.weight[i] = 0
          const before = maskOf(problem.weight)
          const { weight } = await alps().solve({ ...problem, weight: problem.weight.slice() })
          expect(countZeros(weight)).toBe(Math.max(zeros, countZeros(problem.weight)))
          expect(before.every((kept, i) => kept === 1 || weight[i] === 0)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('are equal in each row with scope row, or differ by one', async () => {
    const even = await alps().solve(randomProblem({ rows: 10, columns: 33, seed: 2, zeros: 110, scope: 'row' }))
    expect(Array.from({ length: 10 }, (_, r) => countZeros(even.weight.subarray(r * 33, (r + 1) * 33)))).toEqual(
      Array(10).fill(11),
    )
    const odd = await alps().solve(randomProblem({ rows: 4, columns: 9, seed: 2, zeros: 18, scope: 'row' }))
    expect(Array.from({ length: 4 }, (_, r) => countZeros(odd.weight.subarray(r * 9, (r + 1) * 9)))).toEqual([4, 5, 4, 5])
  })

  test('of 2:4 are two in each four, one of the last two, and zeros that were there stay', async () => {
    const problem = randomProblem({ rows: 5, columns: 34, seed: 3, zeros: 0, pattern: NM })
    const mask = maskOf((await alps().solve(problem)).weight)
    for (let row = 0; row < 5; row++) {
      for (let at = 0; at < 34; at += 4) {
        const group = mask.slice(row * 34 + at, row * 34 + Math.min(at + 4, 34))
        expect(group.filter((kept) => kept === 1).length).toBe(group.length / 2)
      }
    }
    const { weight } = await solve(alps(), {
      ...{ weight: [0, 0, 0, 5, 1, 2, 3, 4], gram: diagonal([1, 1, 1, 1, 1, 1, 1, 1]), rows: 1, zeros: 0 },
      pattern: NM,
    })
    expect(maskOf(weight)).toEqual([0, 0, 0, 1, 0, 0, 1, 1])
  })

  test.each(['tensor', 'row'] as const)('of tiles are whole tiles, as many as fit, %s', async (scope) => {
    const pattern = { kind: 'tile', rows: 2, columns: 4 } as const
    const problem = randomProblem({ rows: 6, columns: 18, seed: 5, zeros: 51, pattern, scope })
    const { weight } = await alps().solve({ ...problem, weight: problem.weight.slice() })
    const zeros = countZeros(weight)
    expect(zeros).toBeLessThanOrEqual(51)
    expect(zeros).toBeGreaterThan(51 - (scope === 'row' ? 3 : 1) * 8)
    for (let row = 0; row < 6; row += 2) {
      for (let at = 0; at < 18; at += 4) {
        const tile = [row, row + 1].flatMap((r) => [...weight.slice(r * 18 + at, r * 18 + Math.min(18, at + 4))])
        expect([0, tile.length]).toContain(countZeros(Float32Array.from(tile)))
      }
    }
  })
})

describe('awkward calibration data', () => {
  test('an input that is always zero goes first, however large its weights, and the others are not touched by it', async () => {
    const gram = [2, 0, 1, 0, 0, 0, 1, 0, 2]
    const { weight } = await solve(alps({ damping: 0 }), { weight: [1, 1000, 1], gram, rows: 1, zeros: 1 })
    expect(maskOf(weight)).toEqual([1, 0, 1])
    expect(weight[0]).toBeCloseTo(1, 5)
  })

  test('a dead input whose weights need not all go keeps the larger ones as they were', async () => {
    const { weight } = await solve(alps(), { weight: [1, 7, 1, 8, 1, 9], gram: [1, 0, 0, 0], rows: 3, zeros: 2 })
    expect([...weight].map((w) => Math.round(w * 1e4) / 1e4)).toEqual([1, 0, 1, 0, 1, 9])
  })

  test('where all inputs are zero the smallest weights go', async () => {
    const { weight } = await solve(alps(), { weight: [3, -1, 2, 4], gram: diagonal([0, 0]), rows: 2, zeros: 2 })
    expect(maskOf(weight)).toEqual([1, 0, 0, 1])
    expect(weight[0]).toBeCloseTo(3, 5)
  })

  test('a Gram matrix of rank 1 without damping is solved all the same', async () => {
    const { weight, notes } = await solve(alps({ damping: 0 }), { weight: [1, 1], gram: [1, 1, 1, 1], rows: 1, zeros: 1 })
    expect(notes).toEqual([])
    expect(weight[0]! + weight[1]!).toBeCloseTo(2, 5)
  })

  test('a matrix that is not positive definite falls back to |w|·√(mean x²), and a note says so', async () => {
    const { weight, notes } = await solve(alps(), { weight: [1, 3, 5, 2], gram: [1, 9, 9, 4], rows: 2, zeros: 2 })
    expect([...weight].map(Math.round)).toEqual([0, 3, 5, 0])
    expect(notes).toEqual(['the Gram matrix is not positive definite: masked by |w|·√(mean x²), without a refit'])
  })

  test('weights that would exceed f32 are masked without a refit, and a note says so', async () => {
    const { weight, notes } = await solve(alps({ damping: 0 }), { weight: [3e38, 3e38], gram: [2, 1, 1, 2], rows: 1, zeros: 1 })
    expect([...weight].toSorted()).toEqual([0, Math.fround(3e38)])
    expect(notes).toEqual(['the refitted weights exceed f32: masked, without a refit'])
  })

  test.each([Number.NaN, Infinity])('%d in the Gram matrix is refused with its place', async (value) => {
    const inGram = solve(alps(), { weight: [1, 1], gram: [1, value, 0, 1], rows: 1, zeros: 1 })
    await expect(inGram).rejects.toThrow(
      `alps: the Gram matrix of 'w' is ${value} in row 0, column 1; finite numbers were expected.`,
    )
    await expect(inGram).rejects.toBeInstanceOf(PareError)
  })
})

test('the order of the rows changes nothing but the order of the rows', async () => {
  const problem = randomProblem({ rows: 6, columns: 50, seed: 8, zeros: 150 })
  const turned = Float32Array.from({ length: 300 }, (_, i) => problem.weight[(5 - Math.floor(i / 50)) * 50 + (i % 50)]!)
  const { weight } = await alps().solve({ ...problem, weight: problem.weight.slice() })
  const other = (await alps().solve({ ...problem, weight: turned })).weight
  for (let row = 0; row < 6; row++)
    expect(maskOf(other.slice((5 - row) * 50, (6 - row) * 50))).toEqual(maskOf(weight.slice(row * 50, (row + 1) * 50)))
})

test('the scale of the Gram matrix changes nothing', async () => {
  const problem = randomProblem({ rows: 6, columns: 50, seed: 8, zeros: 150 })
  const scaled = { gram: problem.stats.gram!.map((value) => value * 2 ** -160) }
  const { weight } = await alps().solve({ ...problem, weight: problem.weight.slice() })
  expect((await alps().solve({ ...problem, stats: scaled, weight: problem.weight.slice() })).weight).toEqual(weight)
})

test('weights with one Gram matrix give the same together as alone', async () => {
  const one = randomProblem({ rows: 6, columns: 30, seed: 1, zeros: 90 })
  const other = { ...randomProblem({ rows: 4, columns: 30, seed: 2, zeros: 70 }), stats: one.stats }
  const shared = alps()
  await shared.solve({ ...one, weight: one.weight.slice() })
  const { weight } = await shared.solve({ ...other, weight: other.weight.slice() })
  expect(weight).toEqual((await alps().solve({ ...other, weight: other.weight.slice() })).weight)
})

test('rows that the loss feels more keep more, and in a row of its own nothing changes', async () => {
  const problem = randomProblem({ rows: 4, columns: 30, seed: 4, zeros: 60 })
  const felt = Float64Array.of(100, 1, 1, 1)
  const { weight } = await alps().solve({ ...problem, felt, weight: problem.weight.slice() })
  expect(countZeros(weight)).toBe(60)
  expect(countZeros(weight.subarray(0, 30))).toBeLessThan(countZeros(weight.subarray(30, 60)) / 2)
  const byRow = { ...problem, scope: 'row' } as const
  const { weight: plain } = await alps().solve({ ...byRow, weight: problem.weight.slice() })
  const { weight: weighted } = await alps().solve({ ...byRow, felt: Float64Array.of(4, 4, 4, 4), weight: problem.weight.slice() })
  expect(maskOf(weighted)).toEqual(maskOf(plain))
})

test('an aborted solution ends', async () => {
  const problem = randomProblem({ rows: 2, columns: 30, seed: 1, zeros: 30 })
  await expect(alps().solve({ ...problem, signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop')
})

test('what cannot be solved is refused with the values', async () => {
  const problem = randomProblem({ rows: 4, columns: 4, seed: 1, zeros: 8 })
  await expect(alps().solve({ ...problem, scope: 'global' })).rejects.toThrow('scope global; row or tensor was expected')
  await expect(alps().solve({ ...problem, zeros: 17 })).rejects.toThrow('cannot have 17 zeros')
  expect(() => alps({ damping: -1 })).toThrow('alps: damping is -1; a number from 0 to 1 was expected.')
})

function solve(
  solver: ReturnType<typeof alps>,
  {
    weight,
    gram,
    pattern = { kind: 'free' },
    ...rest
  }: { weight: number[]; gram: number[]; rows: number; zeros: number; pattern?: CommonPattern },
) {
  const problem: WeightProblem = {
    ...{ id: 'w', scope: 'tensor', pattern, ...rest },
    ...{ weight: Float32Array.from(weight), columns: weight.length / rest.rows, stats: { gram: Float64Array.from(gram) } },
  }
  return solver.solve(problem)
}

function diagonal(values: number[]): number[] {
  return values.flatMap((value, i) => values.map((_, j) => (i === j ? value : 0)))
}

const maskOf = (weight: ArrayLike<number>) => Array.from(weight, (w) => (w === 0 ? 0 : 1))
const countZeros = (weight: Float32Array) => weight.reduce((sum, w) => sum + (w === 0 ? 1 : 0), 0)
