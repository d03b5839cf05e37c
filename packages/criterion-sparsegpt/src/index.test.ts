import { type CommonPattern, PareError, type WeightProblem } from '@pare/core'
import { testSolver } from '@pare/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sparsegpt } from './index.js'

testSolver(sparsegpt)

test('[1, 1] with Gram [[2, 1], [1, 2]] loses its first weight and the second makes up half of it, by hand', async () => {
  // H⁻¹ = ⅓[[2, −1], [−1, 2]] = UᵀU with U = [[√⅔, −½√⅔], [0, √½]]. Scores w²/U[j, j]² = 1.5 and 2: the first goes.
  // error = 1/√⅔; w2 − error · U[0, 1] = 1 + ½ = 1.5, which is also the least-squares fit G01/G11 + 1.
  const { weight, notes } = await solve(sparsegpt({ damping: 0 }), { weight: [1, 1], gram: [2, 1, 1, 2], rows: 1, zeros: 1 })
  expect([...weight]).toEqual([0, 1.5])
  expect(notes).toEqual([])
})

test('damping 0.5 adds half of the mean of the diagonal, by hand', async () => {
  // H = [[3, 1], [1, 3]]; the first goes and the second becomes 1 + 1/3.
  const { weight } = await solve(sparsegpt({ damping: 0.5 }), { weight: [1, 1], gram: [2, 1, 1, 2], rows: 1, zeros: 1 })
  expect([...weight]).toEqual([0, Math.fround(4 / 3)])
})

describe('equals a plain implementation in f64', () => {
  test.each([
    { rows: 3, columns: 5, scope: 'tensor', pattern: { kind: 'free' } },
    { rows: 7, columns: 130, scope: 'tensor', pattern: { kind: 'free' } },
    { rows: 5, columns: 301, scope: 'row', pattern: { kind: 'free' } },
    { rows: 33, columns: 128, scope: 'tensor', pattern: { kind: 'free' } },
    { rows: 6, columns: 262, scope: 'row', pattern: { kind: 'nm', n: 2, m: 4 } },
    { rows: 6, columns: 200, scope: 'row', pattern: { kind: 'nm', n: 1, m: 3 } },
    { rows: 6, columns: 7, scope: 'row', pattern: { kind: 'nm', n: 3, m: 5 } },
  ] as const)('$rows × $columns, $scope, $pattern', async ({ rows, columns, scope, pattern }) => {
    for (const density of [0.3, 0.5, 0.8]) {
      const problem = randomProblem({
        rows,
        columns,
        seed: rows + columns,
        zeros: Math.round(density * columns) * rows,
        scope,
        pattern,
      })
      const [damping, block] = density === 0.8 ? [0.01, 128] : [0.1, 16]
      const expected = plain(problem, damping, block)
      for (const threads of [1, 2]) {
        const options = density === 0.8 ? { damping, block, threads } : { threads }
        const { weight } = await sparsegpt(options).solve({ ...problem, weight: problem.weight.slice() })
        expect(maskOf(weight)).toEqual(maskOf(expected))
        const largest = Math.max(...expected.map(Math.abs))
        const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - weight[i]!)), 0)
        expect(worst / largest).toBeLessThan(1e-4)
      }
    }
  })

  test('with another block', async () => {
    const problem = randomProblem({ rows: 9, columns: 150, seed: 4, zeros: 700 })
    const { weight } = await sparsegpt({ block: 32, damping: 0.1 }).solve({ ...problem, weight: problem.weight.slice() })
    expect(maskOf(weight)).toEqual(maskOf(plain(problem, 0.1, 32)))
    expect(maskOf(weight)).not.toEqual(maskOf(plain(problem, 0.1, 128)))
  })
})

