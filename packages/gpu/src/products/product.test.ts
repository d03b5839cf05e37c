import { describe, expect, test } from 'vitest'
import { ADAPTERS, onEachAdapter, openSoftware } from '../adapters.test.support.js'
import type { Gpu } from '../gpu.js'
import { bitmapOf } from './bitmap.js'
import type { DeviceMatrix } from './entries.js'
import { dense, groups, multiplied, randomDense, rows, tiles } from './matrices.test.support.js'
import { openProduct } from './product.js'

const SHAPES = [
  { out: 5, in: 3 },
  { out: 131, in: 76 },
]
const FORMATS: Record<string, (weight: Float32Array, shape: { out: number; in: number; halves: boolean }) => DeviceMatrix> = {
  dense,
  rows,
  'tiles of 1 × 4': (weight, shape) => tiles(weight, shape, [1, 4]),
  'tiles of 4 × 1': (weight, shape) => tiles(weight, shape, [4, 1]),
  'tiles of 2 × 8': (weight, shape) => tiles(weight, shape, [2, 8]),
  'tiles of 3 × 3': (weight, shape) => tiles(weight, shape, [3, 3]),
  '2:4': (weight, shape) => groups(weight, shape, { keep: 2, of: 4 }),
  '1:16': (weight, shape) => groups(weight, shape, { keep: 1, of: 16 }),
  '3:5': (weight, shape) => groups(weight, shape, { keep: 3, of: 5 }),
  bitmap: (weight, shape) => bitmapOf(rows(weight, shape)),
}

