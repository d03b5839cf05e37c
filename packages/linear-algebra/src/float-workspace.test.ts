import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openFloatWorkspace } from './float-workspace.js'

test('[1, 2] · [[1, 2], [3, 4]] is [7, 10], and is added to what is there, by hand', async () => {
  const workspace = await openFloatWorkspace({ rows: [1, 1], columns: 2, factors: 1, threads: 1 })
  const { matrices, square, factors } = workspace
  const [target, left] = matrices as [typeof square, typeof square]
  square.data.set([1, 2])
  square.data.set([3, 4], square.stride)
  left.data.set([1, 2])
  target.data.set([10, 20])
  factors[0]!.load(square)
  workspace.addProduct(target, left, factors[0]!)
  expect([...target.data.slice(0, 2)]).toEqual([17, 30])
  await workspace[Symbol.asyncDispose]()
})

test('products and inverses are those of their definition, at any size, with the same bits on 1, 2 and 3 threads', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 90 }), fc.nat(), async (rows, columns, seed) => {
      const results = [await productOf(rows, columns, seed, 1), await productOf(rows, columns, seed, 2)]
      if (columns > 60) results.push(await productOf(rows, columns, seed, 3))
      for (const other of results.slice(1)) expect(other.result).toEqual(results[0]!.result)
      const { left, matrix, result } = results[0]!
      // (left · matrix⁻¹) · matrix is left.
      let worst = 0
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          let sum = 0
          for (let k = 0; k < columns; k++) sum += result[i * columns + k]! * matrix[k * columns + j]!
          worst = Math.max(worst, Math.abs(sum - left[i * columns + j]!))
        }
      }
      expect(worst).toBeLessThan(2e-5)
    }),
    { numRuns: 25 },
  )
})

test('sums of more than 512 terms, and more rows than the threads are handed at a time', async () => {
  const [rows, columns] = [64 * 257, 520]
  const workspace = await openFloatWorkspace({ rows: [rows, rows], columns, factors: 1, threads: 2 })
  const { matrices, square, factors } = workspace
  const [target, left] = matrices as [typeof square, typeof square]
  square.data.fill(1)
  for (const row of [0, rows - 1]) left.data.fill(row + 1, row * left.stride, (row + 1) * left.stride)
  factors[0]!.load(square)
  workspace.addProduct(target, left, factors[0]!)
  expect([0, 1, rows - 1].map((row) => target.data[row * target.stride + 519])).toEqual([520, 0, 520 * rows])
  await workspace[Symbol.asyncDispose]()
})

test.each([
  ['of rank 1', [1, 1, 1, 1]],
  ['indefinite', [1, 2, 2, 1]],
  ['NaN', [Number.NaN, 0, 0, 1]],
])('a matrix that is %s has no inverse', async (_, values) => {
  const workspace = await openFloatWorkspace({ rows: [], columns: 2, factors: 0, threads: 1 })
  for (let i = 0; i < 8; i++) workspace.square.data[i * 9] = 1
  for (let i = 0; i < 2; i++) workspace.square.data.set(values.slice(2 * i, 2 * i + 2), i * 8)
  expect(workspace.invertSquare()).toBe(false)
  await workspace[Symbol.asyncDispose]()
})

async function productOf(rows: number, columns: number, seed: number, threads: number) {
  const workspace = await openFloatWorkspace({ rows: [rows, rows], columns, factors: 1, threads })
  const { matrices, square, factors } = workspace
  const [target, from] = matrices as [typeof square, typeof square]
  const { stride } = square
  const next = generator(seed)
  const left = Float64Array.from({ length: rows * columns }, () => Math.fround(next()))
  // Neighbours are correlated; a tenth on the diagonal.
  const matrix = Float64Array.from({ length: columns ** 2 }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns]
    return Math.fround(i === j ? 1.1 : 0.9 ** Math.abs(i - j))
  })
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) from.data[i * stride + j] = left[i * columns + j]!
  for (let i = 0; i < stride; i++) square.data[i * (stride + 1)] = 1
  for (let i = 0; i < columns; i++) for (let j = 0; j < columns; j++) square.data[i * stride + j] = matrix[i * columns + j]!
  expect(workspace.invertSquare()).toBe(true)
  factors[0]!.load(square)
  workspace.addProduct(target, from, factors[0]!)
  const result = Array.from(
    { length: rows * columns },
    (_, at) => target.data[Math.floor(at / columns) * stride + (at % columns)]!,
  )
  await workspace[Symbol.asyncDispose]()
  return { left, matrix, result }
}

function generator(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}
