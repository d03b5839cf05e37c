import { type Model, parseText, readAll } from '@pare/onnx'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { applyPlan } from '../apply/apply.js'
import type { Pattern, Structure } from '../contract/contract.js'
import { makePlan } from '../plan/make-plan.js'
import type { ElementTarget, PruneStep } from '../plan/plan.js'
import { formatPlan, parsePlan, planOf } from '../plan/plan-file.js'
import { magnitude, masking } from '../plan/plugins.test.data.js'

/** Weights of one matrix of 2 … 3 axes, by what reads it: where element (output, kernel position, channel) lies in storage. */
const LAYOUTS = {
  MatMul: (out: number, channels: number) => ({
    text: `g (float[N, ${channels}] x) => (float[N, ${out}] y) <float[${channels}, ${out}] w> { y = MatMul(x, w) }`,
    kernel: 1,
    at: (o: number, _: number, c: number) => c * out + o,
  }),
  Gemm: (out: number, channels: number) => ({
    text: `g (float[N, ${channels}] x) => (float[N, ${out}] y) <float[${out}, ${channels}] w> { y = Gemm<transB = 1>(x, w) }`,
    kernel: 1,
    at: (o: number, _: number, c: number) => o * channels + c,
  }),
  Conv: (out: number, channels: number) => ({
    text: `g (float[N, ${channels}, L] x) => (float[N, ${out}, M] y) <float[${out}, ${channels}, 2] w> { y = Conv(x, w) }`,
    kernel: 2,
    at: (o: number, k: number, c: number) => (o * channels + c) * 2 + k,
  }),
} as const

type Layout = keyof typeof LAYOUTS

async function pruned(model: Model, pattern: Pattern, step: Partial<PruneStep> & { target?: ElementTarget } = {}) {
  const { steps } = await makePlan(model, [{ structure: masking(pattern), criterion: magnitude, ...step }], { seed: 1 })
  const plan = planOf({ path: 'm.onnx', bytes: 1, sha256: 'a'.repeat(64) }, 1, steps)
  const read = await parsePlan(formatPlan(plan), 'plan.json')
  expect(read).toEqual(plan)
  const { graph } = await applyPlan(model, read)
  const [step1] = steps
  return {
    weights: await Promise.all(
      graph.initializers.map(async ({ data }) => [...new Float32Array((await readAll(data)).slice().buffer)]),
    ),
    counts: step1?.kind === 'mask' ? step1.weights.map(({ zeros, masked }) => ({ zeros, masked })) : [],
  }
}

const small = fc.integer({ min: -6, max: 6 }).map((n) => n / 4)
const matrix = fc
  .record({
    layout: fc.constantFrom<Layout>('MatMul', 'Gemm', 'Conv'),
    out: fc.integer({ min: 1, max: 6 }),
    channels: fc.integer({ min: 1, max: 10 }),
  })
  .chain(({ layout, out, channels }) => {
    const shape = LAYOUTS[layout](out, channels)
    const elements = out * channels * shape.kernel
    return fc.record({
      ...{ layout: fc.constant(layout), out: fc.constant(out), channels: fc.constant(channels), shape: fc.constant(shape) },
      w: fc.array(small, { minLength: elements, maxLength: elements }),
    })
  })

