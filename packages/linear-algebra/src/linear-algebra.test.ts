import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { cholesky } from './cholesky.js'
import { invertLower } from './triangle.js'
import { type Matrix, openWorkspace } from './workspace.js'

afterEach(() => void vi.unstubAllGlobals())

test('the Cholesky factor of [[4, 2], [2, 5]] is [[2, 0], [1, 2]] and its inverse [[½, 0], [−¼, ½]], by hand', async () => {
  const { factor, inverse } = await factorAndInverse([4, 2, 2, 5], 2, 1)
  expect(factor).toEqual([2, 0, 1, 2])
  expect(inverse).toEqual([0.5, 0, -0.25, 0.5])
})

test.each([1, 2, 3])('with %i threads L·Lᵀ is the matrix and L⁻¹·L is I, at sizes on either side of a block', async (threads) => {
  for (const size of [1, 3, 4, 127, 128, 129, 258, 385]) {
    const matrix = randomGram(size, size + 3, size)
    const { factor, inverse } = await factorAndInverse(matrix, size, threads)
    expect(worst(product(factor, transposed(factor, size), size), matrix), `L·Lᵀ at ${size}`).toBeLessThan(1e-13 * size)
    expect(worst(product(inverse, factor, size), identity(size)), `L⁻¹·L at ${size}`).toBeLessThan(1e-10)
  }
})

test('every number of threads gives the same bits', async () => {
  const matrix = randomGram(300, 310, 5)
  const one = await factorAndInverse(matrix, 300, 1)
  expect(await factorAndInverse(matrix, 300, 3)).toEqual(one)
})

test('where no memory can be shared one thread does it all', async () => {
  const Plain = WebAssembly.Memory
  vi.stubGlobal('WebAssembly', {
    ...Object.fromEntries(['Module', 'Instance'].map((name) => [name, Reflect.get(WebAssembly, name)])),
    Memory: function refusing(descriptor: { initial: number; shared?: boolean }) {
      if (descriptor.shared) throw new RangeError('no shared memory here')
      return new Plain(descriptor)
    },
  })
  const { factor } = await factorAndInverse([4, 2, 2, 5], 2, 2)
  expect(factor).toEqual([2, 0, 1, 2])
})

test('any matrix of the form A·Aᵀ + I is factored, whatever its size', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.integer(), async (size, seed) => {
      const matrix = randomGram(size, 2, seed)
      for (let i = 0; i < size; i++) matrix[i * size + i]! += 1
      const { factor, inverse } = await factorAndInverse(matrix, size, 1)
      expect(worst(product(factor, transposed(factor, size), size), matrix)).toBeLessThan(1e-12)
      expect(worst(product(inverse, factor, size), identity(size))).toBeLessThan(1e-12)
    }),
    { numRuns: 50 },
  )
})

test.each([
  ['of rank 1', [1, 2, 2, 4]],
  ['indefinite', [1, 2, 2, 1]],
  ['zero', [0, 0, 0, 0]],
  ['NaN', [Number.NaN, 0, 0, 1]],
  ['infinite', [Infinity, 0, 0, 1]],
])('a matrix that is %s has no factor', async (_, values) => {
  await using opened = await open(values, 2, 1)
  expect(await cholesky(opened.workspace, opened.matrix)).toBe(false)
})

test('a matrix of rank 100 and 200 rows has no factor, though rounding leaves no pivot at zero', async () => {
  await using opened = await open(randomGram(200, 100, 1), 200, 1)
  expect(await cholesky(opened.workspace, opened.matrix)).toBe(false)
})

test('an aborted factorisation ends between two blocks', async () => {
  await using opened = await open(randomGram(300, 310, 5), 300, 1)
  await expect(cholesky(opened.workspace, opened.matrix, AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop')
})

test('parts of more than 4,096 rows are products too', async () => {
  await using opened = await open(new Float64Array(4100 * 8), 4100, 2, 8)
  const { matrix, workspace } = opened
  const left = Float64Array.from({ length: 4100 * 3 }, (_, i) => i % 7)
  const right = Float64Array.from({ length: 3 * 8 }, (_, i) => i % 5)
  workspace.subtractProduct(
    { matrix, start: 0 },
    { data: left, start: 0, across: 3, along: 1, count: 4100, depth: 3 },
    { data: right, start: 0, across: 1, along: 8, count: 8, depth: 3 },
  )
  const expected = matrix.data.map((_, at) => {
    const [row, column] = [Math.floor(at / 8), at % 8]
    return -[0, 1, 2].reduce((sum, k) => sum + left[row * 3 + k]! * right[k * 8 + column]!, 0)
  })
  expect(worst(matrix.data, expected)).toBe(0)
})

test('more than 4 GiB is refused with the size', async () => {
  await expect(openWorkspace({ matrices: [{ rows: 30_000, columns: 30_000 }] })).rejects.toThrow('linear-algebra: matrices of 6')
})

async function open(values: ArrayLike<number>, rows: number, threads: number, columns = rows) {
  const workspace = await openWorkspace({ matrices: [{ rows, columns }], threads })
  const matrix = workspace.matrices[0] as Matrix
  for (let i = 0; i < matrix.rows; i++) {
    if (i >= rows) matrix.data[i * matrix.stride + i] = 1
    else for (let j = 0; j < columns; j++) matrix.data[i * matrix.stride + j] = values[i * columns + j]!
  }
  return { workspace, matrix, [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose]() }
}

async function factorAndInverse(values: ArrayLike<number>, size: number, threads: number) {
  await using opened = await open(values, size, threads)
  const { workspace, matrix } = opened
  expect(await cholesky(workspace, matrix)).toBe(true)
  const factor = lowerOf(matrix, size)
  await invertLower(workspace, matrix)
  return { factor, inverse: lowerOf(matrix, size) }
}

function lowerOf({ data, stride }: Matrix, size: number): number[] {
  return Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size]
    return j > i ? 0 : data[i * stride + j]!
  })
}

/** The mean of x·xᵀ over so many samples. */
function randomGram(size: number, samples: number, seed: number): Float64Array {
  let state = seed >>> 0
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  const x = Array.from({ length: samples }, () => Array.from({ length: size }, next))
  return Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size]
    return x.reduce((sum, row) => sum + row[i]! * row[j]!, 0) / samples
  })
}

function product(a: readonly number[], b: readonly number[], size: number): number[] {
  const result = new Array<number>(size * size).fill(0)
  for (let i = 0; i < size; i++)
    for (let k = 0; k < size; k++) for (let j = 0; j < size; j++) result[i * size + j]! += a[i * size + k]! * b[k * size + j]!
  return result
}

const transposed = (a: readonly number[], size: number) => a.map((_, at) => a[(at % size) * size + Math.floor(at / size)]!)
const identity = (size: number) => Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0))
const worst = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Number.isNaN(value) ? Infinity : Math.abs(value - b[i]!)), 0)