onEachAdapter((gpu) => {
  describe.each(Object.keys(FORMATS))('%s', (format) => {
    test.each([
      false,
      true,
    ])('equals the product by hand, for any sizes, exactly where sums are exact; halves: %s', async (halves) => {
      for (const shape of SHAPES) {
        const weight = randomDense(shape.out, shape.in, 0.3)
        const matrix = FORMATS[format]!(weight, { ...shape, halves })
        using product = openProduct(gpu(), matrix)
        for (const m of [1, 7, 9, 70]) {
          const x = randomDense(m, shape.in, 0.9)
          expect(unsigned(await product.multiply(x, m))).toEqual(unsigned(multiplied(x, weight, { ...shape, m })))
        }
      }
    })

    test('in bands of a few rows it is the same', async () => {
      const shape = { out: 67, in: 50, halves: true }
      const weight = randomDense(shape.out, shape.in, 0.3)
      using product = openProduct(gpu(), FORMATS[format]!(weight, shape), { most: 2000 })
      for (const m of [1, 40]) {
        const x = randomDense(m, shape.in, 0.9)
        expect(unsigned(await product.multiply(x, m))).toEqual(unsigned(multiplied(x, weight, { ...shape, m })))
      }
    })

    test('all zeros, none, and no elements at all', async () => {
      for (const shape of [
        { out: 9, in: 6 },
        { out: 0, in: 6 },
        { out: 9, in: 0 },
      ]) {
        for (const density of [0, 1]) {
          const weight = randomDense(shape.out, shape.in, density)
          using product = openProduct(gpu(), FORMATS[format]!(weight, { ...shape, halves: false }))
          for (const m of [0, 1]) {
            const x = randomDense(m, shape.in, 0.9)
            expect(unsigned(await product.multiply(x, m))).toEqual(unsigned(multiplied(x, weight, { ...shape, m })))
          }
        }
      }
    })
  })

  test.each([
    ['dense', dense],
    ['rows', rows],
    ['bitmap', (weight: Float32Array, shape: { out: number; in: number }) => bitmapOf(rows(weight, shape))],
    ['tiles', (weight: Float32Array, shape: { out: number; in: number }) => tiles(weight, shape, [4, 1])],
  ] as const)('codes of 8 bits have a scale for each output, and sums a bias and a function: %s, in bands too', async (_, pack) => {
    const shape = { out: 67, in: 52 }
    const codes = randomDense(shape.out, shape.in, 0.3).map((value) => 8 * value)
    const scales = Float32Array.from({ length: shape.out }, (_, i) => 2 ** ((i % 3) - 3))
    const bias = Float32Array.from({ length: shape.out }, (_, i) => (i % 5) - 2)
    const floats = pack(codes, shape)
    const matrix = { ...floats, values: Int8Array.from(floats.values), scales } as DeviceMatrix
    for (const most of [1 << 20, 800]) {
      using product = openProduct(gpu(), matrix, { bias, activation: 'relu', most })
      for (const m of floats.kind === 'dense' ? [1, 5] : [1, 5, 12]) {
        const x = randomDense(m, shape.in, 0.9)
        const sums = multiplied(x, codes, { ...shape, m })
        const expected = sums.map((sum, i) => Math.max(0, sum * scales[i % shape.out]! + bias[i % shape.out]!))
        expect(unsigned(await product.multiply(x, m))).toEqual(unsigned(expected))
      }
    }
  })

  test.each([32, 64, 256])('with %i threads of a group it is the same', async (threads) => {
    const shape = { out: 37, in: 90 }
    const weight = randomDense(shape.out, shape.in, 0.3)
    using product = openProduct(gpu(), rows(weight, shape), { threads })
    const x = randomDense(1, shape.in, 0.9)
    expect(unsigned(await product.multiply(x, 1))).toEqual(unsigned(multiplied(x, weight, { ...shape, m: 1 })))
  })

  test.each(['large', 'small'] as const)('%s tiles of the dense product, more than one each way', async (tiles) => {
    const shape = { out: 133, in: 40 }
    const weight = randomDense(shape.out, shape.in, 1)
    using product = openProduct(gpu(), dense(weight, shape), { tiles })
    const x = randomDense(131, shape.in, 1)
    expect(unsigned(await product.multiply(x, 131))).toEqual(unsigned(multiplied(x, weight, { ...shape, m: 131 })))
  })

  test('sums of random numbers are within 1e-6 of the sum of their sizes', async () => {
    const shape = { out: 20, in: 1000 }
    const weight = Float32Array.from({ length: shape.out * shape.in }, (_, i) => (i % 3 === 0 ? Math.sin(i) : 0))
    const x = Float32Array.from({ length: 12 * shape.in }, (_, i) => Math.cos(i * i))
    const sizes = multiplied(x.map(Math.abs), weight.map(Math.abs), { ...shape, m: 12 })
    const expected = multiplied(x, weight, { ...shape, m: 12 })
    for (const matrix of [dense(weight, shape), rows(weight, shape), tiles(weight, shape, [1, 4])]) {
      using product = openProduct(gpu(), matrix)
      const y = await product.multiply(x, 12)
      for (const [i, sum] of y.entries()) expect(Math.abs(sum - expected[i]!)).toBeLessThanOrEqual(1e-6 * sizes[i]!)
    }
  })

  test('NaN and infinities of x reach what they are multiplied with; absent entries do not see them', async () => {
    const shape = { out: 2, in: 4 }
    const weight = Float32Array.of(1, 0, 2, 0, 0, 3, 0, 0)
    const x = Float32Array.of(Infinity, 1, 1, NaN)
    // Row 0: Infinity + 2 = Infinity; row 1: 3. Dense: Infinity + 1 · 0 + 2 + NaN · 0 = NaN; Infinity · 0 = NaN.
    expect(await once(gpu(), rows(weight, shape), x)).toEqual([Infinity, 3])
    expect(await once(gpu(), dense(weight, shape), x)).toEqual([NaN, NaN])
    expect(await once(gpu(), dense(Float32Array.of(1, NaN, 1, 1), { out: 1, in: 4 }), Float32Array.of(1, 1, 1, 1))).toEqual([NaN])
  })

  test('x of another size is refused', async () => {
    using product = openProduct(gpu(), dense(new Float32Array(6), { out: 2, in: 3 }))
    await expect(product.multiply(new Float32Array(5), 2)).rejects.toThrow('x has 5 elements, and 2 × 3 were expected')
  })
})

/** A sum of nothing but zeros has either sign. */
const unsigned = (values: Float32Array) => values.map((value) => value + 0)

for (const adapter of ADAPTERS) {
  test.skipIf(!adapter.isHere)(
    `without subgroups on ${adapter.name}, threads put their sums together in shared memory`,
    async () => {
      await using gpu = await openSoftware(adapter, { without: 'subgroups' })
      expect(gpu.subgroup).toBeUndefined()
      const shape = { out: 37, in: 90 }
      const weight = randomDense(shape.out, shape.in, 0.3)
      for (const matrix of [dense(weight, shape), rows(weight, shape)]) {
        using product = openProduct(gpu, matrix)
        for (const m of [1, 5]) {
          const x = randomDense(m, shape.in, 0.9)
          expect(unsigned(await product.multiply(x, m))).toEqual(unsigned(multiplied(x, weight, { ...shape, m })))
        }
      }
    },
  )
}

async function once(gpu: Gpu, matrix: DeviceMatrix, x: Float32Array): Promise<number[]> {
  using product = openProduct(gpu, matrix)
  return [...(await product.multiply(x, 1))]
}