describe('n:m', () => {
  test('of four channels the two largest stay, of equal ones the later, by hand', async () => {
    const model = parseText('g (float[N, 6] x) => (float[N, 2] y) <float[2, 6] w> { y = Gemm<transB = 1>(x, w) }', {
      w: Float32Array.of(1, -4, 2, 3, 5, 6, 2, 2, 2, 2, 0, 7),
    })
    // Of the two channels left over ⌈2 · 2/4⌉ = 1 stays.
    const { weights, counts } = await pruned(model, { kind: 'nm', n: 2, m: 4 })
    expect(weights[0]!.map(Math.abs)).toEqual([0, 4, 0, 3, 0, 6, 0, 0, 2, 2, 0, 7])
    expect(counts).toEqual([{ zeros: 1, masked: 6 }])
  })

  test('any weight, any pattern: what sorting each block gives', async () => {
    const patterns = fc
      .integer({ min: 2, max: 5 })
      .chain((m) => fc.record({ m: fc.constant(m), n: fc.integer({ min: 1, max: m - 1 }) }))
    await fc.assert(
      fc.asyncProperty(matrix, patterns, async ({ out, channels, shape, w }, { n, m }) => {
        const { weights } = await pruned(parseText(shape.text, { w: Float32Array.from(w) }), { kind: 'nm', n, m })
        const expected = w.map(Math.abs)
        for (let o = 0; o < out; o++)
          for (let k = 0; k < shape.kernel; k++)
            for (let c = 0; c < channels; c += m) {
              const block = Array.from({ length: Math.min(m, channels - c) }, (_, i) => shape.at(o, k, c + i))
              // sort is stable: of equal ones the earlier comes first, and goes.
              const byValue = [...block].sort((a, b) => Math.abs(w[a]!) - Math.abs(w[b]!))
              for (const e of byValue.slice(0, block.length - Math.ceil((block.length * n) / m))) expected[e] = 0
            }
        expect(weights[0]!.map(Math.abs)).toEqual(expected)
      }),
      { numRuns: 30 },
    )
  })
})

/** The slow way: tiles of all weights in the order of their sums, then of weights, then of numbers, until the next would be too much. */
function tiled(
  all: readonly { w: readonly number[]; tiles: readonly (readonly number[])[] }[],
  most: number,
): { readonly left: number[][]; readonly masked: number } {
  const left = all.map(({ w }) => w.map(Math.abs))
  const sum = (weight: number, tile: readonly number[]) => tile.reduce((total, e) => total + Math.abs(all[weight]!.w[e]!), 0)
  const order = all.flatMap(({ tiles }, weight) => tiles.map((tile) => ({ weight, tile, sum: sum(weight, tile) })))
  const zeros = () => left.flat().filter((v) => v === 0).length
  // What is zero already goes first, and costs nothing.
  for (const { weight, tile } of order.sort((a, b) => (a.sum === 0 ? -1 : a.sum) - (b.sum === 0 ? -1 : b.sum))) {
    const added = tile.filter((e) => left[weight]![e] !== 0).length
    if (zeros() + added > most) break
    for (const e of tile) left[weight]![e] = 0
  }
  return { left, masked: zeros() }
}

/** Elements of each tile of rows × columns, numbered along rows where those are stored in one piece, else along columns. */
function tilesOf(
  layout: Layout,
  [out, channels]: readonly [number, number],
  { rows, columns }: { rows: number; columns: number },
) {
  const { at, kernel } = LAYOUTS[layout](out, channels)
  const width = channels * kernel
  const element = (o: number, i: number) => at(o, i % kernel, Math.floor(i / kernel))
  const bands = Array.from({ length: Math.ceil(out / rows) }, (_, band) =>
    Array.from({ length: Math.ceil(width / columns) }, (_, column) => {
      const elements: number[] = []
      for (let o = band * rows; o < Math.min((band + 1) * rows, out); o++)
        for (let i = column * columns; i < Math.min((column + 1) * columns, width); i++) elements.push(element(o, i))
      return elements
    }),
  )
  const turned = bands[0]!.map((_, column) => bands.map((band) => band[column]!))
  return layout === 'MatMul' ? turned.flat() : bands.flat()
}

const size = fc.record({ rows: fc.integer({ min: 1, max: 4 }), columns: fc.integer({ min: 1, max: 5 }) })

