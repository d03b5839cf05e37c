import { applyPlan, type Criterion, formatPlan, makePlan, parsePlan, planOf, type Scope } from '@pare/core'
import { type Model, parseText, readAll } from '@pare/onnx'
import { testStructure } from '@pare/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { tile } from './index.js'

testStructure(tile)
testStructure(() => tile({ rows: 2, columns: 3 }))

const magnitude: Criterion = { name: 'magnitude', needs: {}, saliency: ({ weight }, ops) => ops.abs(weight) }

interface Pruning {
  readonly sparsity: number
  readonly rows?: number
  readonly columns?: number
  readonly scope?: Scope
}

async function prune(model: Model, { sparsity, scope = 'global', ...size }: Pruning): Promise<Model> {
  const { steps } = await makePlan(model, [{ structure: tile(size), criterion: magnitude, scope, target: { sparsity } }], {
    seed: 1,
  })
  return applyPlan(model, { seed: 1, steps })
}

const weightOf = async (model: Model, index = 0) => [
  ...new Float32Array((await readAll(model.graph.initializers[index]!.data)).buffer),
]

const matmul = (shape: readonly [number, number], w: readonly number[]) =>
  parseText(`g (float[N, ${shape[0]}] x) => (float[N, ${shape[1]}] y) <float[${shape}] w> { y = MatMul(x, w) }`, {
    w: Float32Array.from(w),
  })

const gemm = ([out, inputs]: readonly [number, number], w: readonly number[]) =>
  parseText(`g (float[N, ${inputs}] x) => (float[N, ${out}] y) <float[${out}, ${inputs}] w> { y = Gemm<transB = 1>(x, w) }`, {
    w: Float32Array.from(w),
  })

test('the tile of the smallest sum goes', async () => {
  // Tiles of [out 2, in 4] sum to 3, 7, 6 and 4. A quarter of 8 elements is one tile.
  expect(await weightOf(await prune(gemm([2, 4], [1, 2, 3, 4, 5, 1, 2, 2]), { sparsity: 0.25, columns: 2 }))).toEqual([
    0, 0, 3, 4, 5, 1, 2, 2,
  ])
})

test('MatMul: a tile is four inputs of one output, down a column of [in, out]', async () => {
  // Column 0 sums to 1 + 1 + 1 + 8 = 11, column 1 to 9 + 1 + 1 + 1 = 12.
  expect(await weightOf(await prune(matmul([4, 2], [1, 9, 1, 1, 1, 1, 8, 1]), { sparsity: 0.5 }))).toEqual([
    0, 9, 0, 1, 0, 1, 0, 1,
  ])
})

test('edges: smaller tiles, and as many elements as whole tiles allow', async () => {
  // [out 3, in 5] in tiles of 2 × 4: the four sum to 8, 20, 4 and 1. Of 15 elements 9 are due: the last two tiles are 5, a third would make 13.
  const w = [1, 1, 1, 1, 10, 1, 1, 1, 1, 10, 1, 1, 1, 1, 1]
  expect(await weightOf(await prune(gemm([3, 5], w), { sparsity: 0.6, rows: 2 }))).toEqual([
    1, 1, 1, 1, 10, 1, 1, 1, 1, 10, 0, 0, 0, 0, 0,
  ])
})

test('a zero counts 0 and is not counted twice', async () => {
  // Tiles 0 + 3, 1 + 1, 2 + 2 with one zero there already. Three zeros of six: 1 + 1 goes, two more, and that is all.
  expect(await weightOf(await prune(gemm([1, 6], [0, 3, 1, 1, 2, 2]), { sparsity: 0.5, columns: 2 }))).toEqual([0, 3, 0, 0, 2, 2])
})

test('ties go by position, and rows lose alike with scope row', async () => {
  const ones = Array.from({ length: 16 }, () => 1)
  expect(await weightOf(await prune(gemm([2, 8], ones), { sparsity: 0.5, columns: 2 }))).toEqual(
    ones.map((_, i) => (i < 8 ? 0 : 1)),
  )
  expect(await weightOf(await prune(gemm([2, 8], ones), { sparsity: 0.5, columns: 2, scope: 'row' }))).toEqual(
    ones.map((_, i) => (i % 8 < 4 ? 0 : 1)),
  )
})