test('with uncorrelated inputs nothing is updated, and in one block w² · mean x² decides', async () => {
  const { weight } = await solve(sparsegpt(), { weight: [3, 2, 1, 1], gram: diagonal([1, 1, 1, 100]), rows: 1, zeros: 2 })
  expect([...weight]).toEqual([3, 0, 0, 1])
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
          const { weight } = await sparsegpt({ block: 8 }).solve({ ...problem, weight: problem.weight.slice() })
          expect(countZeros(weight)).toBe(Math.max(zeros, countZeros(problem.weight)))
          expect(before.every((kept, i) => kept === 1 || weight[i] === 0)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('are equal in each row with scope row', async () => {
    const problem = randomProblem({ rows: 10, columns: 333, seed: 2, zeros: 10 * 111, scope: 'row' })
    const { weight } = await sparsegpt().solve(problem)
    expect(Array.from({ length: 10 }, (_, r) => countZeros(weight.subarray(r * 333, (r + 1) * 333)))).toEqual(Array(10).fill(111))
  })

  test('differ between rows by one where they cannot be equal', async () => {
    const problem = randomProblem({ rows: 4, columns: 9, seed: 2, zeros: 18, scope: 'row' })
    const { weight } = await sparsegpt().solve(problem)
    expect(Array.from({ length: 4 }, (_, r) => countZeros(weight.subarray(r * 9, (r + 1) * 9)))).toEqual([4, 5, 4, 5])
  })

  test('of 2:4 are two in each four, and one stays of the last two', async () => {
    const problem = randomProblem({ rows: 5, columns: 134, seed: 3, zeros: 0, pattern: { kind: 'nm', n: 2, m: 4 } })
    const mask = maskOf((await sparsegpt().solve(problem)).weight)
    for (let row = 0; row < 5; row++) {
      for (let at = 0; at < 134; at += 4) {
        const group = mask.slice(row * 134 + at, row * 134 + Math.min(at + 4, 134))
        expect(group.filter((kept) => kept === 1).length).toBe(group.length / 2)
      }
    }
  })

  test('of N:M may be larger where zeros were there: they stay', async () => {
    const { weight } = await solve(sparsegpt(), {
      weight: [0, 0, 0, 5, 1, 2, 3, 4],
      gram: diagonal([1, 1, 1, 1, 1, 1, 1, 1]),
      rows: 1,
      zeros: 0,
      pattern: { kind: 'nm', n: 2, m: 4 },
    })
    expect([...weight]).toEqual([0, 0, 0, 5, 0, 0, 3, 4])
  })
})

describe('awkward calibration data', () => {
  test('an input that is always zero goes first, however large its weights, and the others are not touched by it', async () => {
    const gram = [2, 0, 1, 0, 0, 0, 1, 0, 2]
    const { weight } = await solve(sparsegpt({ damping: 0 }), { weight: [1, 1000, 1], gram, rows: 1, zeros: 1 })
    expect([...weight]).toEqual([1, 0, 1])
    const both = await solve(sparsegpt({ damping: 0 }), { weight: [1, 1000, 1], gram, rows: 1, zeros: 2 })
    expect([...both.weight]).toEqual([0, 0, 1.5])
  })

  test('a dead input whose weights need not all go keeps the larger ones as they were', async () => {
    const { weight } = await solve(sparsegpt(), { weight: [1, 7, 1, 8, 1, 9], gram: [1, 0, 0, 0], rows: 3, zeros: 2 })
    expect([...weight]).toEqual([1, 0, 1, 0, 1, 9])
  })

  test('where all inputs are zero the smallest weights go, and a note says why', async () => {
    const { weight, notes } = await solve(sparsegpt(), { weight: [3, -1, 2, 4], gram: diagonal([0, 0]), rows: 2, zeros: 2 })
    expect([...weight]).toEqual([3, 0, 0, 4])
    expect(notes).toEqual(['every input was zero in the calibration data: masked by |w|, without an update'])
  })

  test.each([
    ['one sample', (i: number) => Math.sin(3 * i + 1)],
    ['constant activations', () => 0.7],
  ])('%s: the Gram matrix has rank 1, and the output for it survives the loss of half of the weights', async (_, x) => {
    const columns = 60
    const sample = Float64Array.from({ length: columns }, (_, i) => x(i))
    const gram = Float64Array.from({ length: columns ** 2 }, (_, at) => sample[Math.floor(at / columns)]! * sample[at % columns]!)
    const problem = { ...randomProblem({ rows: 8, columns, seed: 9, zeros: 240 }), stats: { gram } }
    const original = problem.weight.slice()
    const { weight, notes } = await sparsegpt().solve(problem)
    expect(notes).toEqual([])
    expect(countZeros(weight)).toBe(240)
    const squared = (values: Float32Array) => reconstructionError(original, values, gram, columns)
    // Nearly all is made up for: all but what the last columns lose, which have few after them, and what the damping holds back.
    expect(squared(weight)).toBeLessThan(0.05 * squared(masked(original, weight)))
  })

  test('a singular Gram matrix without damping is damped, and a note says by how much', async () => {
    const { weight, notes } = await solve(sparsegpt({ damping: 0 }), { weight: [1, 1], gram: [1, 1, 1, 1], rows: 1, zeros: 1 })
    expect(notes).toEqual(['damping was raised from 0 to 0.000001: with less the Gram matrix is not positive definite'])
    expect(weight[0]).toBe(0)
    expect(weight[1]).toBeCloseTo(2, 5)
  })

  test('a matrix that no damping helps falls back to |w|·√(mean x²), and a note says so', async () => {
    const free = await solve(sparsegpt(), { weight: [1, 3, 5, 2], gram: [1, 9, 9, 4], rows: 2, zeros: 2 })
    expect([...free.weight]).toEqual([0, 3, 5, 0])
    expect(free.notes).toEqual([
      'the Gram matrix is not positive definite even with a damping of 1: masked by |w|·√(mean x²), without an update',
    ])
    const rule = { kind: 'nm', n: 1, m: 2 } as const
    const nm = await solve(sparsegpt(), { weight: [1, 3, 9, 4], gram: [1, 9, 9, 4], rows: 2, zeros: 0, pattern: rule })
    expect([...nm.weight]).toEqual([0, 3, 9, 0])
  })

  test('weights that would exceed f32 fall back too', async () => {
    const { weight, notes } = await solve(sparsegpt({ damping: 0 }), {
      weight: [3e38, 3e38],
      gram: [2, 1, 1, 2],
      rows: 1,
      zeros: 1,
    })
    expect([...weight]).toEqual([0, Math.fround(3e38)])
    expect(notes).toEqual(['the updated weights exceed f32: masked by |w|·√(mean x²), without an update'])
  })

  test.each([Number.NaN, Infinity])('%d in the Gram matrix or the weight is refused with its place', async (value) => {
    const inGram = solve(sparsegpt(), { weight: [1, 1], gram: [1, value, 0, 1], rows: 1, zeros: 1 })
    await expect(inGram).rejects.toThrow(
      `sparsegpt: the Gram matrix of 'w' is ${value} in row 0, column 1; finite numbers were expected.`,
    )
    await expect(inGram).rejects.toBeInstanceOf(PareError)
    const inWeight = solve(sparsegpt(), { weight: [1, 1, 1, value], gram: [1, 0, 0, 1], rows: 2, zeros: 1 })
    await expect(inWeight).rejects.toThrow(`sparsegpt: the weight of 'w' is ${value} in row 1, column 1`)
  })
})

test('the error on the data is below that of magnitude with as many zeros, and below that of its own mask without an update', async () => {
  const ratios: number[] = []
  for (let seed = 0; seed < 20; seed++) {
    const problem = randomProblem({ rows: 8, columns: 64, seed, zeros: 256 })
    const { gram } = problem.stats as { gram: Float64Array }
    const error = (weight: Float32Array) => reconstructionError(problem.weight, weight, gram, 64)
    const { weight } = await sparsegpt().solve({ ...problem, weight: problem.weight.slice() })
    const border = [...problem.weight].map(Math.abs).sort((a, b) => a - b)[256]!
    const magnitude = problem.weight.map((w) => (Math.abs(w) < border ? 0 : w))
    expect(countZeros(magnitude)).toBe(256)
    expect(error(weight)).toBeLessThan(error(masked(problem.weight, weight)))
    ratios.push(error(weight) / error(magnitude))
  }
  expect(Math.max(...ratios)).toBeLessThan(1)
})

test('the order of the rows changes nothing but the order of the rows', async () => {
  const problem = randomProblem({ rows: 6, columns: 50, seed: 8, zeros: 150 })
  const turned = Float32Array.from({ length: 300 }, (_, i) => problem.weight[(5 - Math.floor(i / 50)) * 50 + (i % 50)]!)
  const { weight } = await sparsegpt().solve({ ...problem, weight: problem.weight.slice() })
  const other = (await sparsegpt().solve({ ...problem, weight: turned })).weight
  for (let row = 0; row < 6; row++)
    expect(other.slice((5 - row) * 50, (6 - row) * 50)).toEqual(weight.slice(row * 50, (row + 1) * 50))
})

test('the scale of the Gram matrix changes nothing', async () => {
  const problem = randomProblem({ rows: 6, columns: 50, seed: 8, zeros: 150 })
  const scaled = { gram: problem.stats.gram!.map((value) => value * 2 ** -40) }
  const { weight } = await sparsegpt().solve({ ...problem, weight: problem.weight.slice() })
  expect((await sparsegpt().solve({ ...problem, stats: scaled, weight: problem.weight.slice() })).weight).toEqual(weight)
})

test('an aborted solution ends', async () => {
  const problem = randomProblem({ rows: 2, columns: 300, seed: 1, zeros: 300 })
  await expect(sparsegpt().solve({ ...problem, signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop')
})

test('what cannot be solved is refused with the values', async () => {
  const problem = randomProblem({ rows: 4, columns: 4, seed: 1, zeros: 8 })
  await expect(sparsegpt().solve({ ...problem, pattern: { kind: 'tile', rows: 2, columns: 2 } })).rejects.toThrow(
    "'w' is to lose tiles of 2 × 2",
  )
  await expect(sparsegpt().solve({ ...problem, scope: 'global' })).rejects.toThrow('scope global; row or tensor was expected')
  await expect(sparsegpt().solve({ ...problem, zeros: 17 })).rejects.toThrow('cannot have 17 zeros')
  expect(() => sparsegpt({ damping: -1 })).toThrow('sparsegpt: damping is -1; a number from 0 to 1 was expected.')
  expect(() => sparsegpt({ block: 50 })).toThrow('sparsegpt: block is 50; a multiple of 4 was expected.')
})

function solve(
  solver: ReturnType<typeof sparsegpt>,
  problem: { weight: number[]; gram: number[]; rows: number; zeros: number; pattern?: CommonPattern },
) {
  const { weight, gram, rows, zeros, pattern = { kind: 'free' } } = problem
  const stats = { gram: Float64Array.from(gram) }
  return solver.solve({
    id: 'w',
    weight: Float32Array.from(weight),
    rows,
    columns: weight.length / rows,
    stats,
    pattern,
    zeros,
    scope: 'tensor',
  })
}

/** Algorithm 1 of the paper, line by line, all in f64: the inverse by Gauss and Jordan, its upper factor by definition, one update for each column. */
function plain({ weight, rows, columns, stats, pattern, zeros, scope }: WeightProblem, damping: number, block: number): number[] {
  const w = Array.from({ length: rows }, (_, r) => Array.from(weight.subarray(r * columns, (r + 1) * columns)))
  const h = Array.from({ length: columns }, (_, i) => Array.from(stats.gram!.subarray(i * columns, (i + 1) * columns)))
  const mean = h.reduce((sum, row, i) => sum + row[i]!, 0) / columns
  for (const [i, row] of h.entries()) row[i]! += damping * mean
  const u = upperFactor(inverseOf(h))
  const ratio = (r: number, j: number) => (w[r]![j]! / u[j]![j]!) ** 2
  const gone = w.map((row) => row.map(() => false))
  const lowest = (elements: [number, number][], count: number) =>
    elements.toSorted(([r, j], [s, k]) => ratio(r, j) - ratio(s, k) || r - s || j - k).slice(0, count)
  // What is still to come, of a row or of all, is spread evenly over the columns that are left.
  let left = scope === 'row' ? zeros / rows : zeros
  for (let j = 0; j < columns; j++) {
    const group = pattern.kind === 'nm' ? pattern.m : block
    const end = Math.min(columns, j + group)
    if (j % group === 0) {
      const each = w.map((_, r) => Array.from({ length: end - j }, (_, k) => [r, j + k] as [number, number]))
      const share = Math.round((left * (end - j)) / (columns - j))
      const count = pattern.kind === 'nm' ? end - j - Math.ceil(((end - j) * pattern.n) / pattern.m) : share
      const going = scope === 'row' ? each.flatMap((row) => lowest(row, count)) : lowest(each.flat(), count)
      left -= share
      for (const [r, k] of going) gone[r]![k] = true
    }
    for (const [r, row] of w.entries()) {
      if (!gone[r]![j]) continue
      const error = row[j]! / u[j]![j]!
      for (let k = j; k < columns; k++) row[k]! -= error * u[j]![k]!
      row[j] = 0
    }
  }
  return w.flat()
}

function inverseOf(matrix: number[][]): number[][] {
  const n = matrix.length
  const both = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))])
  for (let i = 0; i < n; i++) {
    const pivot = both[i]!.map((value) => value / both[i]![i]!)
    both.forEach((row, r) => {
      const factor = row[i]!
      both[r] = r === i ? pivot : row.map((value, k) => value - factor * pivot[k]!)
    })
  }
  return both.map((row) => row.slice(n))
}