describe('tiles', () => {
  test('any weight, any tiles: what sorting all of them gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        matrix,
        size,
        fc.integer({ min: 0, max: 100 }),
        async ({ layout, out, channels, shape, w }, tile, percent) => {
          const target = { sparsity: percent / 100 }
          const { weights, counts } = await pruned(
            parseText(shape.text, { w: Float32Array.from(w) }),
            { kind: 'tile', ...tile },
            { target, scope: 'tensor' },
          )
          const { left, masked } = tiled(
            [{ w, tiles: tilesOf(layout, [out, channels], tile) }],
            Math.round(target.sparsity * w.length),
          )
          expect(weights[0]!.map(Math.abs)).toEqual(left[0])
          expect(counts[0]!.masked).toBe(masked)
        },
      ),
      { numRuns: 40 },
    )
  })

  const two = (a: readonly number[], b: readonly number[]) =>
    parseText(
      'g (float[N, 4] x) => (float[N, 4] z) <float[4, 4] a, float[4, 4] b> { y = Gemm<transB = 1>(x, a) z = Gemm<transB = 1>(y, b) }',
      { a: Float32Array.from(a), b: Float32Array.from(b) },
    )

  test('two weights ranked together, ties by weight and number', async () => {
    const values = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 32, maxLength: 32 })
    await fc.assert(
      fc.asyncProperty(values, fc.integer({ min: 0, max: 32 }), async (all, most) => {
        const [a, b] = [all.slice(0, 16), all.slice(16)]
        const tile = { rows: 2, columns: 2 }
        const target = { sparsity: most / 32 }
        const { weights } = await pruned(two(a, b), { kind: 'tile', ...tile }, { target, scope: 'global' })
        const tiles = tilesOf('Gemm', [4, 4], tile)
        const { left } = tiled(
          [a, b].map((w) => ({ w, tiles })),
          most,
        )
        expect(weights).toEqual(left)
      }),
      { numRuns: 30 },
    )
  })

  test('scope row: each band of rows loses alike, and what one cannot use up goes to the next', async () => {
    // Bands of two rows, tiles of 2 × 2. 12 of 16: 6 are due in each band; the first can lose 4, the second 8 of the 8 that are due by then.
    const w = [1, 1, 5, 5, 1, 1, 5, 5, 9, 9, 2, 2, 9, 9, 2, 2]
    const model = two(
      w,
      w.map(() => 3),
    )
    const { weights, counts } = await pruned(
      model,
      { kind: 'tile', rows: 2, columns: 2 },
      { target: { sparsity: 0.75 }, scope: 'row' },
    )
    expect(weights[0]).toEqual([0, 0, 5, 5, 0, 0, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(counts).toEqual([
      { zeros: 0, masked: 12 },
      { zeros: 0, masked: 12 },
    ])
  })

  test('a threshold: tiles whose sum is below it, whatever share that is', async () => {
    const w = [1, 1, 5, 5, 1, 1, 5, 5, 9, 9, 2, 2, 9, 9, 2, 2]
    const at = async (threshold: number) =>
      (await pruned(two(w, w), { kind: 'tile', rows: 2, columns: 2 }, { target: { threshold } })).weights[1]!
    expect(await at(4)).toEqual(w)
    expect(await at(4.1)).toEqual([0, 0, 5, 5, 0, 0, 5, 5, 9, 9, 2, 2, 9, 9, 2, 2])
    expect(await at(100)).toEqual(w.map(() => 0))
  })

  test('all may go: all do', async () => {
    for (const scope of ['global', 'tensor', 'row'] as const) {
      const w = Array.from({ length: 16 }, (_, i) => i)
      const { weights } = await pruned(two(w, w), { kind: 'tile', rows: 3, columns: 3 }, { target: { sparsity: 1 }, scope })
      expect(weights.flat()).toEqual(Array.from({ length: 32 }, () => 0))
    }
  })
})

test('a structure of mixed patterns is a bug of its author', async () => {
  const matrix = Float32Array.from({ length: 16 }, (_, i) => i + 1)
  const text = 'g (float[N, 4] x) => (float[N, 4] z) <float[4, 4] a, float[4, 4] b> { y = MatMul(x, a) z = MatMul(y, b) }'
  const mixed: Structure = {
    name: 'mixed',
    find: ({ weights }) => ({
      groups: weights.map((weight, i) => ({
        ...{ kind: 'mask', id: weight.id, weight },
        pattern: i === 0 ? { kind: 'nm', n: 1, m: 2 } : { kind: 'free' },
      })),
      declined: [],
    }),
  }
  const step = { structure: mixed, criterion: magnitude, target: { sparsity: 0.5 } }
  const plan = makePlan(parseText(text, { a: matrix, b: matrix }), [step], { seed: 1 })
  await expect(plan).rejects.toThrow("structure 'mixed' gives 'a' one pattern and 'b' another")
})