/** The slow way: all tiles of a matrix [out, in], sorted. */
function oracle(
  w: readonly number[],
  [out, inputs]: readonly [number, number],
  { sparsity, rows = 1, columns = 4 }: Pruning,
): number[] {
  const tiles: number[][] = []
  for (let r = 0; r < out; r += rows) {
    for (let c = 0; c < inputs; c += columns) {
      const elements: number[] = []
      for (let i = r; i < Math.min(r + rows, out); i++)
        for (let j = c; j < Math.min(c + columns, inputs); j++) elements.push(i * inputs + j)
      tiles.push(elements)
    }
  }
  const score = (elements: readonly number[]) => elements.reduce((total, e) => total + Math.abs(w[e]!), 0)
  const pruned = [...w]
  for (const elements of tiles.sort((a, b) => score(a) - score(b))) {
    const next = [...pruned]
    for (const e of elements) next[e] = 0
    if (next.filter((v) => v === 0).length > Math.round(sparsity * w.length)) break
    pruned.splice(0, pruned.length, ...next)
  }
  return pruned
}

test('any matrix, any tiles: what sorting all of them gives, in either layout', async () => {
  const numbers = fc.integer({ min: -8, max: 8 }).map((n) => n / 4)
  const cases = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })).chain(([out, inputs]) =>
    fc.record({
      shape: fc.constant([out, inputs] as const),
      w: fc.array(numbers, { minLength: out * inputs, maxLength: out * inputs }),
      rows: fc.integer({ min: 1, max: 4 }),
      columns: fc.integer({ min: 1, max: 5 }),
      sparsity: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  )
  await fc.assert(
    fc.asyncProperty(cases, async ({ shape, w, ...pruning }) => {
      const expected = oracle(w, shape, pruning)
      expect((await weightOf(await prune(gemm(shape, w), pruning))).map(Math.abs)).toEqual(expected.map(Math.abs))
      const [out, inputs] = shape
      // The same matrix on its side. Ties are in another order there, so sums must differ for the masks to be the same.
      const distinct = w.map((v, i) => v * 64 + 2 ** -10 * i)
      const turned = Array.from({ length: inputs * out }, (_, i) => distinct[(i % out) * inputs + Math.floor(i / out)]!)
      const back = await weightOf(await prune(matmul([inputs, out], turned), pruning))
      const straight = await weightOf(await prune(gemm(shape, distinct), pruning))
      expect(distinct.map((_, i) => back[(i % inputs) * out + Math.floor(i / inputs)]! === 0)).toEqual(
        straight.map((v) => v === 0),
      )
    }),
    { numRuns: 60 },
  )
})

test('a plan read back masks the same, in every scope and by threshold', async () => {
  const w = Array.from({ length: 63 }, (_, i) => Math.sin(i))
  const model = gemm([7, 9], w)
  for (const step of [
    { scope: 'global', target: { sparsity: 0.5 } },
    { scope: 'tensor', target: { sparsity: 0.5 } },
    { scope: 'row', target: { sparsity: 0.5 } },
    { target: { threshold: 2 } },
  ] as const) {
    const { steps } = await makePlan(model, [{ structure: tile({ rows: 2 }), criterion: magnitude, ...step }], { seed: 1 })
    const plan = planOf({ path: 'm.onnx', bytes: 1, sha256: 'a'.repeat(64) }, 1, steps)
    const read = await parsePlan(formatPlan(plan), 'p.json')
    expect(read).toEqual(plan)
    const pruned = await applyPlan(model, read)
    const whole = await readAll(pruned.graph.initializers[0]!.data)
    const part = new Uint8Array(21)
    await pruned.graph.initializers[0]!.data.read(part, 50)
    expect(part).toEqual(whole.slice(50, 71))
  }
})

test('options are checked', () => {
  for (const options of [{ rows: 0 }, { columns: 1.5 }, { rows: -1 }])
    expect(() => tile(options)).toThrow('a whole number from 1 on was expected')
})