/** Upper triangular U with UᵀU = the matrix. */
function upperFactor(matrix: number[][]): number[][] {
  const u = matrix.map((row) => row.map(() => 0))
  matrix.forEach((row, i) => {
    for (let j = i; j < row.length; j++) {
      let sum = row[j]!
      for (let k = 0; k < i; k++) sum -= u[k]![i]! * u[k]![j]!
      u[i]![j] = i === j ? Math.sqrt(sum) : sum / u[i]![i]!
    }
  })
  return u
}

/** tr((W − V) · G · (W − V)ᵀ). */
function reconstructionError(original: Float32Array, weight: Float32Array, gram: Float64Array, columns: number): number {
  let error = 0
  for (let row = 0; row < original.length; row += columns) {
    const change = Array.from({ length: columns }, (_, j) => original[row + j]! - weight[row + j]!)
    for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) error += change[i]! * gram[i * columns + j]! * change[j]!
  }
  return error
}

interface RandomProblem {
  readonly rows: number
  readonly columns: number
  readonly seed: number
  readonly zeros: number
  readonly scope?: 'row' | 'tensor'
  readonly pattern?: CommonPattern
}

/** Normal-like weights; inputs that are correlated with their neighbours and of uneven size. */
function randomProblem({
  rows,
  columns,
  seed,
  zeros,
  scope = 'tensor',
  pattern = { kind: 'free' },
}: RandomProblem): WeightProblem {
  const next = generator(seed)
  const samples = columns + 20
  const inputs = Array.from({ length: samples }, () => {
    let last = 0
    return Array.from({ length: columns }, (_, i) => {
      last = 0.7 * last + next()
      return last * (0.2 + ((i * 7) % 5))
    })
  })
  const gram = new Float64Array(columns ** 2)
  for (const x of inputs)
    for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) gram[i * columns + j]! += (x[i]! * x[j]!) / samples
  const weight = Float32Array.from({ length: rows * columns }, () => next() + next() + next())
  return { id: 'w', weight, rows, columns, stats: { gram }, pattern, zeros, scope }
}

/** Numbers from −1 to 1. */
function generator(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}

function diagonal(values: number[]): number[] {
  return values.flatMap((value, i) => values.map((_, j) => (i === j ? value : 0)))
}

const maskOf = (weight: ArrayLike<number>) => Array.from(weight, (w) => (w === 0 ? 0 : 1))
const countZeros = (weight: Float32Array) => weight.reduce((sum, w) => sum + (w === 0 ? 1 : 0), 0)
const masked = (weight: Float32Array, by: Float32Array) => weight.map((w, i) => (by[i] === 0 ? 0 : w))
